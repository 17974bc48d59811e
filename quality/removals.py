"""Were the right documents removed as duplicates? Identities are checked, not counts.

FineWeb once removed the right number of the wrong documents; this check is written apart from the code that
decides, from the two datasets alone.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc


def wrong_removals(decisions: pa.Table, duplicates: pa.Table) -> int:
    """Number of documents removed as duplicates of one that is not kept, or not verified to be like them.

    Two documents are alike when they are in one exact group, or when their groups share a verified pair.
    """
    group: dict[int, int] = {}
    linked: set[tuple[int, int]] = set()
    for row in duplicates.select(["doc_id", "exact_group", "pairs"]).to_pylist():
        own = row["doc_id"] if row["exact_group"] is None else row["exact_group"]
        group[row["doc_id"]] = own
        linked |= {(own, pair["doc_id"]) for pair in row["pairs"]} | {(pair["doc_id"], own) for pair in row["pairs"]}
    kept = set(decisions.filter(decisions.column("kept")).column("doc_id").to_pylist())
    removed = decisions.filter(pc.is_valid(decisions.column("duplicate_of")))
    pairs = zip(removed.column("doc_id").to_pylist(), removed.column("duplicate_of").to_pylist(), strict=True)
    return sum(not (other in kept and _alike(group, linked, doc_id, other)) for doc_id, other in pairs)


def _alike(group: dict[int, int], linked: set[tuple[int, int]], left: int, right: int) -> bool:
    if left not in group or right not in group:
        return False
    return group[left] == group[right] or (group[left], group[right]) in linked
