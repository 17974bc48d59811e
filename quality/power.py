"""Resampled snapshots: how small a fault do the gates find, and how often do they accuse a clean snapshot?

A population of documents is drawn once from a seed; a snapshot is a bootstrap of it by host, since pages of one host
are alike. Faults are planted in the drawn documents or in the tables that the stages would have made of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gristmill.datasets import SIGNAL_FAMILIES
from gristmill.lake import Account
from gristmill.schemas import OFFSET_BITS
from gristmill.scores import family, model_of
from gristmill.signals.pii import PII_TYPES
from quality.metrics import Metrics, table_metrics
from quality.metrics.extract import Listing

LANGUAGES = ("en", "de", "ru", "zh", "fr", "es", "ja", "pl", "ko", "und")
RULES = ("exact_duplicate", "short", "dup_lines", "word_length", "digits", "noai")
"""A document's reason is a place here, KEPT for one that stays. `noai` never removes any."""
KEPT = -1
SCORE = family("prose", "0" * 64)
UNITS = 4
LARGE = 520
"""Pages of the first host, which is in every resample."""

Column = NDArray[np.float64]


@dataclass(frozen=True)
class Documents:
    """Per document: host, language and reason as places in lists, the place of what it is a copy of, and measures."""

    hosts: tuple[str, ...]
    host: NDArray[np.int64]
    language: NDArray[np.int64]
    reason: NDArray[np.int64]
    copy_of: NDArray[np.int64]
    score: Column
    chars: Column
    damage: Column
    listed: Column
    truncated: NDArray[np.bool_]
    bytes_per_char: float = 1.2

    def __len__(self) -> int:
        return len(self.host)


def population(seed: int, hosts: int = 300, pages: float = 12.0) -> Documents:
    """Documents of `hosts` hosts of 1 to 80 pages (geometric) after one of LARGE; languages, lengths and rates of
    removal differ between hosts, as they do in a crawl."""
    rng = np.random.default_rng(seed)
    sizes = np.minimum(rng.geometric(1 / pages, hosts), 80)
    sizes[0] = LARGE
    host = np.repeat(np.arange(hosts), sizes)
    n = len(host)
    main = rng.choice(len(LANGUAGES), hosts, p=[0.42, 0.1, 0.1, 0.08, 0.07, 0.06, 0.06, 0.05, 0.04, 0.02])
    language = np.where(rng.random(n) < 0.9, main[host], 0)
    chars = np.exp(rng.normal(7.3, 0.5, hosts)[host] + rng.normal(0, 0.9, n)).clip(20, 200_000)
    reason = np.full(n, KEPT)
    for place, rate in enumerate((0.0, 0.08, 0.05, 0.03, 0.01)):
        mine = rng.beta(2, 2 / rate - 2, hosts)[host] if rate else np.zeros(n)
        reason[(reason == KEPT) & (rng.random(n) < mine)] = place
    first = np.r_[0, np.cumsum(sizes)[:-1]][host]
    copies = (reason == KEPT) & (rng.random(n) < 0.12) & (np.arange(n) > first) & (reason[first] == KEPT)
    reason[copies] = 0
    return Documents(
        tuple(f"h{i}.site{i // 2}.example" for i in range(hosts)), host, language, reason,
        np.where(copies, first, -1), rng.beta(12, 2, n), np.floor(chars),
        np.where(rng.random(n) < 0.03, 0.004, 0.0), (rng.random(n) < 0.05).astype(float), rng.random(n) < 0.01,
    )  # fmt: skip


def resampled(of: Documents, rng: np.random.Generator) -> Documents:
    """A bootstrap by host; a host that is drawn again is another host of another domain."""
    order = np.argsort(of.host, kind="stable")
    starts = np.searchsorted(of.host[order], np.arange(len(of.hosts) + 1))
    drawn = np.r_[0, np.sort(rng.integers(1, len(of.hosts), len(of.hosts) - 1))]
    rows = [order[starts[i] : starts[i + 1]] for i in drawn]
    lengths = [len(part) for part in rows]
    taken = np.concatenate(rows)
    times = np.arange(len(drawn)) - np.searchsorted(drawn, drawn)
    names = tuple(of.hosts[i].replace(".site", f".site{'n' * t}") for i, t in zip(drawn, times, strict=True))
    shift = np.repeat(np.cumsum([0, *lengths[:-1]]) - starts[drawn], lengths)
    copied = of.copy_of[taken]
    names_of = ("language", "reason", "score", "chars", "damage", "listed", "truncated")
    columns = {name: getattr(of, name)[taken] for name in names_of}
    host = np.repeat(np.arange(len(drawn)), lengths)
    return replace(of, hosts=names, host=host, copy_of=np.where(copied >= 0, copied + shift, -1), **columns)


@dataclass
class Memory:
    """The datasets of a snapshot in memory: unit -> table, and the mass balance of each dataset."""

    tables: dict[str, dict[str, pa.Table]] = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=dict)
    listing: Listing = field(default_factory=lambda: Listing({}, frozenset()))

    def scores(self) -> Sequence[str]:
        return sorted(name for name in self.tables if model_of(name))

    def units(self, dataset: str) -> Sequence[str]:
        return sorted(self.tables[dataset])

    def rows(self, dataset: str) -> int:
        return sum(table.num_rows for table in self.tables[dataset].values())

    def account(self, dataset: str) -> Account | None:
        return self.accounts.get(dataset)

    def read_unit(self, dataset: str, unit: str, columns: Sequence[str]) -> pa.Table:
        return self.tables[dataset][unit].select(list(columns))

    def edit(self, dataset: str, change: Callable[[pa.Table], pa.Table]) -> Memory:
        """With the first unit of a dataset changed; its account stays as it was."""
        first, *_ = self.units(dataset)
        table = change(self.tables[dataset][first])
        tables = {**self.tables, dataset: {**self.tables[dataset], first: table}}
        return Memory(tables, self.accounts, self.listing)

    def metrics(self) -> pa.Table:
        """What `measure` would make of these tables, the parts that read texts aside."""
        metrics = Metrics()
        table_metrics(metrics, self, self.listing)
        return metrics.table()


