"""Examples of what each rule removed: the few documents nearest to and farthest from its threshold."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from gristmill.lake import Lake
from gristmill.schemas import OFFSET_BITS

PER_RULE = 3
HEAD_CHARS = 400


def examples(lake: Lake, decisions: str, documents: str) -> list[dict[str, Any]]:
    """[{reason, count, documents: [{url, text, value, threshold}]}], most frequent rule first."""
    table = lake.read(decisions, ["doc_id", "reason", "value", "threshold"])
    table = table.filter(pc.is_valid(table.column("reason")))
    found = []
    for reason in table.column("reason").unique().to_pylist():
        rows = table.filter(pc.equal(table.column("reason"), reason))
        rows = rows.sort_by([("value", "ascending"), ("doc_id", "ascending")])
        picked = sorted({0, rows.num_rows // 2, rows.num_rows - 1})[:PER_RULE]
        chosen = rows.take(picked)
        found.append({"reason": reason, "count": rows.num_rows, "documents": _texts(lake, documents, chosen)})
    return sorted(found, key=lambda rule: (-rule["count"], rule["reason"]))


def _texts(lake: Lake, documents: str, rows: pa.Table) -> list[dict[str, Any]]:
    """The rows, in order, with URL and the head of the text, read from the files that hold them only."""
    wanted = rows.column("doc_id").combine_chunks()
    manifest = lake.manifest(documents)
    heads: dict[int, dict[str, str]] = {}
    for unit in sorted({f"{doc_id >> OFFSET_BITS:06d}" for doc_id in wanted.to_pylist()}):
        table = lake.read_file(manifest.file(unit), ["doc_id", "url", "text"])
        mine = table.filter(pc.is_in(table.column("doc_id"), wanted))
        mine = mine.set_column(2, "text", pc.utf8_slice_codeunits(mine.column("text"), 0, HEAD_CHARS))
        heads |= {row.pop("doc_id"): row for row in mine.to_pylist()}
    return [{**heads[row["doc_id"]], "value": row["value"], "threshold": row["threshold"]} for row in rows.to_pylist()]
