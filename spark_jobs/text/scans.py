"""Repeated n-grams as datatrove counts them: words are joined without spaces, and a scan jumps what it has seen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spark_jobs.text.bits import eight_bytes
from spark_jobs.text.grams import Room, again, clear, mark, place, spread
from spark_jobs.text.kernel import inlined, inner, leaf
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
def _window(windows: NDArray[np.uint8], at: int) -> int:
    """A hash of the _PREFIX bytes from byte `at` on."""
    return spread(eight_bytes(windows, at) * _SPREAD ^ eight_bytes(windows, at + 8) * BASE)


@inner
def _candidates(windows: NDArray[np.uint8], count: int, least: int, space: Room) -> int:
    """List the places whose n-grams may be repeated: the next _PREFIX characters are, or the n-gram is shorter."""
    for i in range(count):
        space.owner[i] = _window(windows, space.until[i])
    mask = mark(space, count)
    size = 0
    for i in range(count - least + 1):
        space.listed[size] = i
        short = space.until[i + least] - space.until[i] < _PREFIX
        size += short or space.marks[space.owner[i] & mask] > 1
    return size


@inlined
def _joined(space: Room, i: int, n: int) -> np.uint64:
    """The hash of the n words from place `i` on, joined."""
    return np.uint64(space.gram[i + n] - space.gram[i] * power(space.until[i + n] - space.until[i]))


@inner
def _scan(space: Room, size: int, n: int) -> int:
    """Characters of the repeated n-grams at the first `size` places listed."""
    for k in range(size):
        space.owner[k] = spread(_joined(space, space.listed[k], n))
    size = again(space, size, space.firsts)
    mask = clear(space, size)
    chars = after = 0
    for k in range(size):
        i = space.firsts[k]
        if i < after:
            continue
        _, known = place(space, mask, _joined(space, i, n))
        if known:
            chars += space.until[i + n] - space.until[i]
            after = i + n
    return chars


@leaf
def scanned_repeats(
    hashes: NDArray[np.uint64], count: int, windows: NDArray[np.uint8], space: Room, out: NDArray[np.float64]
) -> None:
    """Characters of repeated 5- to 10-grams into out[0:6].

    `hashes` of the words; `windows`: a byte per character of the words, joined without spaces, and _PREFIX more.
    A scan from the left enters each n-gram, so joined; a known one is counted and jumped.
    Call after `number_words`, whose `until` it reads.
    """
    size = _candidates(windows, count, 5, space) if count >= 5 else 0
    if size:
        joined = space.gram
        joined[0] = 0
        for i in range(count):
            joined[i + 1] = joined[i] * power(space.until[i + 1] - space.until[i]) + hashes[i]
    for n in range(5, 11):
        while size and space.listed[size - 1] + n > count:
            size -= 1
        out[n - 5] = _scan(space, size, n)
