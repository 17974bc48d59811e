"""Tokens for shingling: folded words, or single characters of scripts without spaces, as 64-bit hashes."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spark_jobs.text.decode import mix
from spark_jobs.text.unicode import DIGIT, TABLE_SIZE, UNSPACED, exact_fold, tables

SHINGLE = 5
"""Tokens per shingle: word 5-grams, as FineWeb; character 5-grams where words are not spaced."""

_PRIME = np.uint64(0x100000001B3)
_BASIS = np.uint64(0xCBF29CE484222325)
_SPACE = 32
_POINT, _ALONE, _DIGIT = 0x1FFFFF, 1 << 21, 22
"""Of a packed entry: the folded code point, whether it is a token alone, and a digit's value plus one."""


@lru_cache(maxsize=1)
def folding() -> NDArray[np.int32]:
    """What `token_hashes` knows of each code point, packed so that it takes one look-up."""
    flags, _, fold = tables()
    digits = np.where(flags & DIGIT, exact_fold() - ord("0") + 1, 0)
    return (fold | np.where(flags & UNSPACED, _ALONE, 0) | digits << _DIGIT).astype(np.int32)


@njit(cache=True, nogil=True)
def token_hashes(
    points: NDArray[np.int32],
    count: int,
    folding: NDArray[np.int32],
    similar: NDArray[np.uint64],
    exact: NDArray[np.uint64],
) -> int:
    """Hash each token of points[:count]: into `similar` with all digits alike, into `exact` with digits told apart;
    their number. FNV-1a over folded code points, mixed; combining marks (folded to 0) are passed over."""
    tokens = i = 0
    while i < count:
        value = digits = _BASIS
        entry = _SPACE
        length = 0
        while i < count:
            point = points[i]
            entry = folding[point] if point < TABLE_SIZE else point
            if _SPACE < entry < _ALONE:
                value = (value ^ np.uint64(entry)) * _PRIME
                length += 1
            elif entry >> _DIGIT:
                value = (value ^ np.uint64(entry & _POINT)) * _PRIME
                digits = (digits ^ np.uint64(entry >> _DIGIT)) * _PRIME
                length += 1
            elif entry != 0:
                break
            i += 1
        if length:
            similar[tokens] = mix(value)
            exact[tokens] = similar[tokens] if digits == _BASIS else mix(value ^ digits)
            tokens += 1
        if i < count and entry & _ALONE:
            similar[tokens] = exact[tokens] = mix((_BASIS ^ np.uint64(entry & _POINT)) * _PRIME)
            tokens += 1
        i += 1
    return tokens


@njit(cache=True, nogil=True)
def shingle(tokens: NDArray[np.uint64], start: int) -> np.uint64:
    """Hash of the SHINGLE tokens from `start` on; their order matters."""
    value = np.uint64(0)
    for k in range(SHINGLE):
        value = mix(value * _PRIME + tokens[start + k])
    return value
