"""Jaccard similarity of shingle sets: estimated from stored signatures, or exact."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray

from spark_jobs.text.tokens import SHINGLE, folding, shingle, token_hashes
from spark_jobs.text.unicode import utf8_buffers

LARGEST_SET = 1 << 16
"""A set keeps its least hashes up to this many: of larger ones the similarity is that of a sample, chosen by the hash
and so alike for both sides (bottom-k, Broder 1997), with a standard error below 0.002."""

_CHANCE = 2.0**-16
"""Two different minima agree in their 16 stored bits by chance (b-bit minwise hashing, Li & Koenig 2010)."""


@njit(cache=True, nogil=True)
def estimates(left: NDArray[np.uint16], right: NDArray[np.uint16], pairs: NDArray[np.int64]) -> NDArray[np.float32]:
    """Estimated Jaccard similarity of signatures left[pairs[:, 0]] and right[pairs[:, 1]], each of 112 values, to
    1e-6; standard error sqrt(J(1-J)/112)."""
    found = np.empty(len(pairs), np.float32)
    for k in range(len(pairs)):
        a, b = left[pairs[k, 0]], right[pairs[k, 1]]
        agree = 0
        for i in range(len(a)):
            agree += a[i] == b[i]
        share = (agree / len(a) - _CHANCE) / (1 - _CHANCE)
        found[k] = np.float32(round(max(0.0, share), 6))
    return found


def shingle_sets(texts: pa.Array) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """(hashes, offsets (n + 1)) of the distinct shingles of n texts, ascending, at most LARGEST_SET each; none for
    fewer than 5 tokens."""
    offsets, data = utf8_buffers(texts)
    return _sets(offsets, data, folding())


@njit(cache=True, nogil=True)
def _sets(
    offsets: NDArray[np.int64], data: NDArray[np.uint8], folding: NDArray[np.int32]
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    rows = len(offsets) - 1
    longest = 0
    for row in range(rows):
        longest = max(longest, offsets[row + 1] - offsets[row])
    tokens, exact = np.empty(longest, np.uint64), np.empty(longest, np.uint64)
    hashes = np.empty((offsets[rows] - offsets[0]) // 2 + 16, np.uint64)
    starts = np.zeros(rows + 1, np.int64)
    at = 0
    for row in range(rows):
        count = token_hashes(data, offsets[row], offsets[row + 1], folding, tokens, exact) - SHINGLE + 1
        for i in range(count):
            tokens[i] = shingle(tokens, i)
        own = np.sort(tokens[: max(0, count)])
        kept = 0
        for i in range(len(own)):
            if (i == 0 or own[i] != own[i - 1]) and kept < LARGEST_SET:
                hashes[at + kept] = own[i]
                kept += 1
        at += kept
        starts[row + 1] = at
    return hashes[:at], starts


@njit(cache=True, nogil=True)
def exact_similarities(
    hashes: NDArray[np.uint64], offsets: NDArray[np.int64], pairs: NDArray[np.int64]
) -> NDArray[np.float32]:
    """|A & B| / |A | B| of pairs (m, 2) of sets, to 1e-6; 0 when both are empty."""
    found = np.empty(len(pairs), np.float32)
    for k in range(len(pairs)):
        a = hashes[offsets[pairs[k, 0]] : offsets[pairs[k, 0] + 1]]
        b = hashes[offsets[pairs[k, 1]] : offsets[pairs[k, 1] + 1]]
        found[k] = np.float32(round(_jaccard(a, b), 6))
    return found


@njit(cache=True, nogil=True)
def _jaccard(a: NDArray[np.uint64], b: NDArray[np.uint64]) -> float:
    """A cut set says nothing beyond its greatest hash, so both are looked at up to the least of such ends."""
    end = np.uint64(0xFFFFFFFFFFFFFFFF)
    for side in (a, b):
        if len(side) == LARGEST_SET:
            end = min(end, side[-1])
    i = j = both = union = 0
    while i < len(a) or j < len(b):
        take_a = i < len(a) and (j == len(b) or a[i] <= b[j])
        take_b = j < len(b) and (i == len(a) or b[j] <= a[i])
        if (a[i] if take_a else b[j]) > end:
            break
        both += take_a and take_b
        union += 1
        i += take_a
        j += take_b
    return both / union if union else 0.0


def exact_jaccard(left: str, right: str) -> float:
    """The similarity of two texts' shingle sets; 0 when both are empty."""
    hashes, offsets = shingle_sets(pa.array([left, right], pa.string()))
    return float(exact_similarities(hashes, offsets, np.array([[0, 1]]))[0])
