"""Line masks as columns: two of them as one, and how much text they drop."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit
from numpy.typing import NDArray

from spark_jobs.text.classes import classes
from spark_jobs.text.decode import decode
from spark_jobs.text.rules_of_lines import line_end, next_line
from spark_jobs.text.unicode import utf8_buffers

Bytes = NDArray[np.uint8]
Ends = NDArray[np.int64]


def mask_buffers(mask: pa.Array) -> tuple[Ends, Bytes]:
    """(n + 1 ends, bits) of a column of masks; a null is empty."""
    return utf8_buffers(mask.fill_null(b"").cast(pa.large_binary()).view(pa.large_string()))


def either(one: pa.Array, other: pa.Array) -> pa.Array:
    """Masks that drop the lines that either drops; null where both are null."""
    left, right = mask_buffers(one), mask_buffers(other)
    length = np.maximum(np.diff(left[0]), np.diff(right[0]))
    ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(length)])
    bits = np.zeros(ends[-1], np.uint8)
    _join(*left, ends, bits)
    _join(*right, ends, bits)
    joined = pa.Array.from_buffers(
        pa.large_binary(), len(one), [None, pa.py_buffer(ends.tobytes()), pa.py_buffer(bits.tobytes())]
    )
    empty = pc.and_(one.is_null(), other.is_null())
    return pc.if_else(empty, pa.scalar(None, pa.binary()), joined.cast(pa.binary()))


def masked_bytes(text: pa.Array, mask: pa.Array) -> NDArray[np.int64]:
    """UTF-8 bytes of the lines that each text's mask drops, with their line ends."""
    offsets, data = utf8_buffers(text)
    found = np.zeros(len(text), np.int64)
    if len(text):
        _bytes(offsets, data, classes(), *mask_buffers(mask), found)
    return found


@njit(cache=True, nogil=True)
def _join(from_ends: Ends, from_bits: Bytes, ends: Ends, bits: Bytes) -> None:
    for row in range(len(ends) - 1):
        for k in range(from_ends[row + 1] - from_ends[row]):
            bits[ends[row] + k] |= from_bits[from_ends[row] + k]


@njit(cache=True, nogil=True)
def _bytes(
    offsets: Ends, data: Bytes, table: NDArray[np.uint32], ends: Ends, bits: Bytes, found: NDArray[np.int64]
) -> None:
    longest = 0
    for row in range(len(found)):
        if ends[row + 1] > ends[row]:
            longest = max(longest, offsets[row + 1] - offsets[row])
    points = np.empty(longest, np.int32)
    for row in range(len(found)):
        if ends[row + 1] == ends[row]:
            continue
        chars = decode(data, offsets[row], offsets[row + 1], points)
        start = line = 0
        while start < chars and (line >> 3) < ends[row + 1] - ends[row]:
            after = min(next_line(points, line_end(points, start, chars, table), chars), chars)
            if bits[ends[row] + (line >> 3)] >> (line & 7) & 1:
                for k in range(start, after):
                    point = points[k]
                    found[row] += 1 if point < 0x80 else 2 if point < 0x800 else 3 if point < 0x10000 else 4
            line += 1
            start = after
