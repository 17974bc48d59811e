"""Spans that show only once others are masked: a placeholder ends a word or a number that its text was glued to."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spark_jobs.text.kernel import leaf
from spark_jobs.text.pii.kinds import PLACEHOLDERS

TEXT = np.frombuffer("".join(PLACEHOLDERS).encode(), np.uint8)
BOUNDS = np.cumsum([0, *(len(p) for p in PLACEHOLDERS)])
"""The placeholders one after the other, and where each begins."""


@leaf
def fill(
    data: NDArray[np.uint8], lo: int, hi: int, spans: NDArray[np.int64], count: int, out: NDArray[np.uint8]
) -> int:
    """Write data[lo:hi] with placeholders for the `count` spans (type, start, end) to `out`; its length."""
    size = 0
    at = lo
    for k in range(count + 1):
        stop = spans[k, 1] if k < count else hi
        for i in range(at, stop):
            out[size + i - at] = data[i]
        size += stop - at
        if k < count:
            for i in range(BOUNDS[spans[k, 0]], BOUNDS[spans[k, 0] + 1]):
                out[size] = TEXT[i]
                size += 1
            at = spans[k, 2]
    return size


@leaf
def merge(spans: NDArray[np.int64], count: int, lo: int, more: NDArray[np.int64], new: int) -> int:
    """Add `new` spans, which lie between the placeholders of a text that `fill` made, to `spans`; their number."""
    shift = lo
    k = 0
    for n in range(new):
        while k < count and spans[k, 1] - shift < more[n, 1]:
            shift += spans[k, 2] - spans[k, 1] - (BOUNDS[spans[k, 0] + 1] - BOUNDS[spans[k, 0]])
            k += 1
        spans[count + n, 0] = more[n, 0]
        spans[count + n, 1], spans[count + n, 2] = more[n, 1] + shift, more[n, 2] + shift
    for n in range(count, count + new):
        kind, start, end = spans[n, 0], spans[n, 1], spans[n, 2]
        place = n
        while place and spans[place - 1, 1] > start:
            for k in range(3):
                spans[place, k] = spans[place - 1, k]
            place -= 1
        spans[place, 0], spans[place, 1], spans[place, 2] = kind, start, end
    return count + new
