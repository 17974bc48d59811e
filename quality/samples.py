"""The dataset `samples`: documents of one snapshot for a reviewer to look at, kept ones and those of every rule.

Who is drawn depends on the decisions and a fixed seed alone, so equal datasets have equal samples. Half of each rule's
documents are drawn by chance: only they say how often the rule is right. The others are its nearest to and farthest
from the threshold. Personal data that was found is masked; of a kept document the lines that curate drops are named.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from gristmill import ledger
from gristmill.lake import Lake
from gristmill.schemas import SCHEMAS
from gristmill.signals.pii import PII_TYPES
from quality.audit_sample import Ids, sample
from quality.marks import KEPT, RANDOM
from quality.sample_rows import rows_of

NAME = "samples"
PER_RULE, KEPT_ROWS, MOST_ROWS = 200, 1000, 10_000
HEAD_CHARS = 4000
PART_ROWS = 200
"""Rows of one file: a page of 50 reads the texts of one or two."""

NEAR, FAR = "near", "far"
_SEED = 11
_NEEDED = ("decisions", "documents", "language")
_DECIDED = ("doc_id", "kept", "reason", "value", "threshold", "duplicate_of")
_SHOWN = ("url", "host", "title", "text")
Places = NDArray[np.intp]


def build(lake: Lake, snapshot: str, inputs: Mapping[str, str], provenance: Mapping[str, Any]) -> str | None:
    """Publish the samples of these datasets (name -> digest); None where a stage did not come so far."""
    if any(name not in inputs for name in _NEEDED):
        return None
    picked = pick(lake.read(inputs["decisions"], _DECIDED))
    table = _described(lake, inputs, picked, edits_of(lake, snapshot, inputs["decisions"]))
    parts = [part for rows in _by_rule(table) for part in _parts(rows)]
    entries = [lake.write_table(NAME, f"{number:03d}", part) for number, part in enumerate(parts)]
    return lake.publish(NAME, entries, provenance).digest


def pick(decisions: pa.Table) -> pa.Table:
    """_DECIDED and `pick` of the documents to show: rule by rule, then the kept ones.

    A rule has up to PER_RULE, fewer where there are so many rules that MOST_ROWS would not do.
    """
    decisions = decisions.combine_chunks()
    ids = decisions.column("doc_id").to_numpy()
    rules = sorted(decisions.column("reason").drop_null().unique().to_pylist())
    distance = pc.abs(pc.subtract(decisions.column("value"), decisions.column("threshold"))).to_numpy()
    size = min(PER_RULE, (MOST_ROWS - KEPT_ROWS) // max(1, len(rules)))
    chosen: list[tuple[Places, str]] = []
    for rule in rules:
        places = np.flatnonzero(pc.fill_null(pc.equal(decisions.column("reason"), rule), False).to_numpy())
        chosen += [(places[each], why) for each, why in _of_rule(ids[places], distance[places], size)]
    places = np.flatnonzero(decisions.column("kept").to_numpy())
    chosen.append((places[sample(ids[places], KEPT_ROWS, _SEED)], RANDOM))
    rows = decisions.take(pa.array(np.concatenate([each for each, _ in chosen])))
    return rows.append_column("pick", pa.array([why for each, why in chosen for _ in each], pa.string()))


def _of_rule(ids: Ids, distance: NDArray[np.float64], size: int) -> list[tuple[Places, str]]:
    """Places of up to `size` documents: half by chance, a quarter nearest to the threshold, a quarter farthest."""
    order = sample(ids, len(ids), _SEED)
    drawn, left = np.split(order, [size - size // 2])
    left = left[np.argsort(distance[left], kind="stable")]
    near, left = np.split(left, [size // 4])
    return [(drawn, RANDOM), (near, NEAR), (left[::-1][: size // 2 - size // 4], FAR)]


def edits_of(lake: Lake, snapshot: str, decisions: str) -> dict[str, Any]:
    """The edits of the policy that made these decisions, as the newest attempt recorded it; empty if none did."""
    made = [a["attempt"] for a in ledger.ended(lake, snapshot) if a["outputs"].get("decisions") == decisions]
    started = json.loads(lake.storage.get(f"ledger/{made[-1]}.started.json") or b"{}") if made else {}
    edits: dict[str, Any] = (started.get("config") or {}).get("edits") or {}
    return edits


def _described(lake: Lake, inputs: Mapping[str, str], picked: pa.Table, edits: Mapping[str, Any]) -> pa.Table:
    """The picked rows under the declared schema, in their order."""
    ids = picked.column("doc_id").combine_chunks()
    of = _Beside(lake, inputs, ids)
    shown = of.columns("documents", _SHOWN, _cut)
    heads = [text or "" for text in shown.column("text").to_pylist()]
    spans = of.columns("pii", ["pii_spans"]).column("pii_spans").to_pylist()
    kept = picked.column("kept").to_pylist()
    rule_lines = of.masks("lines", edits.get("lines"), kept, heads)
    repeated = of.masks("boilerplate", "mask" if edits.get("boilerplate") else None, kept, heads)
    spoken = of.columns("language", ["language", "score"])
    columns = {
        **{name: picked.column(name) for name in ("doc_id", "kept", "pick", "value", "threshold", "duplicate_of")},
        **{name: shown.column(name) for name in ("url", "host", "title", "chars")},
        **{name: spoken.column(name) for name in ("language", "score")},
        "rule": pc.fill_null(picked.column("reason"), KEPT),
        "text": pa.array([masked(head, places or ()) for head, places in zip(heads, spans, strict=True)], pa.string()),
        "rule_lines": pa.array(rule_lines, pa.list_(pa.int32())),
        "repeated_lines": pa.array(repeated, pa.list_(pa.int32())),
        "duplicate_url": _urls(lake, inputs["documents"], picked.column("duplicate_of")),
        "decisions": pa.array([inputs["decisions"]] * len(ids)),
    }
    return pa.table({name: columns[name] for name in SCHEMAS[NAME].names})


class _Beside:
    """Columns of other datasets for given documents, in their order; null where a dataset lacks one."""

    def __init__(self, lake: Lake, inputs: Mapping[str, str], ids: pa.Array) -> None:
        self._lake, self._inputs, self._ids = lake, inputs, ids

    def columns(self, dataset: str, names: Sequence[str], change: Any = lambda table: table) -> pa.Table:
        if dataset not in self._inputs:
            return pa.table({name: pa.nulls(len(self._ids), SCHEMAS[dataset].field(name).type) for name in names})
        found = rows_of(self._lake, self._inputs[dataset], self._ids.to_numpy(), names, change)
        return found.take(pc.index_in(self._ids, found.column("doc_id").combine_chunks()))

    def masks(self, dataset: str, column: str | None, kept: Sequence[bool], heads: Sequence[str]) -> list[list[int]]:
        """Per document the numbers of the lines, from 0, that a column of masks drops; of removed ones none."""
        if column is None:
            return [[] for _ in heads]
        found = self.columns(dataset, [column]).column(column).to_pylist()
        return [dropped_lines(m, head) if stays else [] for m, head, stays in zip(found, heads, kept, strict=True)]


def _cut(table: pa.Table) -> pa.Table:
    """The heads of the texts, and how long the texts are."""
    text = table.column("text")
    at = table.column_names.index("text")
    heads = table.set_column(at, "text", pc.utf8_slice_codeunits(text, 0, HEAD_CHARS))
    return heads.append_column("chars", pc.cast(pc.utf8_length(text), pa.int32()))


def dropped_lines(mask: bytes | None, head: str) -> list[int]:
    """Numbers of the lines of `head` whose bit is set (gristmill.signals.lines says which bit)."""
    bits = np.unpackbits(np.frombuffer(mask or b"", np.uint8), bitorder="little")
    places: list[int] = np.flatnonzero(bits[: len(head.splitlines())]).tolist()
    return places


def masked(head: str, spans: Sequence[Mapping[str, int]]) -> str:
    """`head` with a placeholder for each span of personal data; as many lines as before, so that their numbers hold."""
    data = head.encode()
    for span in reversed(spans):
        start, end = span["start"], span["end"]
        if start < len(data):
            ends = len((data[start:end].decode(errors="replace") + ".").splitlines()) - 1
            data = data[:start] + f"[{PII_TYPES[span['type']]}]".encode() + b"\n" * ends + data[end:]
    return data.decode(errors="replace")


def _urls(lake: Lake, documents: str, ids: pa.ChunkedArray) -> pa.Array:
    """The URL of each of these documents; null for a null."""
    ids = ids.combine_chunks()
    found = rows_of(lake, documents, ids.drop_null().to_numpy(), ["url"])
    return found.column("url").take(pc.index_in(ids, found.column("doc_id").combine_chunks())).combine_chunks()


def _by_rule(table: pa.Table) -> Iterator[pa.Table]:
    """The rows of each rule, which are together in the table."""
    rules = table.column("rule").to_pylist()
    starts = [place for place, rule in enumerate(rules) if place == 0 or rule != rules[place - 1]]
    for start, end in pairwise([*starts, len(rules)]):
        yield table.slice(start, end - start)


def _parts(rows: pa.Table) -> Iterator[pa.Table]:
    for start in range(0, rows.num_rows, PART_ROWS):
        yield rows.slice(start, PART_ROWS)
