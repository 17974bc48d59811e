"""Texts as token hashes: the folded words, or single characters of scripts without spaces, that shingling sees."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray

from spark_jobs.text.tokens import folding, token_hashes
from spark_jobs.text.unicode import utf8_buffers

LINE_END = np.uint64(0)
"""Stands after the last token of a line, where lines are asked for."""

SLICE_BYTES = 4 << 20
"""Text that is tokenised at a time: its hashes take twice as much memory and stay near the processor."""


class Tokens(NamedTuple):
    """Token hashes of n documents: those of document i are hashes[bounds[i]:bounds[i + 1]]."""

    bounds: NDArray[np.int64]
    hashes: NDArray[np.uint64]


def tokens(text: pa.Array | pa.ChunkedArray, lines: bool = False) -> Tokens:
    """The tokens of n texts, numbers alike. `lines`: LINE_END stands after each line that has a token."""
    offsets, data = utf8_buffers(text)
    return _of_buffers(offsets, data, lines)


def in_slices(text: pa.Array | pa.ChunkedArray, lines: bool = False) -> Iterator[tuple[int, Tokens]]:
    """(number of the first document, tokens) of slices of about SLICE_BYTES."""
    offsets, data = utf8_buffers(text)
    row = 0
    while row < len(offsets) - 1:
        end = max(row + 1, int(np.searchsorted(offsets, offsets[row] + SLICE_BYTES, side="right")) - 1)
        yield row, _of_buffers(offsets[row : end + 1], data, lines)
        row = end


def _of_buffers(offsets: NDArray[np.int64], data: NDArray[np.uint8], lines: bool) -> Tokens:
    # A token has a byte at least, and a line's end has its own: room for each byte and for the last line's end.
    room = int(offsets[-1] - offsets[0]) + len(offsets)
    hashes, exact = np.empty(room, np.uint64), np.empty(room, np.uint64)
    bounds = np.zeros(len(offsets), np.int64)
    _tokenise(offsets, data, folding(), lines, bounds, hashes, exact)
    return Tokens(bounds, hashes[: bounds[-1]])


@njit(cache=True, nogil=True)
def _tokenise(
    offsets: NDArray[np.int64], data: NDArray[np.uint8], folding: NDArray[np.int32], lines: bool,
    bounds: NDArray[np.int64], hashes: NDArray[np.uint64], exact: NDArray[np.uint64],
) -> None:  # fmt: skip
    at = 0
    for row in range(len(offsets) - 1):
        start, end = offsets[row], offsets[row + 1]
        while start < end:
            stop = end
            if lines:
                stop = start
                while stop < end and data[stop] != 10:
                    stop += 1
            found = token_hashes(data, start, stop, folding, hashes[at:], exact)
            at += found
            if lines and found:
                hashes[at] = LINE_END
                at += 1
            start = stop + 1
        bounds[row + 1] = at
