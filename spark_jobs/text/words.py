"""Words: the rules of spaCy's English tokenizer over code points, and a stated segmentation where no spaces are.

A run between white space loses opening and closing marks, is kept whole where it is an exception (contractions,
abbreviations) or a web address, and is cut at marks inside. Runs of scripts without spaces are cut by length: Han
and Hiragana in pairs, Katakana not at all, Thai, Lao, Khmer, Myanmar and Tibetan in fours (a combining mark stays
with its letter). That imitates mean word lengths of about 1.8 (Chinese), 2 to 3 (Japanese) and 4 (Thai) characters.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spark_jobs.text.addresses import is_address
from spark_jobs.text.classes import (
    ALONE,
    ALPHABETIC,
    BLANK,
    DIGIT,
    HAN,
    HIRAGANA,
    KATAKANA,
    LETTER,
    LOWER,
    PUNCT,
    SYMBOL,
    TERMINAL,
)
from spark_jobs.text.decode import mix
from spark_jobs.text.kernel import inlined, inner, leaf
from spark_jobs.text.marks import bits_of, closing_mark, inner_mark, opening_mark
from spark_jobs.text.word_rules import BASE, LONGEST_EXCEPTION, exception, find, may_be_exception

ALPHA, PLAIN, MARKS, STOP, GAP = (1 << bit for bit in range(5))
"""Kinds of a token: has a letter; holds more than symbols; marks alone; one terminal mark; after white space other
than one space."""


class Tokens(NamedTuple):
    """Room for the tokens of a text: first code point, length, hash and kind of each."""

    start: NDArray[np.int32]
    length: NDArray[np.int32]
    hash: NDArray[np.uint64]
    kind: NDArray[np.uint8]


@njit(cache=True, nogil=True)
def tokens_for(size: int) -> Tokens:
    """Room for `size` tokens."""
    return Tokens(
        np.empty(size, np.int32), np.empty(size, np.int32), np.empty(size, np.uint64), np.empty(size, np.uint8)
    )


@inner
def _emit(points: NDArray[np.int32], start: int, end: int, table: NDArray[np.uint32], tokens: Tokens, at: int) -> int:
    value = np.uint64(0)
    any_of, all_of = np.uint32(0), np.uint32(0xFFFFFFFF)
    for i in range(start, end):
        value = value * BASE + np.uint64(points[i] + 1)
        bits = bits_of(points[i], table)
        any_of |= bits
        all_of &= bits
    return _put(start, end, value, any_of, all_of, tokens, at)


@inlined
def _put(start: int, end: int, value: np.uint64, any_of: np.uint32, all_of: np.uint32, tokens: Tokens, at: int) -> int:
    kind = ALPHA if any_of & np.uint32(ALPHABETIC) else 0
    kind |= 0 if all_of & np.uint32(SYMBOL) else PLAIN
    kind |= MARKS if all_of & np.uint32(PUNCT) else 0
    kind |= STOP if end - start == 1 and any_of & np.uint32(TERMINAL) else 0
    tokens.start[at], tokens.length[at], tokens.hash[at], tokens.kind[at] = start, end - start, value, kind
    return at + 1


@inner
def _emit_parts(
    points: NDArray[np.int32], start: int, parts: np.uint32, table: NDArray[np.uint32], tokens: Tokens, at: int
) -> int:
    while parts:
        length = int(np.int64(parts & np.uint32(255)))
        at = _emit(points, start, start + length, table, tokens, at)
        start += length
        parts >>= np.uint32(8)
    return at


@inner
def _run(
    points: NDArray[np.int32], start: int, end: int, table: NDArray[np.uint32], tokens: Tokens, at: int,
) -> int:  # fmt: skip
    """Tokens of one run of visible characters; suffixes wait at the far end of `tokens.start`."""
    waiting = len(tokens.start)
    first = at
    size = -1
    while start < end and end - start != size:
        if exception(points, start, end):
            break
        size = end - start
        opening = opening_mark(points, start, end, table)
        if opening and exception(points, start + opening, end):
            at = _emit(points, start, start + opening, table, tokens, at)
            start += opening
            break
        closing = closing_mark(points, start + opening, end, table)
        if opening and not (closing and exception(points, start, end - closing)):
            at = _emit(points, start, start + opening, table, tokens, at)
            start += opening
        if closing:
            waiting -= 1
            tokens.start[waiting] = end - closing
            tokens.length[waiting] = closing
            end -= closing
    at = _middle(points, start, end, table, tokens, at)
    for k in range(waiting, len(tokens.start)):
        closing_start = int(np.int64(tokens.start[k]))
        at = _emit(points, closing_start, closing_start + tokens.length[k], table, tokens, at)
    return _merge(points, table, tokens, first, at) if at - first > 2 else at


@inner
def _middle(
    points: NDArray[np.int32], start: int, end: int, table: NDArray[np.uint32], tokens: Tokens, at: int,
) -> int:  # fmt: skip
    if start >= end:
        return at
    parts = exception(points, start, end)
    if parts:
        return _emit_parts(points, start, parts, table, tokens, at)
    if is_address(points, start, end, table):
        return _emit(points, start, end, table, tokens, at)
    begin = i = start
    while i < end:
        if bits_of(points[i], table) & np.uint32(LETTER | DIGIT):
            i += 1
            continue
        length = inner_mark(points, i, start, end, table)
        if length and i > start:
            if i > begin:
                at = _emit(points, begin, i, table, tokens, at)
            at = _emit(points, i, i + length, table, tokens, at)
            begin = i + length
        i += max(1, length)
    return _emit(points, begin, end, table, tokens, at) if begin < end else at


@inner
def _merge(
    points: NDArray[np.int32], table: NDArray[np.uint32],
    tokens: Tokens, first: int, last: int,
) -> int:  # fmt: skip
    """Put exceptions with marks in them together again that those marks have cut, longest first."""
    write = read = first
    while read < last:
        start = int(np.int64(tokens.start[read]))
        stop = read + 1
        while stop < last and tokens.start[stop] + tokens.length[stop] - start <= LONGEST_EXCEPTION:
            stop += 1
        parts = np.uint32(0)
        while stop - read > 1 and not parts:
            if not _letters(points, start, tokens.start[stop - 1] + tokens.length[stop - 1], table):
                parts = exception(points, start, tokens.start[stop - 1] + tokens.length[stop - 1])
            stop -= 0 if parts else 1
        count = 0
        while parts >> np.uint32(8 * count) and count < 4:
            count += 1
        if parts and count <= stop - read:
            write = _emit_parts(points, start, parts, table, tokens, write)
            read = stop
            continue
        tokens.start[write], tokens.length[write] = start, tokens.length[read]
        tokens.hash[write], tokens.kind[write] = tokens.hash[read], tokens.kind[read]
        write += 1
        read += 1
    return write


@inner
def _letters(points: NDArray[np.int32], start: int, end: int, table: NDArray[np.uint32]) -> bool:
    for i in range(start, end):  # noqa: SIM110 - numba compiles no generator
        if not bits_of(points[i], table) & np.uint32(LETTER):
            return False
    return True


@inner
def _segments(
    points: NDArray[np.int32], start: int, end: int, table: NDArray[np.uint32], tokens: Tokens, at: int,
) -> int:  # fmt: skip
    """Tokens of a run that holds letters of scripts without spaces."""
    i = start
    while i < end:
        kind = bits_of(points[i], table) & np.uint32(ALONE | HAN | HIRAGANA | KATAKANA)
        j = i + 1
        limit = end if kind == 0 or kind & np.uint32(KATAKANA) else i + 2 if kind & np.uint32(HAN | HIRAGANA) else i + 4
        while j < end:
            bits = bits_of(points[j], table)
            mark = bits & np.uint32(ALONE) and not bits & np.uint32(ALPHABETIC)
            if bits & np.uint32(ALONE | HAN | HIRAGANA | KATAKANA) != kind or (j >= limit and not mark):
                break
            j += 1
        at = _emit(points, i, j, table, tokens, at) if kind else _run(points, i, j, table, tokens, at)
        i = j
    return at


@inlined
def _letters_end(points: NDArray[np.int32], start: int, end: int) -> tuple[int, np.uint64]:
    """(end, hash) of the letters a-z at `start`, the first of which may be of A-Z."""
    value = np.uint64(0)
    i = start
    if 65 <= points[i] <= 90:
        value = np.uint64(points[i] + 1)
        i += 1
    while i < end and 97 <= points[i] <= 122:
        value = value * BASE + np.uint64(points[i] + 1)
        i += 1
    return i, value


@inlined
def _plain(
    points: NDArray[np.int32], start: int, end: int, value: np.uint64,
) -> bool:  # fmt: skip
    """Whether the word points[start:end] of hash `value` is no exception."""
    if end - start > LONGEST_EXCEPTION:
        return True
    return not may_be_exception(points, start, end) or find(mix(value)) < 0


@inlined
def simple_run(
    points: NDArray[np.int32], start: int, end: int, table: NDArray[np.uint32], tokens: Tokens, at: int,
) -> tuple[int, int]:  # fmt: skip
    """The common run, ASCII letters and perhaps a comma or full stop: (its end, tokens); its end is `start` for others.

    A mark is cut off where neither the word nor the word with it is an exception.
    """
    stop, value = _letters_end(points, start, end)
    if stop == start:
        return start, at
    mark = 0
    if stop < end and not bits_of(points[stop], table) & np.uint32(BLANK):
        mark = points[stop]
        if not (mark == 44 or (mark == 46 and points[stop - 1] >= 97)):
            return start, at
        if stop + 1 < end and not bits_of(points[stop + 1], table) & np.uint32(BLANK):
            return start, at
        if not _plain(points, start, stop + 1, value * BASE + np.uint64(mark + 1)):
            return start, at
    if not _plain(points, start, stop, value):
        return start, at
    tokens.start[at], tokens.length[at] = start, stop - start
    tokens.hash[at], tokens.kind[at] = value, ALPHA | PLAIN
    if mark:
        return stop + 1, _emit(points, stop, stop + 1, table, tokens, at + 1)
    return stop, at + 1


@leaf
def split_words(
    points: NDArray[np.int32], start: int, end: int, table: NDArray[np.uint32], tokens: Tokens,
) -> int:  # fmt: skip
    """Fill `tokens` (room for one per code point) with those of points[start:end]; returns their number."""
    count = 0
    i = start
    while i < end:
        blank = i
        while i < end and bits_of(points[i], table) & np.uint32(BLANK):
            i += 1
        gap = i - blank > 1 or (i > blank and points[blank] != 32)
        if i == end:
            break
        first = count
        i, count = split_run(points, i, end, table, tokens, count)
        if gap:
            tokens.kind[first] |= np.uint8(GAP)
    return count


@inlined
def split_run(
    points: NDArray[np.int32], begin: int, end: int, table: NDArray[np.uint32], tokens: Tokens, at: int,
) -> tuple[int, int]:  # fmt: skip
    """(end, tokens) of the run of visible characters at `begin`, whose tokens are put behind the first `at`."""
    i, count = simple_run(points, begin, end, table, tokens, at)
    return (i, count) if i > begin else other_run(points, begin, end, table, tokens, at)


@inner
def other_run(
    points: NDArray[np.int32], begin: int, end: int, table: NDArray[np.uint32], tokens: Tokens, at: int,
) -> tuple[int, int]:  # fmt: skip
    """(end of the run at `begin`, tokens)."""
    value = before = np.uint64(0)
    any_of, all_of = np.uint32(0), np.uint32(0xFFFFFFFF)
    letters = 0
    i = begin
    while i < end:
        bits = bits_of(points[i], table)
        if bits & np.uint32(BLANK):
            break
        before, value = value, value * BASE + np.uint64(points[i] + 1)
        any_of |= bits
        all_of &= bits
        letters += (bits & np.uint32(LETTER)) != 0
        i += 1
    if any_of & np.uint32(ALONE):
        return i, _segments(points, begin, i, table, tokens, at)
    if all_of & np.uint32(LETTER) and _plain(points, begin, i, value):
        return i, _put(begin, i, value, any_of, all_of, tokens, at)
    last = points[i - 1]
    marked = last == 44 or (last == 46 and i - begin > 1 and bits_of(points[i - 2], table) & np.uint32(LOWER))
    marked = marked and letters == i - begin - 1 > 0
    if marked and _plain(points, begin, i, value) and _plain(points, begin, i - 1, before):
        at = _emit(points, begin, i - 1, table, tokens, at)
        return i, _emit(points, i - 1, i, table, tokens, at)
    return i, _run(points, begin, i, table, tokens, at)
