"""Repeated n-grams as datatrove counts them: words are joined without spaces, and a scan jumps what it has seen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spark_jobs.text.grams import Room, clear, place
from spark_jobs.text.kernel import inner, leaf
from spark_jobs.text.word_rules import BASE

_SHORT = 512
_POWERS = np.cumprod(np.concatenate([np.ones(1, np.uint64), np.full(_SHORT, BASE, np.uint64)]))
_PREFIX = 16
_SPREAD = np.uint64(0xD6E8FEB86659FD93)


@inner
def power(exponent: int) -> np.uint64:
    """BASE to the power of `exponent`, modulo 2^64."""
    value = np.uint64(_POWERS[exponent & (_SHORT - 1)])
    square = np.uint64(_POWERS[_SHORT])
    exponent >>= 9
    while exponent:
        if exponent & 1:
            value *= square
        square *= square
        exponent >>= 1
    return value


@inner
def _candidates(joined: NDArray[np.uint64], count: int, least: int, space: Room) -> int:
    """List the places whose n-grams may be repeated: the next _PREFIX characters are, or the n-gram is shorter.

    `values` counts prefixes by a few bits of their hashes, so some places are listed for nothing.
    """
    slots = len(space.values)
    while slots > 16 * count:
        slots >>= 1
    for slot in range(slots):
        space.values[slot] = 0
    whole = space.until[count]
    for i in range(count):
        start = space.until[i]
        if start + _PREFIX <= whole:
            value = (joined[start + _PREFIX] - joined[start] * _POWERS[_PREFIX]) * _SPREAD
            space.owner[i] = np.int32(np.int64(value >> np.uint64(33))) & (slots - 1)
            space.values[space.owner[i]] += 1
    size = 0
    for i in range(count - least + 1):
        start = space.until[i]
        space.listed[size] = i
        size += space.until[i + least] - start < _PREFIX or space.values[space.owner[i]] > 1
    return size


@leaf
def scanned_repeats(joined: NDArray[np.uint64], count: int, space: Room, out: NDArray[np.float64]) -> None:
    """Characters of repeated 5- to 10-grams into out[0:6]; `joined`: hashes of the first k visible characters.

    A scan from the left enters each n-gram, its words joined without spaces; a known one is counted and jumped.
    Call after `number_words`, whose `until` it reads.
    """
    size = _candidates(joined, count, 5, space) if count >= 5 else 0
    for n in range(5, 11):
        mask = clear(space, size)
        chars = after = 0
        for k in range(size):
            i = space.listed[k]
            if i < after or i + n > count:
                continue
            start, end = space.until[i], space.until[i + n]
            _, known = place(space, mask, joined[end] - joined[start] * power(end - start))
            if known:
                chars += end - start
                after = i + n
        out[n - 5] = chars
