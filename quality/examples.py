"""Examples of what each rule removed: the few documents nearest to and farthest from its threshold.

Personal data that was found is masked, as in the samples.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gristmill.lake import Lake
from gristmill.schemas import OFFSET_BITS
from quality.sample_rows import rows_of
from quality.samples import masked

PER_RULE = 3
HEAD_CHARS = 400


def examples(lake: Lake, decisions: str, documents: str, pii: str | None) -> list[dict[str, Any]]:
    """[{reason, count, documents: [{url, text, value, threshold}]}], most frequent rule first.

    Without `pii`, whose spans say what to mask, texts are left out.
    """
    table = lake.read(decisions, ["doc_id", "reason", "value", "threshold"])
    table = table.filter(pc.is_valid(table.column("reason")))
    found = []
    for reason in table.column("reason").unique().to_pylist():
        rows = table.filter(pc.equal(table.column("reason"), reason))
        rows = rows.sort_by([("value", "ascending"), ("doc_id", "ascending")])
        picked = sorted({0, rows.num_rows // 2, rows.num_rows - 1})[:PER_RULE]
        chosen = rows.take(picked).drop_columns(["reason"]).to_pylist()
        found.append({"reason": reason, "count": rows.num_rows, "documents": chosen})
    wanted = [document["doc_id"] for rule in found for document in rule["documents"]]
    heads = documents_of(lake, documents, wanted, ["url", "text"])
    spans = {row["doc_id"]: row["pii_spans"] for row in _spans(lake, pii, wanted)}
    for doc_id, head in heads.items():
        head["text"] = masked(head["text"] or "", spans[doc_id] or ())[:HEAD_CHARS] if doc_id in spans else ""
    for rule in found:
        rule["documents"] = [{**heads[row.pop("doc_id")], **row} for row in rule["documents"]]
    return sorted(found, key=lambda rule: (-rule["count"], rule["reason"]))


def _spans(lake: Lake, pii: str | None, doc_ids: Sequence[int]) -> list[dict[str, Any]]:
    """doc_id and pii_spans of these documents; none without the dataset."""
    if pii is None:
        return []
    found: list[dict[str, Any]] = rows_of(lake, pii, np.array(doc_ids, np.int64), ["pii_spans"]).to_pylist()
    return found


def documents_of(
    lake: Lake, documents: str, doc_ids: Iterable[int], columns: Sequence[str]
) -> dict[int, dict[str, Any]]:
    """doc_id -> these columns, a text by its head; each file that holds one of the documents is read once."""
    manifest, found = lake.manifest(documents), dict[int, dict[str, Any]]()
    wanted = pa.array(sorted(set(doc_ids)), pa.int64())
    for unit in sorted({f"{doc_id >> OFFSET_BITS:06d}" for doc_id in wanted.to_pylist()}):
        table = lake.read_file(manifest.file(unit), ["doc_id", *columns])
        mine = table.filter(pc.is_in(table.column("doc_id"), wanted))
        if "text" in columns:
            head = pc.utf8_slice_codeunits(mine.column("text"), 0, HEAD_CHARS)
            mine = mine.set_column(mine.column_names.index("text"), "text", head)
        found |= {row.pop("doc_id"): row for row in mine.to_pylist()}
    return found
