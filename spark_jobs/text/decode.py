"""UTF-8 to code points, compiled."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spark_jobs.text.bits import eight_bytes, widen_eight

_HIGH = np.uint64(0x8080808080808080)


@njit(cache=True, nogil=True)
def decode(data: NDArray[np.uint8], start: int, end: int, out: NDArray[np.int32]) -> int:
    """Write the code points of data[start:end] (valid UTF-8, as Arrow strings are) to `out`; their number."""
    count = 0
    i = start
    while i < end:
        byte = np.int32(data[i])
        if byte < 0x80:
            if i + 8 <= end and not eight_bytes(data, i) & _HIGH:
                widen_eight(data, i, out, count)
                i, count = i + 8, count + 8
                continue
            out[count] = byte
            i += 1
        elif byte < 0xE0:
            out[count] = (byte & 0x1F) << 6 | (data[i + 1] & 0x3F)
            i += 2
        elif byte < 0xF0:
            out[count] = (byte & 0x0F) << 12 | np.int32(data[i + 1] & 0x3F) << 6 | (data[i + 2] & 0x3F)
            i += 3
        else:
            out[count] = (
                (byte & 0x07) << 18
                | np.int32(data[i + 1] & 0x3F) << 12
                | np.int32(data[i + 2] & 0x3F) << 6
                | (data[i + 3] & 0x3F)
            )
            i += 4
        count += 1
    return count


@njit(cache=True, nogil=True, inline="always")
def mix(value: np.uint64) -> np.uint64:
    """The 64-bit finaliser of SplitMix64 (Steele, Lea, Flood 2014): every input bit reaches every output bit."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


@njit(cache=True, nogil=True)
def encode(points: NDArray[np.int32], start: int, end: int, out: NDArray[np.uint8], at: int) -> int:
    """Write points[start:end] as UTF-8 to out[at:]; the place after the last byte."""
    for i in range(start, end):
        point = points[i]
        if point < 0x80:
            out[at] = point
            at += 1
            continue
        length = 2 if point < 0x800 else 3 if point < 0x10000 else 4
        out[at] = (0xF00 >> length) & 0xFF | point >> 6 * (length - 1)
        for k in range(1, length):
            out[at + k] = 0x80 | (point >> 6 * (length - 1 - k)) & 0x3F
        at += length
    return at
