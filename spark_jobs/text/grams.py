"""Repetition: n-grams and lines that occur again, by open-addressing tables of hashes, one per document."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spark_jobs.text.decode import mix
from spark_jobs.text.kernel import leaf
from spark_jobs.text.word_rules import BASE

_ORDER = np.uint64(0xD6E8FEB86659FD93)
SHORT = 64
_POWERS = np.cumprod(np.concatenate([np.ones(1, np.uint64), np.full(SHORT, BASE, np.uint64)]))
"""BASE to the power of a token's length joins its hash to the one before."""


class Room(NamedTuple):
    """Working space for a document of as many words: a table of twice the size, and figures per word."""

    keys: NDArray[np.uint64]
    values: NDArray[np.int32]
    gram: NDArray[np.uint64]
    owner: NDArray[np.int32]
    counts: NDArray[np.int32]


@njit(cache=True, nogil=True)
def room(words: int) -> Room:
    """Space for documents of up to `words` words, lines or paragraphs."""
    slots = 8
    while slots < 2 * words:
        slots *= 2
    return Room(
        np.empty(slots, np.uint64), np.empty(slots, np.int32), np.empty(words + 1, np.uint64),
        np.empty(words + 1, np.int32), np.empty(words + 1, np.int32),
    )  # fmt: skip


@leaf
def clear(space: Room, entries: int) -> int:
    """Empty the table for `entries` entries; the mask of its slots."""
    slots = 8
    while slots < 2 * entries:
        slots *= 2
    for slot in range(slots):
        space.keys[slot] = 0
    return slots - 1


@leaf
def place(space: Room, mask: int, value: np.uint64) -> tuple[int, bool]:
    """(slot of a hash, whether it was there before); a new one is entered."""
    key = mix(value) | np.uint64(1)
    slot = int(np.int64((key >> np.uint64(20)) & np.uint64(mask)))
    while space.keys[slot] != 0:
        if space.keys[slot] == key:
            return slot, True
        slot = (slot + 1) & mask
    space.keys[slot] = key
    return slot, False


@leaf
def _power(length: int) -> np.uint64:
    value = np.uint64(_POWERS[min(length, SHORT)])
    for _ in range(SHORT, length):
        value *= BASE
    return value


@leaf
def scanned_repeats(
    hashes: NDArray[np.uint64], lengths: NDArray[np.int32], count: int, space: Room, least: int, most: int,
    out: NDArray[np.float64],
) -> None:  # fmt: skip
    """Characters of repeated n-grams for n = least..most into `out`, as datatrove counts them.

    A scan from the left enters each n-gram, its words joined without spaces; a known one is counted and jumped.
    """
    for i in range(count):
        space.gram[i] = hashes[i]
    for n in range(2, most + 1):
        for i in range(count - n + 1):
            space.gram[i] = space.gram[i] * _power(lengths[i + n - 1]) + hashes[i + n - 1]
        if n < least:
            continue
        mask = clear(space, max(0, count - n + 1))
        chars = i = 0
        while i < count - n + 1:
            _, known = place(space, mask, space.gram[i])
            if known:
                for k in range(i, i + n):
                    chars += lengths[k]
                i += n
            else:
                i += 1
        out[n - least] = chars


@leaf
def _group(hashes: NDArray[np.uint64], count: int, n: int, space: Room) -> bool:
    """Find equal n-grams among those whose (n-1)-gram was repeated; whether any is.

    `owner` holds the first position of an equal n-gram, or -1 where it is known to be the only one; `counts` the
    occurrences at that position.
    """
    grams = count - n + 1
    candidates = 0
    for i in range(count if n == 2 else max(0, grams + 1)):
        if n == 2:
            space.gram[i] = hashes[i]
            space.owner[i] = i
        elif space.owner[i] >= 0 and space.counts[space.owner[i]] < 2:
            space.owner[i] = -1
    for i in range(max(0, grams)):
        candidates += space.owner[i] >= 0
    mask = clear(space, candidates)
    repeated = False
    for i in range(max(0, grams)):
        space.gram[i] = space.gram[i] * _ORDER + hashes[i + n - 1]
        if space.owner[i] < 0:
            continue
        slot, known = place(space, mask, space.gram[i])
        if known:
            first = space.values[slot]
            repeated = True
        else:
            first = space.values[slot] = np.int32(i)
        space.owner[i] = first
        space.counts[i] = 0
        space.counts[first] += 1
    return repeated


@leaf
def _span(lengths: NDArray[np.int32], start: int, n: int) -> int:
    chars = 0
    for k in range(start, start + n):
        chars += lengths[k]
    return chars


@leaf
def top_grams(
    hashes: NDArray[np.uint64], lengths: NDArray[np.int32], count: int, space: Room, spaced: bool,
    out: NDArray[np.float64],
) -> bool:  # fmt: skip
    """Characters of the most frequent 2-, 3- and 4-gram into out[0:3]; whether any 4-gram is repeated.

    `spaced` is Gopher as in datatrove: single spaces count, the first of equals wins, and one occurrence counts;
    NaN where there are fewer words. Otherwise the longest of equals, and 0 for one occurrence.
    """
    repeated = True
    for n in range(2, 5):
        if count < n:
            out[n - 2] = np.nan if spaced else 0
            repeated = False
            continue
        repeated = _group(hashes, count, n, space) and repeated
        times, best = 1, _span(lengths, 0, n) if spaced else 0
        for i in range(count - n + 1):
            if space.owner[i] != i or space.counts[i] < max(2, times):
                continue
            size = _span(lengths, i, n)
            if space.counts[i] > times or (not spaced and size > best):
                times, best = space.counts[i], size
        out[n - 2] = times * (best + (n - 1 if spaced else 0)) if spaced or times > 1 else 0
    return repeated


@leaf
def covered_repeats(
    hashes: NDArray[np.uint64], lengths: NDArray[np.int32], count: int, space: Room, out: NDArray[np.float64]
) -> None:
    """Characters of the words that repeated 5- to 10-grams cover into out[0:6]; call after `top_grams`."""
    for n in range(5, 11):
        out[n - 5] = 0
        if count < n or not _group(hashes, count, n, space):
            for further in range(n, 11):
                out[further - 5] = 0
            return
        chars = covered = 0
        for i in range(count - n + 1):
            if space.owner[i] >= 0 and space.counts[space.owner[i]] > 1:
                for k in range(max(i, covered), i + n):
                    chars += lengths[k]
                covered = i + n
        out[n - 5] = chars
