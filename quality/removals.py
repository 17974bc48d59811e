"""Were the right documents removed as duplicates? Identities are checked, not counts.

FineWeb once removed the right number of the wrong documents; this check is written apart from the code that
decides, from the two datasets alone.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Ids = NDArray[np.int64]
Flags = NDArray[np.bool_]


def wrong_removals(decisions: pa.Table, duplicates: pa.Table) -> int:
    """Number of documents removed as duplicates of one that is not kept, or not verified to be like them.

    Two documents are alike when they are in one exact group, or when their groups share a verified pair. A document
    that left for its address has that of the kept one. Time and memory follow the number of pairs.
    """
    removed = decisions.filter(pc.is_valid(decisions.column("duplicate_of")))
    if not removed.num_rows:
        return 0
    left, right = (removed.column(name).to_numpy() for name in ("doc_id", "duplicate_of"))
    ids = duplicates.column("doc_id").to_numpy()
    order = np.argsort(ids, kind="stable")
    places = _places(ids, order, left), _places(ids, order, right)
    by_address = pc.fill_null(pc.equal(removed.column("reason"), "url_duplicate"), False).to_numpy().astype(bool)
    like = np.where(by_address, _same_address(duplicates, places), _alike(duplicates, places))
    kept = decisions.filter(decisions.column("kept")).column("doc_id").to_numpy()
    return int(np.count_nonzero(~(like & np.isin(right, kept))))


def _places(ids: Ids, order: Ids, wanted: Ids) -> Ids:
    """Row of each wanted id, -1 where there is none."""
    if not len(ids):
        return np.full(len(wanted), -1, np.int64)
    found = order[np.minimum(np.searchsorted(ids, wanted, sorter=order), len(ids) - 1)]
    return np.where(ids[found] == wanted, found, -1)


def _same_address(duplicates: pa.Table, places: tuple[Ids, Ids]) -> Flags:
    column = duplicates.column("url_group")
    there = np.append(pc.is_valid(column).to_numpy().astype(bool), False)
    group = np.append(pc.fill_null(column, 0).to_numpy(), 0)
    left, right = places
    same: Flags = there[left] & there[right] & (group[left] == group[right])
    return same


def _alike(duplicates: pa.Table, places: tuple[Ids, Ids]) -> Flags:
    """One exact group, or a verified pair of their groups; place -1 is like none."""
    ids = duplicates.column("doc_id")
    group = pc.coalesce(duplicates.column("exact_group"), ids).to_numpy()
    pairs = duplicates.column("pairs").combine_chunks()
    sizes = pc.fill_null(pc.list_value_length(pairs), 0).to_numpy()
    first, second = np.repeat(group, sizes), pc.struct_field(pc.list_flatten(pairs), "doc_id").to_numpy()
    names = np.unique(np.concatenate([group, first, second]))
    linked = _codes(names, np.concatenate([first, second]), np.concatenate([second, first]))
    left, right = places
    there: Flags = (left >= 0) & (right >= 0)
    if not len(group):
        return there
    own, theirs = group[left], group[right]
    like: Flags = there & ((own == theirs) | np.isin(_codes(names, own, theirs), linked))
    return like


def _codes(names: Ids, left: Ids, right: Ids) -> Ids:
    """One number per pair of `names`, which are sorted and fewer than 2^31."""
    codes: Ids = np.searchsorted(names, left) * len(names) + np.searchsorted(names, right)
    return codes