def stages(documents: Documents) -> Memory:
    """The datasets that the stages would have made of these documents."""
    n = len(documents)
    unit = np.arange(n) * UNITS // max(n, 1)
    ids = (unit << OFFSET_BITS) + np.arange(n) * 100
    kept = documents.reason == KEPT
    found = Memory(listing=Listing({f"{i:06d}": 10_000_000 for i in range(UNITS)}, frozenset()))
    columns = _columns(documents, ids, kept)
    for name, table in columns.items():
        here = _shards(table.column("bytes").to_numpy()) if name == "corpus" else unit
        found.tables[name] = {f"{i:06d}": table.filter(pa.array(here == i)) for i in range(UNITS)}
        found.accounts[name] = Account(table.num_rows, table.num_rows)
    removed = {rule: int((documents.reason == place).sum()) for place, rule in enumerate(RULES)}
    found.accounts["decisions"] = Account(n, int(kept.sum()), removed)
    rejected = pa.table({"doc_id": ids[: n // 2] + 7, "reason": pa.array(["not_html"] * (n // 2), pa.string()),
                         "bytes": np.full(n // 2, 100)})  # fmt: skip
    found.tables["rejects"] = {"000000": rejected}
    found.accounts["documents"] = Account(n + n // 2, n, {"not_html": n // 2})
    found.tables["duplicates"] = {"snapshot": _duplicates(documents, ids)}
    found.tables["boilerplate"] = {"000000": pa.table({"lines": [3], "capped": [False]})}
    return found


def _shards(size: NDArray[np.int32]) -> NDArray[np.int64]:
    """Per kept document its shard: runs of even bytes, as `curate` cuts them. A document is where its middle is."""
    middle = np.cumsum(size, dtype=np.int64) - size / 2
    return np.minimum(middle * UNITS // max(int(size.sum(dtype=np.int64)), 1), UNITS - 1).astype(np.int64)


def _columns(documents: Documents, ids: NDArray[np.int64], kept: NDArray[np.bool_]) -> dict[str, pa.Table]:
    n = len(documents)
    host = pa.array(documents.hosts, pa.string()).take(pa.array(documents.host))
    language = pa.array(LANGUAGES, pa.string()).take(pa.array(documents.language))
    chars = documents.chars.astype(np.int32)
    size = np.floor(documents.chars * documents.bytes_per_char).astype(np.int32)
    base = {"doc_id": ids}
    reason = pa.array(RULES, pa.string()).take(pa.array(np.where(kept, 0, documents.reason)))
    reason = pa.array(np.where(kept, None, reason.to_numpy(zero_copy_only=False)), pa.string())
    other = np.where(documents.copy_of >= 0, ids[documents.copy_of], 0)
    families = {name: pa.table(base) for name in (*SIGNAL_FAMILIES, SCORE)}
    documents_table = pa.table({**base, "host": host, "truncated": documents.truncated, "noindex": np.zeros(n, bool),
                                "noai": np.zeros(n, bool)})  # fmt: skip
    corpus = {**base, "host": host, "bytes": size, "chars": chars, "language": language,
              "edited_bytes": np.zeros(n, np.int32), "language_score": documents.score.astype(np.float32),
              "pii_masked": np.zeros(n, np.int32)}  # fmt: skip
    return {
        **families, "documents": documents_table,
        "heuristics": pa.table({**base, "bytes": size, "chars": chars, "script": pa.array(["Latin"] * n, pa.string()),
                                "words_measurable": np.ones(n, bool)}),
        "language": pa.table({**base, "language": language, "score": documents.score.astype(np.float32)}),
        "pii": pa.table({**base, **{f"pii_{kind}": np.zeros(n, np.int32) for kind in PII_TYPES}}),
        "content": pa.table({**base, "encoding_damage_share": documents.damage.astype(np.float32),
                             "ldnoobw_words": documents.listed.astype(np.int32)}),
        "decisions": pa.table({**base, "kept": kept, "reason": reason,
                               "value": pa.array(np.where(kept, np.nan, 1.0), from_pandas=True),
                               "duplicate_of": pa.array(other, pa.int64(), mask=documents.copy_of < 0)}),
        "corpus": pa.table(corpus).filter(pa.array(kept)),
    }  # fmt: skip


def _duplicates(documents: Documents, ids: NDArray[np.int64]) -> pa.Table:
    copies = np.flatnonzero(documents.copy_of >= 0)
    first = documents.copy_of[copies]
    members = np.concatenate([copies, np.unique(first)])
    group = np.concatenate([ids[first], ids[np.unique(first)]])
    _, place, sizes = np.unique(group, return_inverse=True, return_counts=True)
    pairs = pa.array([[]] * len(members), pa.list_(pa.struct([("doc_id", pa.int64()), ("jaccard", pa.float32())])))
    return pa.table({
        "doc_id": ids[members], "exact_group": group, "url_group": pa.nulls(len(members), pa.int64()),
        "cluster_id": group, "cluster_size": sizes[place].astype(np.int32), "pairs": pairs,
    })  # fmt: skip
