"""Numbers as groups of digits, and what may stand beside one.

The two sides mirror each other: where a number is refused because it is glued to the one after it, that one is
refused for being glued to this one. So masking one span never sets another number free.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spark_jobs.text.kernel import leaf
from spark_jobs.text.pii.kinds import ALNUM, DIGIT, WORD, signed

GROUPS = 8
LONGEST_GROUP = 40
START, END, SEPARATOR = 0, 1, 2
SPACE, HYPHEN, DOT, SLASH, OPEN, CLOSE, PLUS, BRACKET = 32, 45, 46, 47, 40, 41, 43, 91


@leaf
def glued_left(data: NDArray[np.uint8], lo: int, start: int) -> bool:
    """Whether what begins at `start` is the middle of something: a word, decimal, path, part number or price."""
    if start == lo:
        return False
    before = data[start - 1]
    if WORD[before] or before in (35, 36, 38, SLASH, 61):
        return True
    if before == DOT:
        return start - 2 >= lo and bool(DIGIT[data[start - 2]])
    if before == HYPHEN:
        return start - 2 >= lo and bool(WORD[data[start - 2]])
    return _currency(data, lo, start)


@leaf
def _currency(data: NDArray[np.uint8], lo: int, start: int) -> bool:
    """Whether the bytes before are a pound, yen or euro sign, or the full-width yen sign."""
    if start - 2 >= lo and data[start - 2] == 0xC2 and (data[start - 1] == 0xA3 or data[start - 1] == 0xA5):
        return True
    if start - 3 < lo:
        return False
    first, second, third = data[start - 3], data[start - 2], data[start - 1]
    euro = first == 0xE2 and second == 0x82 and third == 0xAC
    return bool(euro or (first == 0xEF and second == 0xBF and third == 0xA5))


@leaf
def glued_right(data: NDArray[np.uint8], end: int, hi: int) -> bool:
    """Whether what ends before `end` goes on: into a word, address, decimal, path or part number."""
    if end == hi:
        return False
    after = data[end]
    if WORD[after] or after == 64 or after == 37:
        return True
    if after in (DOT, SLASH):
        # A bracket may open the placeholder of an address that began with a digit.
        return end + 1 < hi and bool(DIGIT[data[end + 1]] or (after == SLASH and data[end + 1] == BRACKET))
    return bool(after == HYPHEN and end + 1 < hi and WORD[data[end + 1]])


@leaf
def digits_end(data: NDArray[np.uint8], start: int, hi: int) -> int:
    """Where the run of digits at `start` ends."""
    while start < hi and DIGIT[data[start]]:
        start += 1
    return start


@leaf
def parse_groups(data: NDArray[np.uint8], start: int, hi: int, groups: NDArray[np.int64]) -> int:
    """Fill `groups` (GROUPS x 3: start, end, separator before) from the digits at `start` on; their number.

    A separator is one hyphen, dot, slash or space, with brackets, within three characters. A group that runs into
    a letter or is longer than LONGEST_GROUP ends the number before it.
    """
    count = 0
    separator = 0
    while count < GROUPS:
        end = digits_end(data, start, min(hi, start + LONGEST_GROUP))
        if end == start or (end < hi and (ALNUM[data[end]] and not extension(data, end, hi))):
            break
        groups[count, START], groups[count, END], groups[count, SEPARATOR] = start, end, separator
        count += 1
        start, separator = _separator(data, end, hi)
        if separator == 0:
            break
    return count


@leaf
def _separator(data: NDArray[np.uint8], at: int, hi: int) -> tuple[int, int]:
    """(where the next digit is, the strongest separator before it), or (at, 0)."""
    strongest = 0
    for _ in range(3):
        if at >= hi:
            return at, 0
        size, kind = _separator_at(data, at, hi)
        if size == 0:
            break
        if kind == strongest:
            return at, 0
        if strongest == 0 or kind in (OPEN, CLOSE) or strongest == SPACE:
            strongest = kind
        at += size
    return (at, strongest) if at < hi and DIGIT[data[at]] else (at, 0)


@leaf
def _separator_at(data: NDArray[np.uint8], at: int, hi: int) -> tuple[int, int]:
    """(bytes, kind) of the separator at `at`; no-break spaces and typographic hyphens count as the plain ones."""
    byte = data[at]
    if byte in (SPACE, HYPHEN, DOT, SLASH, OPEN, CLOSE):
        return 1, signed(byte)
    if byte == 0xC2 and at + 1 < hi and data[at + 1] == 0xA0:
        return 2, SPACE
    if byte == 0xE2 and at + 2 < hi and data[at + 1] == 0x80:
        last = data[at + 2]
        if last == 0xAF or last == 0x89:
            return 3, SPACE
        if 0x90 <= last <= 0x93:
            return 3, HYPHEN
    return 0, 0


@leaf
def extension(data: NDArray[np.uint8], at: int, hi: int) -> int:
    """Length of an extension at `at`: x and up to six digits; 0 if there is none."""
    if at + 1 >= hi or data[at] | 32 != 120:
        return 0
    end = digits_end(data, at + 1, min(hi, at + 8))
    return end - at if end > at + 1 and end - at <= 7 and not glued_right(data, end, hi) else 0


@leaf
def length(groups: NDArray[np.int64], k: int) -> int:
    """Digits of group k."""
    return int(groups[k, END] - groups[k, START])


@leaf
def total(groups: NDArray[np.int64], first: int, end: int) -> int:
    """Digits of groups first..end - 1."""
    digits = 0
    for k in range(first, end):
        digits += length(groups, k)
    return digits


@leaf
def value(data: NDArray[np.uint8], start: int, end: int) -> int:
    """The number that the digits data[start:end] write; at most 18 of them."""
    number = 0
    for i in range(start, end):
        number = number * 10 + (data[i] - 48)
    return number
