"""Tokens for shingling: folded words, or single characters of scripts without spaces, as 64-bit hashes.

Folding is FineWeb's (datatrove 0.10.1): lower case; a number of any script, with one decimal part, is a 0; punctuation
and symbols are spaces; accents are dropped.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spark_jobs.text.bits import eight_bytes, trailing_zeros
from spark_jobs.text.decode import mix
from spark_jobs.text.kernel import inlined, inner
from spark_jobs.text.unicode import DIGIT, TABLE_SIZE, UNSPACED, exact_fold, tables

SHINGLE = 5
"""Tokens per shingle: word 5-grams, as FineWeb; 5 characters where words are not spaced, two to three words (those of
Chinese have 1.8 characters on average). Shorter ones would make unrelated pages alike by their common phrases."""

_BASIS = np.uint64(0xCBF29CE484222325)
_EACH = np.uint64(0x0101010101010101)
"""A one in each of eight bytes."""
_SPACE, _ZERO = 32, 48
_POINT, _ALONE, _DIGIT = 0x1FFFFF, 1 << 21, 22
"""Of a packed entry: the folded code point, whether it is a token alone, and a digit's value plus one."""
_ODD = np.uint64(0x9E3779B97F4A7C15)
_POWERS = tuple(np.uint64(pow(int(_ODD), k, 1 << 64)) for k in range(SHINGLE))


@lru_cache(maxsize=1)
def folding() -> NDArray[np.int32]:
    """What `token_hashes` knows of each code point, packed so that it takes one look-up."""
    flags, _, fold = tables()
    digits = np.where(flags & DIGIT, exact_fold() - ord("0") + 1, 0)
    return (fold | np.where(flags & UNSPACED, _ALONE, 0) | digits << _DIGIT).astype(np.int32)


@inlined
def _point(data: NDArray[np.uint8], i: int) -> tuple[int, int]:
    """The code point of valid UTF-8 at data[i], and its bytes."""
    byte = int(data[i])
    if byte < 0x80:
        return byte, 1
    if byte < 0xE0:
        return (byte & 0x1F) << 6 | int(data[i + 1] & 0x3F), 2
    last = int(data[i + 1] & 0x3F) << 6 | int(data[i + 2] & 0x3F)
    if byte < 0xF0:
        return (byte & 0x0F) << 12 | last, 3
    return (byte & 0x07) << 18 | last << 6 | int(data[i + 3] & 0x3F), 4


@inner
def _decimals(data: NDArray[np.uint8], i: int, end: int, point: int, folding: NDArray[np.int32]) -> bool:
    """Whether `point`, before data[i], and a digit after it continue a number."""
    if i >= end or not (point in (0x2C, 0x2E, 0x60C, 0x66B) or 0x2396 <= point <= 0x2398):
        return False
    after, _ = _point(data, i)
    return bool(after < TABLE_SIZE and folding[after] >> _DIGIT)


@inlined
def _push(value: np.uint64, chunk: np.uint64, bits: int, entry: int) -> tuple[np.uint64, np.uint64, int]:
    """Append a folded code point to a token's hash: one byte of ASCII or three with high bits, eight bytes at once."""
    size, code = 8, np.uint64(entry)
    if entry >= 0x80:
        size = 24
        code = np.uint64(0x808080 | (entry & 0x7F) | (entry & 0x3F80) << 1 | (entry & 0x1FC000) << 2)
    if bits + size > 64:
        return _absorb(value, chunk), code, size
    return value, chunk | code << np.uint64(bits), bits + size


@inlined
def _absorb(value: np.uint64, chunk: np.uint64) -> np.uint64:
    value = (value ^ chunk) * _ODD
    return value ^ value >> np.uint64(32)


@inlined
def _letters(data: NDArray[np.uint8], i: int, end: int) -> tuple[np.uint64, np.uint64, int, int]:
    """Hash the ASCII letters from data[i] on, eight at once: (value, chunk, bits of the chunk, place after them)."""
    value, chunk, bits = _BASIS, np.uint64(0), 0
    while i + 8 <= end:
        raw = eight_bytes(data, i)
        folded = raw | _EACH * np.uint64(0x20)
        low = folded & _EACH * np.uint64(0x7F)
        from_a, after_z = low + _EACH * np.uint64(0x80 - 0x61), low + _EACH * np.uint64(0x80 - 0x7B)
        others = ~(from_a & ~after_z & ~raw) & _EACH * np.uint64(0x80)
        found = trailing_zeros(others) & 0x78
        if found == 0:
            break
        value = _absorb(value, chunk) if bits else value
        chunk, bits = folded & ~np.uint64(0) >> np.uint64(64 - found), found
        i += found >> 3
        if found < 64:
            break
    return value, chunk, bits, i


@njit(cache=True, nogil=True)
def token_hashes(
    data: NDArray[np.uint8], start: int, end: int, folding: NDArray[np.int32],
    similar: NDArray[np.uint64], exact: NDArray[np.uint64],
) -> int:  # fmt: skip
    """Hash each token of data[start:end] (valid UTF-8): into `similar` with all numbers alike, into `exact` with
    numbers told apart; how many. Combining marks (folded to 0) are passed over."""
    tokens = 0
    i = start
    while i < end:
        digits = _BASIS
        entry = _SPACE
        size = 1
        integer = decimal = False
        value, chunk, bits, i = _letters(data, i, end)
        while i < end:
            point, size = _point(data, i)
            entry = int(folding[point]) if point < TABLE_SIZE else point
            if _SPACE < entry < _ALONE:
                value, chunk, bits = _push(value, chunk, bits, entry)
                # 1a23 and 12a3 are two contents.
                digits = _absorb(digits, np.uint64(entry)) if integer else digits
                integer = decimal = False
            elif entry >> _DIGIT:
                if not integer:
                    value, chunk, bits = _push(value, chunk, bits, _ZERO)
                digits = _absorb(digits, np.uint64(entry >> _DIGIT))
                integer = True
            elif integer and not decimal and _decimals(data, i + size, end, point, folding):
                digits = _absorb(digits, np.uint64(point))
                decimal = True
            elif entry != 0:
                break
            i += size
        if chunk:
            similar[tokens] = mix(value ^ chunk)
            exact[tokens] = similar[tokens] if digits == _BASIS else mix(value ^ chunk ^ digits)
            tokens += 1
        if i < end:
            if entry & _ALONE:
                similar[tokens] = exact[tokens] = mix(_BASIS ^ np.uint64(entry & _POINT))
                tokens += 1
            i += size
    return tokens


@inlined
def shingle(tokens: NDArray[np.uint64], start: int) -> np.uint64:
    """Hash of the SHINGLE tokens from `start` on; their order matters. Tokens are mixed, so a polynomial will do."""
    value = tokens[start + 4] + tokens[start + 3] * _POWERS[1] + tokens[start + 2] * _POWERS[2]
    return mix(value + tokens[start + 1] * _POWERS[3] + tokens[start] * _POWERS[4])
