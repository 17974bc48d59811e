"""Repetition: words and n-grams that occur again, by open-addressing tables, one per document.

An n-gram is repeated only if both (n-1)-grams in it are, so each step looks at what is left of the step before.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spark_jobs.text.decode import mix
from spark_jobs.text.kernel import inner, leaf

_SPREAD = np.uint64(0xD6E8FEB86659FD93)


class Room(NamedTuple):
    """Working space for a document of as many words: a table of twice the size, and figures per word.

    `owner`: the first place of an equal word or n-gram; `counts`: occurrences, at that place; `firsts`: these places;
    `listed`: the places of repeated ones; `until`: characters of the words before a place; `marks`: four bytes per
    slot of the table.
    """

    keys: NDArray[np.uint64]
    values: NDArray[np.int32]
    gram: NDArray[np.uint64]
    owner: NDArray[np.int32]
    counts: NDArray[np.int32]
    firsts: NDArray[np.int32]
    listed: NDArray[np.int32]
    until: NDArray[np.int32]
    marks: NDArray[np.uint8]


@njit(cache=True, nogil=True)
def room(words: int) -> Room:
    """Space for documents of up to `words` words, lines or paragraphs."""
    slots = 8
    while slots < 2 * words:
        slots *= 2
    return Room(
        np.empty(slots, np.uint64), np.empty(slots, np.int32), np.empty(words + 1, np.uint64),
        np.empty(words + 1, np.int32), np.empty(words + 1, np.int32), np.empty(words + 1, np.int32),
        np.empty(words + 1, np.int32), np.empty(words + 1, np.int32), np.empty(4 * slots, np.uint8),
    )  # fmt: skip


@inner
def clear(space: Room, entries: int) -> int:
    """Empty the table for `entries` entries; the mask of its slots."""
    slots = 8
    while slots < 2 * entries:
        slots *= 2
    for slot in range(slots):
        space.keys[slot] = 0
    return slots - 1


@inner
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


@inner
def spread(value: np.uint64) -> int:
    """The hash of an n-gram as a positive number of 32 bits, all of which depend on all of its bits."""
    return int(np.int64(((value ^ (value >> np.uint64(32))) * _SPREAD) >> np.uint64(32)))


@inner
def mark(space: Room, size: int) -> int:
    """Count the hashes in `owner` by a few of their bits in `marks`, 2 for more; the mask of these bits.

    A byte each lies nearer than the table of `_group`, which so need not see what is there only once.
    """
    slots = len(space.marks)
    while slots > 16 * size and slots > 8:
        slots >>= 1
    for slot in range(slots):
        space.marks[slot] = 0
    for k in range(size):
        slot = space.owner[k] & (slots - 1)
        space.marks[slot] = 1 if space.marks[slot] == 0 else 2
    return slots - 1


@inner
def again(space: Room, size: int, kept: NDArray[np.int32]) -> int:
    """Copy to `kept` the `listed` places whose hash in `owner` may be there again; their number."""
    mask = mark(space, size)
    count = 0
    for k in range(size):
        kept[count] = space.listed[k]
        count += space.marks[space.owner[k] & mask] > 1
    return count


@inner
def _group(space: Room, size: int) -> int:
    """Fill `owner`, `counts` and `firsts` from `gram` at the `listed` places; the number of different ones."""
    slots = 8
    while slots < 2 * size:
        slots *= 2
    for slot in range(slots):
        space.values[slot] = -1
    different = 0
    for k in range(size):
        i = space.listed[k]
        value = space.gram[i]
        slot = spread(value) & (slots - 1)
        first = space.values[slot]
        while first >= 0 and space.gram[first] != value:
            slot = (slot + 1) & (slots - 1)
            first = space.values[slot]
        if first < 0:
            first = space.values[slot] = i
            space.counts[i] = 0
            space.firsts[different] = i
            different += 1
        space.owner[i] = first
        space.counts[first] += 1
    return different


@leaf
def number_words(hashes: NDArray[np.uint64], lengths: NDArray[np.int32], count: int, space: Room) -> int:
    """Find equal words: all but `marks` of `count` words, all of them `listed`; the number of different ones."""
    space.until[0] = 0
    for i in range(count):
        space.gram[i], space.listed[i] = hashes[i], i
        space.until[i + 1] = space.until[i] + lengths[i]
    return _group(space, count)


@inner
def _repeated(space: Room, size: int) -> int:
    """Keep in `listed` the places of repeated ones; their number."""
    kept = 0
    for k in range(size):
        i = space.listed[k]
        space.listed[kept] = i
        kept += space.counts[space.owner[i]] > 1
    return kept


@inner
def _lengthen(space: Room, size: int) -> int:
    """From the `listed` places of repeated (n-1)-grams to those of repeated n-grams; their number."""
    candidates = 0
    for k in range(size - 1):
        i = space.listed[k]
        space.gram[i] = np.uint64(space.owner[i]) << np.uint64(32) | np.uint64(space.owner[i + 1])
        neighbours = space.listed[k + 1] == i + 1
        space.listed[candidates] = i
        candidates += neighbours
    for k in range(candidates):
        space.owner[k] = spread(space.gram[space.listed[k]])
    candidates = again(space, candidates, space.listed)
    _group(space, candidates)
    return _repeated(space, candidates)


@leaf
def top_grams(count: int, space: Room, spaced: bool, out: NDArray[np.float64]) -> int:
    """Characters of the most frequent 2-, 3- and 4-gram into out[0:3]; the number of repeated 4-grams.

    Call after `number_words`. `spaced` is Gopher as in datatrove: single spaces count, the first of equals wins, and
    one occurrence counts; NaN where there are fewer words. Otherwise the longest of equals, and 0 for one occurrence.
    """
    size = _repeated(space, count)
    for n in range(2, 5):
        size = _lengthen(space, size)
        if count < n:
            out[n - 2] = np.nan if spaced else 0
            continue
        times, best = 1, space.until[n] if spaced else 0
        for k in range(size):
            i = space.listed[k]
            if space.owner[i] != i or space.counts[i] < times:
                continue
            chars = space.until[i + n] - space.until[i]
            if space.counts[i] > times or (not spaced and chars > best):
                times, best = space.counts[i], chars
        out[n - 2] = times * (best + (n - 1 if spaced else 0)) if spaced or times > 1 else 0
    return size


@leaf
def covered_repeats(size: int, space: Room, out: NDArray[np.float64]) -> None:
    """Characters of the words that repeated 5- to 10-grams cover into out[0:6].

    Call after `top_grams`, which returned `size`.
    """
    for n in range(5, 11):
        size = _lengthen(space, size)
        chars = covered = 0
        for k in range(size):
            i = space.listed[k]
            chars += space.until[i + n] - space.until[max(i, covered)]
            covered = i + n
        out[n - 5] = chars
