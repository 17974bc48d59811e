"""The pages behind document ids: URL and the head of the text, for a person to look at."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from gristmill.lake import Lake
from gristmill.schemas import OFFSET_BITS

HEAD_CHARS = 120


def pages(lake: Lake, documents: str, doc_ids: Iterable[int], columns: Sequence[str] = ("url",)) -> dict[int, Any]:
    """doc_id -> its row in the dataset `documents` (a digest), `text` cut to its head; reads only their files."""
    by_unit: dict[str, list[int]] = {}
    for doc_id in doc_ids:
        by_unit.setdefault(f"{doc_id >> OFFSET_BITS:06d}", []).append(doc_id)
    manifest = lake.manifest(documents)
    found: dict[int, Any] = {}
    for unit, wanted in sorted(by_unit.items()):
        table = lake.read_file(manifest.file(unit), ["doc_id", *columns])
        rows = table.filter(pc.is_in(table.column("doc_id"), pa.array(wanted, pa.int64()))).to_pylist()
        found |= {row["doc_id"]: {**row, **_head(row)} for row in rows}
    return found


def _head(row: dict[str, Any]) -> dict[str, str]:
    return {"text": " ".join(row["text"][: 4 * HEAD_CHARS].split())[:HEAD_CHARS]} if row.get("text") else {}
