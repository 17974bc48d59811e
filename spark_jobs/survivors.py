"""Which members of a duplicate cluster stay.

Documents that pass every rule are taken in survivor order, those of one address together and the newest capture first.
One leaves if a capture of its address stays, or a document that has its text or a verified pair with it. So every
document that is removed names a kept one that it is itself alike to, and no chain of small changes swallows a site.
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
    groups = _rows_of(duplicates, "exact_group")
    address = _rows_of(duplicates, "url_group") if policy.same_url != "keep" else np.arange(len(doc_id))
    pairs = duplicates.column("pairs").combine_chunks()
    other, jaccard = (pc.struct_field(pairs.flatten(), name).to_numpy() for name in ("doc_id", "jaccard"))
    starts = pairs.offsets.to_numpy()
    target, similarity = _taken(
        _by_address(duplicates, rows, address, policy.same_url), groups, address, (starts - starts[0]).astype(np.int64),
        np.searchsorted(doc_id, other), jaccard, np.float32(policy.min_jaccard),
    )  # fmt: skip
    found = {}
    for row in np.flatnonzero(target >= 0).tolist():
        stays = target[row]
        kind = _URL if address[row] == address[stays] else _EXACT if groups[row] == groups[stays] else _NEAR
        found[int(doc_id[row])] = Removal(int(doc_id[stays]), float(similarity[row]), KINDS[kind])
    return found


def _by_address(duplicates: pa.Table, rows: Rows, address: Rows, same_url: str) -> Rows:
    """The rows with captures of one address together, at the place of the one that is preferred; it is first."""
    captured = duplicates.column("captured").cast(pa.int64())
    limit = np.iinfo(np.int64)
    # A capture without a time comes last. The complement turns the order round without an overflow.
    age = (
        captured.fill_null(limit.max).to_numpy() if same_url == "oldest" else ~captured.fill_null(limit.min).to_numpy()
    )
    place = np.arange(len(rows))
    order = np.lexsort((place, age[rows], address[rows]))
    first = np.full(len(address), -1)
    first[address[rows[order[::-1]]]] = order[::-1]
    return rows[np.lexsort((place, age[rows], first[address[rows]]))]


def _rows_of(duplicates: pa.Table, column: str) -> Rows:
    """The row of the first document of each document's group; its own where it has none."""
    ids = duplicates.column("doc_id")
    first = pc.coalesce(duplicates.column(column), ids).to_numpy()
    rows: Rows = np.searchsorted(ids.to_numpy(), first)
    return rows


@njit(cache=True, nogil=True)
def _taken(
    rows: Rows, groups: Rows, address: Rows, starts: Rows, others: Rows, jaccard: NDArray[np.float32], least: np.float32
) -> tuple[Rows, NDArray[np.float32]]:
    """(row of the kept document that each removed one is a duplicate of, or -1; their similarity).

    Pairs stand with the first of an exact group and hold for all of it; of several kept ones the most similar is
    named, then the one with the least id.
    """
    stays, stays_there = np.full(len(groups), -1), np.full(len(groups), -1)
    target, similarity = np.full(len(groups), -1), np.ones(len(groups), np.float32)
    for row in rows:
        group = groups[row]
        target[row] = stays_there[address[row]]
        if target[row] < 0:
            target[row] = stays[group]
        if target[row] >= 0:
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
            stays[group] = stays_there[address[row]] = row
    return target, similarity
