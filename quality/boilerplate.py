"""Lines that many pages of a host share: what the masks hold, counted from the datasets alone.

Metrics hold no text: a line is named by a document that has it, `doc_id:line`, and the report reads it there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from gristmill.lake import FileEntry, Lake
from quality.sample_rows import rows_of
from quality.samples import masked

SHOWN = 20
"""Lines that are named, the most frequent ones."""

_LINE = ["host", "value"]


def frequent_lines(lake: Lake, digests: Mapping[str, str]) -> list[tuple[str, int]]:
    """(host and place `doc_id:line` of one example, documents with the line), most first, at most SHOWN."""
    lines = lake.manifest(digests["lines"])
    documents = lake.manifest(digests["documents"])
    masks = [entry for entry in lake.manifest(digests["boilerplate"]).files if entry.rows]
    if not masks:
        return []
    table = pa.concat_tables(
        [_masked_lines(lake, entry, lines.file(entry.unit), documents.file(entry.unit)) for entry in masks]
    )
    groups = table.group_by(_LINE, use_threads=False).aggregate([("doc_id", "count_distinct"), ("doc_id", "min")])
    order = [("doc_id_count_distinct", "descending"), ("doc_id_min", "ascending"), ("value", "ascending")]
    found = []
    for row in groups.sort_by(order).slice(0, SHOWN).to_pylist():
        mine = pc.and_(
            pc.equal(table["value"], pa.scalar(row["value"], pa.uint64())), pc.equal(table["doc_id"], row["doc_id_min"])
        )
        line = pc.min(table.filter(mine)["line"]).as_py()
        found.append((f"{row['host']} {row['doc_id_min']}:{line}", row["doc_id_count_distinct"]))
    return found


def _masked_lines(lake: Lake, masks: FileEntry, lines: FileEntry, documents: FileEntry) -> pa.Table:
    """One row per masked line of one file: host, value of the line, doc_id, its number in the document."""
    rows = lake.read_file(masks, ["doc_id", "mask"])
    doc_id, mask = rows["doc_id"].combine_chunks(), rows["mask"].combine_chunks().fill_null(b"")
    beside = lake.read_file(lines, ["doc_id", "line_hashes"])
    values = beside["line_hashes"].combine_chunks().take(pc.index_in(doc_id, beside["doc_id"].combine_chunks()))
    hosts = lake.read_file(documents, ["doc_id", "host"])
    lengths = pc.binary_length(mask).to_numpy().astype(np.int64)
    first_bit = np.concatenate([[0], np.cumsum(8 * lengths)])
    bits = np.unpackbits(np.frombuffer(b"".join(mask.to_pylist()), np.uint8), bitorder="little")
    at = np.flatnonzero(bits)
    row = np.searchsorted(first_bit, at, "right") - 1
    line = at - first_bit[row]
    starts = np.concatenate([[0], np.cumsum(pc.list_value_length(values).to_numpy())])
    host = pc.fill_null(hosts["host"].take(pc.index_in(doc_id, hosts["doc_id"].combine_chunks())), "(none)")
    return pa.table({
        "host": host.take(pa.array(row)), "value": values.flatten().take(pa.array(starts[row] + line)),
        "doc_id": doc_id.take(pa.array(row)), "line": pa.array(line),
    })  # fmt: skip


def examples(lake: Lake, documents: str, pii: str | None, lines: Sequence[tuple[str, float]]) -> list[dict[str, Any]]:
    """[{host, pages, text}] of what `frequent_lines` names, each text read from its one document.

    Personal data that was found is masked; without `pii`, whose spans say what to mask, texts are left out.
    """
    places = [_place(key) for key, _ in lines]
    ids = np.array([doc_id for _, doc_id, _ in places], np.int64)
    texts = _column(lake, documents, ids, "text")
    spans = _column(lake, pii, ids, "pii_spans") if pii else {}
    found = []
    for (host, doc_id, line), (_, pages) in zip(places, lines, strict=True):
        text = masked(texts[doc_id], spans[doc_id] or ()).splitlines()[line] if doc_id in spans else ""
        found.append({"host": host, "pages": pages, "text": text})
    return found


def _place(key: str) -> tuple[str, int, int]:
    """Host, document and line."""
    host, _, place = key.rpartition(" ")
    doc_id, line = place.split(":")
    return host, int(doc_id), int(line)


def _column(lake: Lake, digest: str, ids: NDArray[np.int64], name: str) -> dict[int, Any]:
    """doc_id -> its value."""
    return {row["doc_id"]: row[name] for row in rows_of(lake, digest, ids, [name]).to_pylist()}
