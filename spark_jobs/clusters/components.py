"""Connected components, and the rows of `duplicates`."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray

from gristmill.schemas import SCHEMAS
from spark_jobs.clusters.signatures import Ids


@njit(cache=True, nogil=True)
def components(size: int, edges: NDArray[np.int64]) -> NDArray[np.int64]:
    """The least place of each place's component, for edges (m, 2) between `size` places; near-linear union-find."""
    parent = np.arange(size)
    for k in range(len(edges)):
        a, b = edges[k, 0], edges[k, 1]
        while parent[a] != a:
            parent[a] = parent[parent[a]]
            a = parent[a]
        while parent[b] != b:
            parent[b] = parent[parent[b]]
            b = parent[b]
        parent[max(a, b)] = min(a, b)
    for a in range(size):
        # A parent is never greater than its child, so it has found its root already.
        parent[a] = parent[parent[a]]
    return parent


def duplicates_table(
    doc_id: Ids, exact: Ids, address: Ids, captured: Ids, pairs: Ids, jaccard: NDArray[np.float32]
) -> pa.Table:
    """One row per document in a group of two or more.

    `exact` and `address` give each of n places the first with its text and its URL, `captured` its time in seconds;
    `pairs` (m, 2) join representatives. Pairs stand with representatives, in both directions; a document's exact group
    stands for it.
    """
    size = len(doc_id)
    same = [np.stack([np.arange(size), first], axis=1) for first in (exact, address)]
    label = components(size, np.concatenate([pairs, *same]))
    sizes = np.bincount(label, minlength=size)
    member = np.flatnonzero(sizes[label] > 1)
    once, alone = (np.bincount(first, minlength=size)[first[member]] == 1 for first in (address, exact))
    columns = [
        pa.array(doc_id[member]), pa.array(doc_id[exact[member]], mask=alone),
        pa.array(doc_id[address[member]], mask=once),
        pa.array(captured[member], mask=once | (captured[member] == np.iinfo(np.int64).min)),
        pa.array(doc_id[label[member]]), pa.array(sizes[label[member]].astype(np.int32)),
        _pair_lists(doc_id, member, pairs, jaccard),
    ]  # fmt: skip
    return pa.table(columns, names=SCHEMAS["duplicates"].names).cast(SCHEMAS["duplicates"])


def _pair_lists(doc_id: Ids, member: Ids, pairs: Ids, jaccard: NDArray[np.float32]) -> pa.ListArray:
    """Each member's verified pairs, by the other's id."""
    both = np.concatenate([pairs, pairs[:, ::-1]])
    order = np.lexsort((both[:, 1], both[:, 0]))
    offsets = np.searchsorted(both[order, 0], np.append(member, len(doc_id)))
    kind = SCHEMAS["duplicates"].field("pairs").type
    values = pa.StructArray.from_arrays(
        [pa.array(doc_id[both[order, 1]]), pa.array(np.concatenate([jaccard, jaccard])[order])],
        fields=list(kind.value_type),
    )
    return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), values, type=kind)
