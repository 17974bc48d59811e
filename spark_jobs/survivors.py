"""Which members of a duplicate cluster stay.

Members that pass every rule are taken in survivor order; one is removed only if it has a verified pair
with, or the same text as, one that stays. No chain of small changes swallows a site.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from spark_jobs.policies.model import DuplicatePolicy


@dataclass(frozen=True)
class Removal:
    """A document removed as a duplicate of a kept one, with their similarity."""

    duplicate_of: int
    jaccard: float
    exact: bool


def removals(
    duplicates: pa.Table, order: Mapping[int, tuple[float, ...]], policy: DuplicatePolicy
) -> dict[int, Removal]:
    """doc_id -> removal.

    `duplicates` is the dataset of that name; `order` maps the documents that pass every rule to their
    sort key, least first.
    """
    if not policy.remove:
        return {}
    group, near = _neighbours(duplicates, policy.min_jaccard)
    kept: dict[int, int] = {}
    removed: dict[int, Removal] = {}
    for doc_id in sorted(order, key=lambda d: (order[d], d)):
        own = group[doc_id]
        if own in kept:
            removed[doc_id] = Removal(kept[own], 1.0, True)
            continue
        found = [(-jaccard, kept[other]) for other, jaccard in near.get(own, {}).items() if other in kept]
        if found:
            best = min(found)
            removed[doc_id] = Removal(best[1], -best[0], False)
        else:
            kept[own] = doc_id
    return removed


def _neighbours(duplicates: pa.Table, min_jaccard: float) -> tuple[dict[int, int], dict[int, dict[int, float]]]:
    """(doc_id -> its exact group, exact group -> {neighbouring group: similarity}).

    Pairs stand with the representative of an exact group and hold for all its members; a document
    without a group is its own.
    """
    rows = duplicates.select(["doc_id", "exact_group", "pairs"]).to_pylist()
    group = {row["doc_id"]: row["doc_id"] if row["exact_group"] is None else row["exact_group"] for row in rows}
    near = {
        group[row["doc_id"]]: {
            pair["doc_id"]: pair["jaccard"] for pair in row["pairs"] if pair["jaccard"] >= min_jaccard
        }
        for row in rows
        if row["pairs"]
    }
    return group, near
