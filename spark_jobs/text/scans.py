"""Repeated n-grams as datatrove counts them: words are joined without spaces, and a scan jumps what it has seen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spark_jobs.text.grams import Room, clear, place
from spark_jobs.text.kernel import eight_bytes, inlined, inner, leaf
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


@inlined
def _window(windows: NDArray[np.uint64], at: int) -> np.uint64:
    """A hash of the _PREFIX bytes from byte `at` on."""
    value = eight_bytes(windows, at) * _SPREAD ^ eight_bytes(windows, at + 8) * BASE
    return (value ^ (value >> np.uint64(32))) * _SPREAD


@inner
def _candidates(windows: NDArray[np.uint64], count: int, least: int, space: Room) -> int:
    """List the places whose n-grams may be repeated: the next _PREFIX characters are, or the n-gram is shorter.

    `marks` counts prefixes, 2 for more, by a few bits of their hashes, so some places are listed for nothing.
    """
    slots = len(space.marks)
    while slots > 16 * count:
        slots >>= 1
    for slot in range(slots):
        space.marks[slot] = 0
    whole = space.until[count]
    for i in range(count):
        start = space.until[i]
        if start + _PREFIX <= whole:
            slot = int(np.int64(_window(windows, start) >> np.uint64(33))) & (slots - 1)
            space.owner[i] = slot
            space.marks[slot] = 1 if space.marks[slot] == 0 else 2
    size = 0
    for i in range(count - least + 1):
        start = space.until[i]
        space.listed[size] = i
        size += space.until[i + least] - start < _PREFIX or space.marks[space.owner[i]] > 1
    return size


@leaf
def scanned_repeats(
    hashes: NDArray[np.uint64], count: int, windows: NDArray[np.uint64], space: Room, out: NDArray[np.float64]
) -> None:
    """Characters of repeated 5- to 10-grams into out[0:6].

    `hashes` of the words; `windows`: a byte per character of the words, joined without spaces, and 24 more, eight to
    a number. A scan from the left enters each n-gram, so joined; a known one is counted and jumped.
    Call after `number_words`, whose `until` it reads.
    """
    size = _candidates(windows, count, 5, space) if count >= 5 else 0
    if size:
        joined = space.gram
        joined[0] = 0
        for i in range(count):
            joined[i + 1] = joined[i] * power(space.until[i + 1] - space.until[i]) + hashes[i]
    for n in range(5, 11):
        mask = clear(space, size)
        chars = after = 0
        for k in range(size):
            i = space.listed[k]
            if i < after or i + n > count:
                continue
            length = space.until[i + n] - space.until[i]
            _, known = place(space, mask, space.gram[i + n] - space.gram[i] * power(length))
            if known:
                chars += length
                after = i + n
        out[n - 5] = chars
