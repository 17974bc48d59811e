"""Which members of a duplicate cluster stay.

Of the captures of one address that pass every rule, the newest is considered (or the oldest, or all). Those are taken
in survivor order; one is removed only if it has a verified pair with, or the same text as, one that stays. So every
removed copy is one verified step from a kept document, and no chain of small changes swallows a site.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit
from numpy.typing import NDArray

from spark_jobs.policies.model import DuplicatePolicy

KINDS = ("url_duplicate", "exact_duplicate", "near_duplicate")
_URL, _EXACT, _NEAR = range(3)
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Removal:
    """A document removed as a duplicate of a kept one; `jaccard` is 1 but for near duplicates, `kind` one of KINDS."""

    duplicate_of: int
    jaccard: float
    kind: str

    def threshold(self, policy: DuplicatePolicy) -> float:
        """What `jaccard` had to reach."""
        return policy.min_jaccard if self.kind == KINDS[_NEAR] else 1.0


def removals(
    duplicates: pa.Table, order: Mapping[int, tuple[float, ...]], policy: DuplicatePolicy
) -> dict[int, Removal]:
    """doc_id -> removal.

    `duplicates` is the dataset of that name, by doc_id; `order` maps documents that pass every rule to their sort key,
    least first.
    """
    if not policy.remove or not order:
        return {}
    doc_id = duplicates.column("doc_id").to_numpy()
    keys = np.array([(*key, member) for member, key in order.items()], np.float64)
    members = np.fromiter(order, np.int64, len(order))
    members = members[np.lexsort((members, *keys.T[-2::-1]))]
    rows = np.searchsorted(doc_id, members[np.isin(members, doc_id)])
    rows, instead = _captures(duplicates, rows, policy.same_url)
    groups = _rows_of(duplicates, "exact_group")
    pairs = duplicates.column("pairs").combine_chunks()
    other, jaccard = (pc.struct_field(pairs.flatten(), name).to_numpy() for name in ("doc_id", "jaccard"))
    least = np.float32(policy.min_jaccard)
    starts = pairs.offsets.to_numpy()
    starts = (starts - starts[0]).astype(np.int64)
    target, similarity = _taken(rows, groups, starts, np.searchsorted(doc_id, other), jaccard, least)
    found = {}
    for row in np.flatnonzero(target >= 0).tolist():
        kind = _EXACT if groups[row] == groups[target[row]] else _NEAR
        found[int(doc_id[row])] = Removal(int(doc_id[target[row]]), float(similarity[row]), KINDS[kind])
    for row, stays in instead.items():
        # Where the capture that stands for it is a duplicate itself, what stays for both is named.
        final = target[stays] if target[stays] >= 0 else stays
        found[int(doc_id[row])] = Removal(int(doc_id[final]), 1.0, KINDS[_URL])
    return found


def _captures(duplicates: pa.Table, rows: Rows, same_url: str) -> tuple[Rows, dict[int, int]]:
    """(the rows that are considered, in their order; of those that are not, the capture that stands for them)."""
    if same_url == "keep":
        return rows, {}
    address = _rows_of(duplicates, "url_group")
    captured = pc.fill_null(duplicates.column("captured").cast(pa.int64()), np.iinfo(np.int64).min).to_numpy()
    age = captured[rows] if same_url == "oldest" else -captured[rows]
    best: dict[int, int] = {}
    for row in rows[np.argsort(age, kind="stable")].tolist():
        best.setdefault(int(address[row]), row)
    stands = np.array([best[int(each)] for each in address[rows]], np.int64)
    passed_over = {int(row): int(stay) for row, stay in zip(rows, stands, strict=True) if row != stay}
    return rows[rows == stands], passed_over


def _rows_of(duplicates: pa.Table, column: str) -> Rows:
    """The row of the first document of each document's group; its own where it has none."""
    ids = duplicates.column("doc_id")
    first = pc.coalesce(duplicates.column(column), ids).to_numpy()
    rows: Rows = np.searchsorted(ids.to_numpy(), first)
    return rows


@njit(cache=True, nogil=True)
def _taken(
    rows: Rows, groups: Rows, starts: Rows, others: Rows, jaccard: NDArray[np.float32], least: np.float32
) -> tuple[Rows, NDArray[np.float32]]:
    """(row of the kept document that each removed one is a duplicate of, or -1; their similarity).

    Pairs stand with the first of an exact group and hold for all of it; of several kept ones the most similar is
    named, then the one with the least id.
    """
    stays = np.full(len(groups), -1)
    target, similarity = np.full(len(groups), -1), np.ones(len(groups), np.float32)
    for row in rows:
        group = groups[row]
        if stays[group] >= 0:
            target[row] = stays[group]
            continue
        best = np.float32(0)
        for k in range(starts[group], starts[group + 1]):
            kept = stays[groups[others[k]]]
            if kept < 0 or jaccard[k] < least:
                continue
            if jaccard[k] > best or (jaccard[k] == best and kept < target[row]):
                best, target[row] = jaccard[k], kept
        if target[row] >= 0:
            similarity[row] = best
        else:
            stays[group] = row
    return target, similarity
