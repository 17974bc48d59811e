"""Candidate pairs: documents whose signatures share a band.

Equal texts, and signatures that many share, are collapsed to one representative first, so a bucket of a million
identical documents is one row. All that follows works on places in `Signatures`.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numba import njit
from numpy.typing import NDArray

from gristmill.schemas import HASHES
from spark_jobs.clusters.shape import Shape, band_keys
from spark_jobs.clusters.signatures import Ids, Signatures

ALL_PAIRS_BELOW = 64
"""A bucket with fewer members gives all its pairs, a larger one a star: every member with the first."""


def exact_representatives(content: NDArray[np.uint64]) -> Ids:
    """The first place with the same 128-bit hash, for each of n places (n, 2)."""
    order, starts = runs(content[:, 0])
    first = firsts(order, starts)
    if not np.array_equal(content[first], content):
        # Half of a hash agrees and the other does not: once in 2^32 snapshots of 2^16 documents.
        order = np.lexsort((np.arange(len(content)), content[:, 1], content[:, 0]))
        changes = np.any(content[order[1:]] != content[order[:-1]], axis=1)
        starts = np.concatenate(([0], np.flatnonzero(changes) + 1, [len(order)]))
        first = firsts(order, starts)
    return first


def signature_representatives(values: NDArray[np.uint16], among: Ids) -> Ids:
    """For each of the places `among`, the first of them with the same signature if many have it, else itself."""
    order, starts = runs(band_keys(values, 0, HASHES)[among])
    first = firsts(order, starts)
    many = np.flatnonzero(np.bincount(first, minlength=len(among))[first] >= ALL_PAIRS_BELOW)
    many = many[_equal_rows(values, among[first[many]], among[many])]
    found = among.copy()
    found[many] = among[first[many]]
    return found


@njit(cache=True, nogil=True)
def _equal_rows(values: NDArray[np.uint16], left: Ids, right: Ids) -> NDArray[np.bool_]:
    """Whether values[left[k]] equals values[right[k]]; no copy of a signature is made."""
    found = np.empty(len(left), np.bool_)
    for k in range(len(left)):
        found[k] = np.all(values[left[k]] == values[right[k]])
    return found


def candidate_pairs(signatures: Signatures, exact: Ids, shape: Shape, threads: int) -> Ids:
    """Pairs (m, 2) of places, lesser first, sorted; `exact` gives each place its representative.

    Pairs join representatives of exact groups. Those of one common signature are joined to their first alone.
    """
    places = np.flatnonzero((exact == np.arange(len(exact))) & (signatures.shingles > 0))
    first = signature_representatives(signatures.values, places)
    searched = places[first == places]

    def band_pairs(band: int) -> NDArray[np.uint64]:
        # Keys of all places, then those that are searched: 8 bytes a document and thread, not a copy of 224.
        return bucket_pairs(shape.keys(signatures.values, band)[searched])

    with ThreadPoolExecutor(threads) as pool:
        found = list(pool.map(band_pairs, range(shape.bands)))
    packed = np.unique(np.concatenate(found))
    pairs = searched[np.stack([packed >> np.uint64(32), packed & np.uint64(0xFFFFFFFF)], axis=1).astype(np.int64)]
    equal = np.stack([first, places], axis=1)[first != places]
    both = np.concatenate([pairs, equal])
    return both[np.lexsort((both[:, 1], both[:, 0]))]


def bucket_pairs(keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Pairs of places with equal keys, packed as lesser << 32 | greater; distinct."""
    order, starts = runs(keys)
    return _pairs(order, starts, ALL_PAIRS_BELOW)


def runs(keys: NDArray[np.uint64]) -> tuple[Ids, Ids]:
    """(order, starts): places by key and, among equals, by place; where runs of equals start, and the end."""
    order = np.argsort(keys)
    starts = (
        np.concatenate(([0], np.flatnonzero(np.diff(keys[order])) + 1, [len(keys)]))
        if len(keys)
        else np.zeros(1, np.int64)
    )
    _settle(order, starts)
    return order, starts


@njit(cache=True, nogil=True)
def _settle(order: Ids, starts: Ids) -> None:
    """Sort the places within each run: a fast sort leaves equals in any order."""
    for k in range(len(starts) - 1):
        if starts[k + 1] - starts[k] > 1:
            order[starts[k] : starts[k + 1]].sort()


@njit(cache=True, nogil=True)
def firsts(order: Ids, starts: Ids) -> Ids:
    """For each place the first place of its run."""
    first = np.empty(len(order), np.int64)
    for k in range(len(starts) - 1):
        for i in range(starts[k], starts[k + 1]):
            first[order[i]] = order[starts[k]]
    return first


@njit(cache=True, nogil=True)
def _pairs(order: Ids, starts: Ids, all_below: int) -> NDArray[np.uint64]:
    total = 0
    for k in range(len(starts) - 1):
        size = starts[k + 1] - starts[k]
        total += size * (size - 1) // 2 if size < all_below else size - 1
    found = np.empty(total, np.uint64)
    at = 0
    for k in range(len(starts) - 1):
        start, end = starts[k], starts[k + 1]
        for i in range(start, end if end - start < all_below else start + 1):
            for j in range(i + 1, end):
                found[at] = np.uint64(order[i]) << np.uint64(32) | np.uint64(order[j])
                at += 1
    return found
