"""Candidate pairs of near-duplicates: documents that share a MinHash band key."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from gristmill.lake import FileEntry, Lake

ALL_PAIRS_BELOW = 32
"""A bucket with fewer members gives all its pairs, a larger one a star: every member with the least id."""

Ids = NDArray[np.int64]


def exact_groups(lake: Lake, files: Sequence[FileEntry]) -> tuple[Ids, Ids]:
    """(doc_id, least doc_id with the same content hash), sorted by doc_id, of all documents."""
    table = pa.concat_tables([lake.read_file(f, ["doc_id", "content_hash"]) for f in files])
    return least_of_equals(table)


def least_of_equals(table: pa.Table) -> tuple[Ids, Ids]:
    """(doc_id, representative) by doc_id, from the columns `doc_id` and `content_hash`."""
    doc_id = table.column("doc_id").to_numpy()
    halves = _hash_halves(table.column("content_hash"))
    order = np.lexsort((doc_id, halves[:, 1], halves[:, 0]))
    first = np.ones(len(order), bool)
    first[1:] = np.any(halves[order[1:]] != halves[order[:-1]], axis=1)
    # Within equals ids ascend, so the first of each run is the least.
    representative = doc_id[order][np.maximum.accumulate(np.where(first, np.arange(len(order)), 0))]
    by_id = np.argsort(doc_id[order])
    return doc_id[order][by_id], representative[by_id]


def band_pairs(lake: Lake, files: Sequence[FileEntry], band: int) -> Ids:
    """Pairs (n, 2), lesser id first, of representatives that share the key of one band."""
    column = f"band_{band:02d}"
    table = pa.concat_tables([lake.read_file(f, ["doc_id", "content_hash", column]) for f in files])
    table = table.filter(pc.is_valid(table.column(column)))
    ids, representative = least_of_equals(table)
    keep = np.isin(table.column("doc_id").to_numpy(), ids[ids == representative])
    return bucket_pairs(table.column("doc_id").to_numpy()[keep], table.column(column).to_numpy()[keep])


def bucket_pairs(doc_id: Ids, key: NDArray[np.uint64]) -> Ids:
    """Pairs (n, 2) of documents with equal keys."""
    order = np.lexsort((doc_id, key))
    ids, keys = doc_id[order], key[order]
    edges = np.flatnonzero(np.diff(keys)) + 1
    starts = np.concatenate(([0], edges))
    sizes = np.diff(np.concatenate((starts, [len(ids)])))
    pairs = [np.empty((0, 2), np.int64)]
    for start, size in zip(starts[sizes > 1], sizes[sizes > 1], strict=True):
        members = ids[start : start + size]
        if size < ALL_PAIRS_BELOW:
            left, right = np.triu_indices(size, 1)
            pairs.append(np.stack([members[left], members[right]], axis=1))
        else:
            pairs.append(np.stack([np.full(size - 1, members[0]), members[1:]], axis=1))
    return np.concatenate(pairs)


def unique_pairs(pairs: Sequence[Ids]) -> Ids:
    """All pairs once, sorted."""
    return np.unique(np.concatenate([np.empty((0, 2), np.int64), *pairs]), axis=0)


def _hash_halves(column: pa.ChunkedArray) -> NDArray[np.uint64]:
    """(n, 2) words of the 128-bit hashes."""
    chunks = [
        np.frombuffer(chunk.buffers()[1], np.uint64)[2 * chunk.offset : 2 * (chunk.offset + len(chunk))].reshape(-1, 2)
        for chunk in column.chunks
        if len(chunk)
    ]
    return np.concatenate([np.empty((0, 2), np.uint64), *chunks])
