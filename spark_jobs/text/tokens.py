"""Tokens for shingling: folded words, or single characters of scripts without spaces, as 64-bit hashes."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spark_jobs.text.decode import mix
from spark_jobs.text.unicode import TABLE_SIZE, UNSPACED

SHINGLE = 5
"""Tokens per shingle: word 5-grams, as FineWeb; character 5-grams where words are not spaced."""

_PRIME = np.uint64(0x100000001B3)
_BASIS = np.uint64(0xCBF29CE484222325)


@njit(cache=True, nogil=True)
def token_hashes(
    points: NDArray[np.int32],
    count: int,
    flags: NDArray[np.uint8],
    fold: NDArray[np.int32],
    out: NDArray[np.uint64],
) -> int:
    """Hash each token of points[:count] into `out`; their number. FNV-1a over folded code points, mixed."""
    tokens = 0
    inside = False
    value = _BASIS
    for i in range(count):
        point = points[i]
        folded = fold[point] if point < TABLE_SIZE else point
        if folded == 0:
            continue
        alone = point < TABLE_SIZE and flags[point] & UNSPACED
        if inside and (folded == 32 or alone):
            out[tokens] = mix(value)
            tokens += 1
            inside = False
        if alone:
            out[tokens] = mix((_BASIS ^ np.uint64(folded)) * _PRIME)
            tokens += 1
        elif folded != 32:
            value = ((value if inside else _BASIS) ^ np.uint64(folded)) * _PRIME
            inside = True
    if inside:
        out[tokens] = mix(value)
        tokens += 1
    return tokens


@njit(cache=True, nogil=True)
def shingle(tokens: NDArray[np.uint64], start: int) -> np.uint64:
    """Hash of the SHINGLE tokens from `start` on; their order matters."""
    value = np.uint64(0)
    for k in range(SHINGLE):
        value = mix(value * _PRIME + tokens[start + k])
    return value
