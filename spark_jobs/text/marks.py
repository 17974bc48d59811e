"""Marks at the start, at the end and inside of a word, by spaCy's rules for English."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spark_jobs.text.classes import BEFORE_DOT, CLOSE, DIGIT, ICON, LETTER, LOWER, OPEN, QUOTE, UPPER
from spark_jobs.text.decode import mix
from spark_jobs.text.kernel import inner
from spark_jobs.text.unicode import TABLE_SIZE
from spark_jobs.text.word_rules import BASE, find, word_hash


@inner
def bits_of(point: np.int32, table: NDArray[np.uint32]) -> np.uint32:
    return table[point] if point < TABLE_SIZE else np.uint32(0)


@inner
def _dots(points: NDArray[np.int32], start: int, end: int) -> int:
    count = 0
    while start + count < end and points[start + count] == 46:
        count += 1
    return count


@inner
def opening_mark(points: NDArray[np.int32], start: int, end: int, table: NDArray[np.uint32]) -> int:
    """Length of the mark to cut off at the start."""
    point = points[start]
    if bits_of(point, table) & np.uint32(OPEN):
        return 1
    if point == 43:
        return 0 if start + 1 < end and bits_of(points[start + 1], table) & np.uint32(DIGIT) else 1
    if point == 46:
        count = _dots(points, start, end)
        return count if count > 1 else 0
    if (point == 67 or point == 65) and start + 1 < end and points[start + 1] == 36:
        return 2
    if point == 85 and start + 2 < end and points[start + 1] == 83 and points[start + 2] == 36:
        return 3
    return 0


@inner
def closing_mark(points: NDArray[np.int32], start: int, end: int, table: NDArray[np.uint32]) -> int:
    """Length of the mark or unit to cut off at the end."""
    if end <= start:
        return 0
    point = points[end - 1]
    bits = bits_of(point, table)
    before = bits_of(points[end - 2], table) if end - 2 >= start else np.uint32(0)
    if point == 46:
        return _closing_dots(points, start, end, table)
    if (point == 115 or point == 83) and end - 2 >= start and (points[end - 2] == 39 or points[end - 2] == 0x2019):
        return 2
    if bits & np.uint32(CLOSE):
        return 2 if point == 0x2026 and end - 2 >= start and points[end - 2] == 0x2026 else 1
    if before & np.uint32(DIGIT) and (point == 43 or (bits & np.uint32(OPEN) and point not in (61, 0xA7))):
        return 1
    length = 0
    while length < 5 and end - 1 - length >= start and not bits_of(points[end - 1 - length], table) & np.uint32(DIGIT):
        length += 1
    if length == 0 or length == 5 or end - length == start:
        return 0
    unit = word_hash(points, end - length, end) * BASE + np.uint64(1)
    return length if find(mix(unit)) >= 0 else 0


@inner
def _closing_dots(points: NDArray[np.int32], start: int, end: int, table: NDArray[np.uint32]) -> int:
    count = 1
    while end - 1 - count >= start and points[end - 1 - count] == 46:
        count += 1
    if count > 1:
        return count
    if end - 2 < start:
        return 0
    before = bits_of(points[end - 2], table)
    if before & np.uint32(BEFORE_DOT):
        return 1
    if end - 3 < start:
        return 0
    degrees = points[end - 3] == 0xB0 and points[end - 2] | 32 in (99, 102, 107)
    return 1 if degrees or (before & np.uint32(UPPER) and bits_of(points[end - 3], table) & np.uint32(UPPER)) else 0


@inner
def inner_mark(points: NDArray[np.int32], at: int, start: int, end: int, table: NDArray[np.uint32]) -> int:
    """Length of the mark at `at`, no letter or digit, that cuts points[start:end] in two."""
    point = points[at]
    bits = bits_of(point, table)
    if point == 0x2026 or bits & np.uint32(ICON):
        return 1
    if point < 42:
        return 0
    count = _dots(points, at, end) if point == 46 else 1
    if count > 1:
        return count
    before = bits_of(points[at - 1], table) if at > start else np.uint32(0)
    after = bits_of(points[at + 1], table) if at + 1 < end else np.uint32(0)
    if point == 46:
        return 1 if before & np.uint32(LOWER | QUOTE) and after & np.uint32(UPPER | QUOTE) else 0
    if point == 44:
        return 1 if before & np.uint32(LETTER) and after & np.uint32(LETTER) else 0
    signed = after & np.uint32(DIGIT) or (at + 1 < end and points[at + 1] == 45)
    if signed and point in (43, 45, 42, 94) and before & np.uint32(DIGIT):
        return 1
    if not before & np.uint32(LETTER | DIGIT):
        return 0
    if point == 58 or point == 60 or point == 61 or point == 62 or point == 47:
        return 1 if after & np.uint32(LETTER) else 0
    longest = 3 if point == 45 else 2 if point == 0x2014 else 1 if point == 126 or point == 0x2013 else 0
    for length in range(1, longest + 1):
        if at + length < end and bits_of(points[at + length], table) & np.uint32(LETTER):
            return length
        if at + length >= end or points[at + length] != point:
            return 0
    return 0
