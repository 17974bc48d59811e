"""Faults of growing size, one per gate, to be planted in resampled snapshots (quality.power)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from gristmill.datasets import SIGNAL_FAMILIES
from quality.metrics.extract import Listing
from quality.power import KEPT, LANGUAGES, RULES, SCORE, Documents, Memory, stages

Rng = np.random.Generator
Rows = NDArray[np.int64]
SHARES = (0.01, 0.02, 0.03, 0.05, 0.08, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.75, 1.0)
ONE = (1.0,)


@dataclass(frozen=True)
class Planted:
    """What is planted so that `check` fails; `what` says what a size of it means."""

    check: str
    what: str
    sizes: Sequence[float]


@dataclass(frozen=True)
class Fault(Planted):
    """One that is planted in drawn documents, or in the tables that the stages would have made of them."""

    plant: Callable[[Documents, float, Rng], Memory]


def _documents(change: Callable[[Documents, float, Rng], Documents]) -> Callable[[Documents, float, Rng], Memory]:
    return lambda documents, size, rng: stages(change(documents, size, rng))


def _edit(dataset: str, change: Callable[[pa.Table], pa.Table]) -> Callable[[Documents, float, Rng], Memory]:
    return lambda documents, size, rng: stages(documents).edit(dataset, change)


def _some(rows: Rows, share: float, rng: Rng) -> Rows:
    return rng.permutation(rows)[: round(share * len(rows))]


def _put(column: NDArray[np.int64], rows: Rows, value: int) -> NDArray[np.int64]:
    column = column.copy()
    column[rows] = value
    return column


def _kept(documents: Documents) -> Rows:
    return np.flatnonzero(documents.reason == KEPT)


def _language(code: str) -> Callable[[Documents, float, Rng], Documents]:
    def change(d: Documents, share: float, rng: Rng) -> Documents:
        rows = _some(np.arange(len(d)), share, rng)
        return replace(d, language=_put(d.language, rows, LANGUAGES.index(code)))

    return change


def _removed(d: Documents, rows: Rows, rule: str = "short") -> Documents:
    # What had left as a copy of one of these leaves for the same reason.
    copies = np.flatnonzero((d.copy_of >= 0) & np.isin(d.copy_of, rows))
    rows = np.concatenate([rows, copies])
    return replace(d, reason=_put(d.reason, rows, RULES.index(rule)), copy_of=_put(d.copy_of, rows, -1))


def _removed_where(where: Callable[[Documents], NDArray[np.bool_]]) -> Callable[[Documents, float, Rng], Documents]:
    return lambda d, share, rng: _removed(d, _some(np.flatnonzero(where(d) & (d.reason == KEPT)), share, rng))


def _copies(d: Documents, share: float, rng: Rng) -> Documents:
    """A share of the documents become copies of a page that stays."""
    kept = _kept(d)
    stays, rest = kept[0], kept[1:]
    rest = rest[~np.isin(rest, d.copy_of)]
    rows = rng.permutation(rest)[: round(share * len(d))]
    return replace(d, reason=_put(d.reason, rows, 0), copy_of=_put(d.copy_of, rows, int(stays)))


def _moved(d: Documents, share: float, rng: Rng) -> Documents:
    return replace(d, host=_put(d.host, _some(np.arange(len(d)), share, rng), 1))


def _without(gone: Callable[[Documents], NDArray[np.bool_]]) -> Callable[[Documents, float, Rng], Documents]:
    """What goes has copies among what goes alone: pages of one host."""

    def change(d: Documents, share: float, rng: Rng) -> Documents:
        stay = ~gone(d)
        stay[np.flatnonzero(d.copy_of >= 0)] &= stay[d.copy_of[d.copy_of >= 0]]
        place = np.cumsum(stay) - 1
        names = ("host", "language", "reason", "score", "chars", "damage", "listed", "truncated")
        copies = np.where(d.copy_of >= 0, place[d.copy_of], -1)[stay]
        return replace(d, copy_of=copies, **{name: getattr(d, name)[stay] for name in names})

    return change


def _damaged(column: str, value: float) -> Callable[[Documents, float, Rng], Documents]:
    def change(d: Documents, share: float, rng: Rng) -> Documents:
        values = getattr(d, column).copy()
        values[_some(_kept(d), share, rng)] = value
        return replace(d, **{column: values})

    return change


def _silent(d: Documents, share: float, rng: Rng) -> Documents:
    rows = np.flatnonzero(d.reason == RULES.index("digits"))
    return replace(d, reason=_put(d.reason, rows, KEPT))


def _truncated(d: Documents, share: float, rng: Rng) -> Documents:
    flags = d.truncated.copy()
    flags[_some(np.arange(len(d)), share, rng)] = True
    return replace(d, truncated=flags)


def _lost(documents: Documents, share: float, rng: Rng) -> Memory:
    found = stages(documents)
    size = round(share * sum(found.listing.bytes.values()))
    row = pa.table({"doc_id": [11], "reason": ["corrupt"], "bytes": [size]})
    return found.edit("rejects", lambda table: pa.concat_tables([table.slice(1), row]))


def _unread(documents: Documents, size: float, rng: Rng) -> Memory:
    found = stages(documents)
    listing = Listing({**found.listing.bytes, "000009": 1}, frozenset({"000009"}))
    return Memory(found.tables, found.accounts, listing)


def _without_records(documents: Documents, size: float, rng: Rng) -> Memory:
    found = _unread(documents, size, rng)
    found.tables["documents"]["000009"] = found.tables["documents"]["000000"].slice(0, 0)
    return found


def _quarantined(documents: Documents, share: float, rng: Rng) -> Memory:
    found = stages(documents)
    own = found.accounts["documents"]
    more = round(share * own.records_in)
    found.accounts["documents"] = replace(own, records_in=own.records_in + more, quarantined=more)
    return found


def _nothing(documents: Documents, size: float, rng: Rng) -> Memory:
    empty = {name: getattr(documents, name)[:0] for name in
             ("host", "language", "reason", "copy_of", "score", "chars", "damage", "listed", "truncated")}  # fmt: skip
    return stages(replace(documents, **empty))


def _cell(column: str, value: object) -> Callable[[pa.Table], pa.Table]:
    """The value in the first row of a table."""

    def change(table: pa.Table) -> pa.Table:
        own = table.column(column)
        first = pa.array([value], own.type)
        place = table.column_names.index(column)
        return table.set_column(place, column, pa.chunked_array([first, *own.slice(1).chunks]))

    return change


def _of_removed(column: str, value: object) -> Callable[[pa.Table], pa.Table]:
    """The value in the first row of a document that was removed as a duplicate."""

    def change(table: pa.Table) -> pa.Table:
        where = pc.is_valid(table.column("duplicate_of")).to_numpy().argmax()
        parts = [table.slice(0, where), _cell(column, value)(table.slice(where, 1)), table.slice(where + 1)]
        return pa.concat_tables(parts)

    return change


def _first(rows: pa.Table) -> pa.Table:
    return rows.slice(1)


def _repeated(table: pa.Table) -> pa.Table:
    return _cell("doc_id", table.column("doc_id")[1].as_py())(table)


def _larger(documents: Documents, size: float, rng: Rng) -> Memory:
    def change(table: pa.Table) -> pa.Table:
        grown = pc.cast(pc.multiply(pc.cast(table.column("bytes"), pa.float64()), 1 + size), pa.int32(), safe=False)
        return table.set_column(table.column_names.index("bytes"), "bytes", grown)

    return stages(documents).edit("corpus", change)


_RECORD = "record"
CONTRACT = (
    Fault("extract balance", f"{_RECORD} lost", ONE, _edit("documents", _first)),
    Fault("rejects accounted", f"{_RECORD} without its row", ONE, _edit("rejects", _first)),
    *(Fault(f"{family} balance", "document not measured", ONE, _edit(family, _first)) for family in SIGNAL_FAMILIES),
    Fault("score balance", "document not scored", ONE, _edit(SCORE, _first)),
    Fault("decide balance", "document neither kept nor removed", ONE, _edit("decisions", _first)),
    Fault("curate balance", "kept document lost", ONE, _edit("corpus", _first)),
    Fault("document keys unique", "id twice", ONE, _edit("documents", _repeated)),
    Fault("corpus keys unique", "id twice", ONE, _edit("corpus", _repeated)),
    Fault("no empty text", "empty text", ONE, _edit("corpus", _cell("chars", 0))),
    Fault("numbers possible", "text with fewer bytes than characters", ONE, _edit("corpus", _cell("bytes", 1))),
    Fault("least language score", "score below 0", ONE, _edit("corpus", _cell("language_score", -0.01))),
    Fault("greatest language score", "score above 1", ONE, _edit("corpus", _cell("language_score", 1.01))),
    Fault("language codes", "odd code", ONE, _edit("language", _cell("language", "<en>"))),
    Fault("corpus language codes", "odd code", ONE, _edit("corpus", _cell("language", "<en>"))),
    Fault("shards even", "of its size that one of 4 shards is larger", (0.3, 0.5, 0.75, 1.0, 1.5), _larger),
    Fault("removals explained", "removal without its value", ONE, _edit("decisions", _of_removed("value", None))),
    Fault("right removals", "removal for another document", ONE, _edit("decisions", _of_removed("duplicate_of", 3))),
)  # fmt: skip
COMPLETENESS = (
    Fault("files read", "file unread", ONE, _unread),
    Fault("bytes read", "byte unread", ONE, _unread),
    Fault("digests pinned", "file without a pinned digest", ONE, _unread),
    Fault("files with records", "file without a record", ONE, _without_records),
    Fault("lost bytes", "of the bytes lost", (0.0005, 0.001, 0.0011, 0.002), _lost),
    Fault("quarantined records", "of the records quarantined", (0.0005, 0.001, 0.0015, 0.002), _quarantined),
    Fault("truncated captures", "of the pages truncated", SHARES, _documents(_truncated)),
    Fault("documents found", "(no document at all)", ONE, _nothing),
    Fault("kept share", "of the kept documents removed", (0.9, 0.95, 0.97, 0.98, 0.99, 1.0),
          _documents(_removed_where(lambda d: d.host >= 0))),
    Fault("language known", "of the documents without a language", SHARES, _documents(_language("und"))),
)  # fmt: skip
DRIFT = (
    Fault("language mix", "of the documents turned Japanese", SHARES, _documents(_language("ja"))),
    Fault("language share", "of the documents turned Japanese", SHARES, _documents(_language("ja"))),
    Fault("lengths", "longer, every text", SHARES, _documents(lambda d, s, r: replace(d, chars=d.chars * (1 + s)))),
    Fault("language scores", "of the range less, every score", SHARES,
          _documents(lambda d, s, r: replace(d, score=np.maximum(0, d.score - s)))),
    Fault("kept share drift", "of the kept documents removed", SHARES,
          _documents(_removed_where(lambda d: d.host >= 0))),
    Fault("rule rates", "of the kept documents removed by one rule", SHARES,
          _documents(_removed_where(lambda d: d.host >= 0))),
    Fault("duplicate rate", "of the documents are copies", SHARES, _documents(_copies)),
    Fault("bytes per document", "more bytes, every text", SHARES,
          _documents(lambda d, s, r: replace(d, bytes_per_char=d.bytes_per_char * (1 + s)))),
    Fault("host concentration", "of the documents on one host", SHARES, _documents(_moved)),
    Fault("ten largest hosts", "of the documents on one host", SHARES, _documents(_moved)),
    Fault("encoding damage drift", "of the kept documents damaged", SHARES, _documents(_damaged("damage", 0.004))),
    Fault("encoding damage", "damaged characters, in every kept document", (0.002, 0.004, 0.005, 0.006, 0.01),
          _documents(lambda d, s, r: _damaged("damage", s)(d, 1.0, r))),
    Fault("listed words drift", "of the kept documents with a listed word", SHARES,
          _documents(_damaged("listed", 1.0))),
    Fault("listed words", "of the kept documents with a listed word", SHARES,
          _documents(_damaged("listed", 1.0))),
    Fault("language kept", "of the kept German documents removed", SHARES,
          _documents(_removed_where(lambda d: d.language == LANGUAGES.index("de")))),
    Fault("language lost", "of the kept German documents removed", (0.9, 0.95, 0.98, 0.99, 1.0),
          _documents(_removed_where(lambda d: d.language == LANGUAGES.index("de")))),
    Fault("host share", "of the documents on one host", SHARES, _documents(_moved)),
    Fault("domain share", "of the documents on one host", SHARES, _documents(_moved)),
    Fault("host kept", "of the kept documents of a host of 520 removed", SHARES,
          _documents(_removed_where(lambda d: d.host == 0))),
    Fault("domain kept", "of the kept documents of a host of 520 removed", SHARES,
          _documents(_removed_where(lambda d: d.host == 0))),
    Fault("large hosts kept", "of the kept documents of a host of 520 removed", (0.9, 0.95, 0.98, 0.99, 1.0),
          _documents(_removed_where(lambda d: d.host == 0))),
    Fault("silent rules", "(a rule that removes 1 % of the documents falls silent)", ONE, _documents(_silent)),
)  # fmt: skip
VANISHED = {
    3000: Fault("language share", "(a language of 4 percent vanishes)", ONE,
                _documents(_without(lambda d: d.language == LANGUAGES.index("ko")))),
    850: Fault("host share", "(a host of 5 percent vanishes)", ONE, _documents(_without(lambda d: d.host == 0))),
}  # fmt: skip
"""Hosts of a crawl -> a key that is lost from one of that size, be there one earlier release or eight; smaller crawls
do not tell it from chance."""
FAULTS = (*CONTRACT, *COMPLETENESS, *DRIFT)
