"""A value per line that is equal where the folded lines are: for lines that many pages of a host share."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray

from spark_jobs.text.classes import BLANK, DECIMAL, LINE_END, classes, lower
from spark_jobs.text.decode import mix
from spark_jobs.text.kernel import inner
from spark_jobs.text.unicode import TABLE_SIZE, utf8_buffers

LENGTH_BITS = 16
LONGEST = (1 << LENGTH_BITS) - 1
_SPACE, _ZERO, _END = 32, 48, -1
_OFFSET, _PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)
_HASH = np.uint64(~LONGEST & (1 << 64) - 1)


def line_hashes(text: pa.Array) -> pa.ListArray:
    """n lists of uint64, one value per line of `str.splitlines`; 0 for a blank line.

    A line is folded: lower case, any run of decimal digits as 0, any run of white space as one space, none at the
    ends. The low 16 bits of its value are the UTF-8 bytes of the folded line, at most 65,535: of scripts that say more
    with a character, one counts more. The others are of FNV-1a (Fowler, Noll, Vo) over the folded code points, mixed.
    Equal lines are equally long, so whole values compare.
    """
    offsets, data = utf8_buffers(text)
    ends = np.zeros(len(text) + 1, np.int64)
    values = _hash(offsets, data, _fold(), ends) if len(text) else np.empty(0, np.uint64)
    lists = pa.LargeListArray.from_arrays(pa.array(ends), pa.array(values))
    return lists.cast(pa.list_(pa.uint64()))


@lru_cache(maxsize=1)
def _fold() -> NDArray[np.int32]:
    """The folded code point of every one below TABLE_SIZE; -1 for line ends."""
    table, fold = classes(), lower().copy()
    fold[(table & BLANK) > 0] = _SPACE
    fold[(table & DECIMAL) > 0] = _ZERO
    fold[(table & LINE_END) > 0] = _END
    return fold


@njit(cache=True, nogil=True)
def _hash(
    offsets: NDArray[np.int64], data: NDArray[np.uint8], fold: NDArray[np.int32], ends: NDArray[np.int64]
) -> NDArray[np.uint64]:
    out = np.empty(1024, np.uint64)
    at = 0
    for row in range(len(offsets) - 1):
        # A document has at most as many lines as bytes.
        most = at + offsets[row + 1] - offsets[row]
        if most > len(out):
            grown = np.empty(2 * most, np.uint64)
            grown[:at] = out[:at]
            out = grown
        start = offsets[row]
        while start < offsets[row + 1]:
            out[at], start = _line(data, start, offsets[row + 1], fold)
            at += 1
        ends[row + 1] = at
    return out[:at].copy()


@inner
def _line(data: NDArray[np.uint8], start: int, stop: int, fold: NDArray[np.int32]) -> tuple[np.uint64, int]:
    """(value of the line at `start`, where the next one starts)."""
    hashed = _OFFSET
    size = before = 0
    gap = False
    i = start
    while i < stop:
        byte = np.int32(data[i])
        if byte < 0x80:
            folded, i = fold[byte], i + 1
        else:
            point, i = _point(data, i, byte)
            folded = fold[point] if point < TABLE_SIZE else point
        if folded == _SPACE:
            gap = size > 0
            continue
        if folded == _END:
            i += byte == 13 and i < stop and data[i] == 10
            break
        if folded == _ZERO and before == _ZERO and not gap:
            continue
        if gap:
            hashed = (hashed ^ np.uint64(_SPACE)) * _PRIME
            size += 1
            gap = False
        hashed = (hashed ^ np.uint64(folded)) * _PRIME
        size += 1 if folded < 0x80 else 2 if folded < 0x800 else 3 if folded < 0x10000 else 4
        before = folded
    value = (mix(hashed) & _HASH) | np.uint64(min(size, LONGEST))
    return (value if size else np.uint64(0)), i


@inner
def _point(data: NDArray[np.uint8], i: int, byte: np.int32) -> tuple[np.int32, int]:
    """(the code point at `i`, which is not ASCII, where the next one starts)."""
    second = np.int32(data[i + 1] & 0x3F)
    if byte < 0xE0:
        return (byte & 0x1F) << 6 | second, i + 2
    third = np.int32(data[i + 2] & 0x3F)
    if byte < 0xF0:
        return (byte & 0x0F) << 12 | second << 6 | third, i + 3
    return (byte & 0x07) << 18 | second << 12 | third << 6 | np.int32(data[i + 3] & 0x3F), i + 4
