"""Were the right documents removed as duplicates? Identities are checked, not counts.

FineWeb once removed the right number of the wrong documents; this check is written apart from the code that
decides, from the two datasets alone.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc


def wrong_removals(decisions: pa.Table, duplicates: pa.Table) -> int:
    """Number of documents removed as duplicates of one that is not kept, or not verified to be like them.

    Two documents are alike when they are in one exact group, or when their groups share a verified pair. A document
    that left for its address has that of the kept one.
    """
    group: dict[int, int] = {}
    address: dict[int, int] = {}
    linked: set[tuple[int, int]] = set()
    for row in duplicates.select(["doc_id", "exact_group", "url_group", "pairs"]).to_pylist():
        doc_id = row["doc_id"]
        own = doc_id if row["exact_group"] is None else row["exact_group"]
        group[doc_id] = own
        linked |= {(own, pair["doc_id"]) for pair in row["pairs"]} | {(pair["doc_id"], own) for pair in row["pairs"]}
        if row["url_group"] is not None:
            address[doc_id] = row["url_group"]
    kept = set(decisions.filter(decisions.column("kept")).column("doc_id").to_pylist())
    wrong = 0
    for row in decisions.filter(pc.is_valid(decisions.column("duplicate_of"))).to_pylist():
        doc_id, other = row["doc_id"], row["duplicate_of"]
        if row["reason"] == "url_duplicate":
            like = doc_id in address and address[doc_id] == address.get(other)
        else:
            own, theirs = group.get(doc_id), group.get(other)
            like = own is not None and (own == theirs or (own, theirs) in linked)
        wrong += not (like and other in kept)
    return wrong
