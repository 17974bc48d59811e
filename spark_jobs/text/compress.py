"""How well a text compresses: the size of a greedy LZ4-like parse, without writing it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spark_jobs.text.kernel import inner

HASH_BITS = 13
WINDOW = 65535
SHORTEST = 4


@inner
def _four(data: NDArray[np.uint8], at: int) -> np.uint64:
    return (
        np.uint64(data[at]) | np.uint64(data[at + 1]) << np.uint64(8)
        | np.uint64(data[at + 2]) << np.uint64(16) | np.uint64(data[at + 3]) << np.uint64(24)
    )  # fmt: skip


@inner
def _sequence(literals: int, match: int) -> int:
    """Bytes of a token, its literals, and its match (0 for the last literals), as in LZ4's block format."""
    size = 1 + literals + (1 + (literals - 15) // 255 if literals >= 15 else 0)
    if match:
        size += 2 + (1 + (match - SHORTEST - 15) // 255 if match - SHORTEST >= 15 else 0)
    return size


@inner
def compressed_size(data: NDArray[np.uint8], start: int, end: int, places: NDArray[np.int64]) -> int:
    """Bytes that data[start:end] takes. `places` (2^HASH_BITS) may hold places before `start`, which are no match."""
    size = 0
    literal = i = start
    while i + SHORTEST <= end:
        four = _four(data, i)
        slot = int(np.int64(((four * np.uint64(2654435761)) & np.uint64(0xFFFFFFFF)) >> np.uint64(32 - HASH_BITS)))
        known = places[slot]
        places[slot] = i
        if known < start or i - known > WINDOW or _four(data, known) != four:
            # Text that finds no match is looked at in longer and longer steps.
            i += 1 + ((i - literal) >> 6)
            continue
        length = SHORTEST
        while i + length < end and data[known + length] == data[i + length]:
            length += 1
        size += _sequence(i - literal, length)
        i += length
        literal = i
    return size + _sequence(end - literal, 0)
