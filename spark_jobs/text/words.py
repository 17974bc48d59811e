"""Words: the rules of spaCy's English tokenizer over code points, and a stated segmentation where no spaces are.

A run between white space loses opening and closing marks, is kept whole where it is an exception (contractions,
abbreviations) or a web address, and is cut at marks inside. Runs of scripts without spaces are cut by length: Han
and Hiragana in pairs, Katakana not at all, Thai, Lao, Khmer, Myanmar and Tibetan in fours (a combining mark stays
with its letter). That imitates mean word lengths of about 1.8 (Chinese), 2 to 3 (Japanese) and 4 (Thai) characters.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spark_jobs.text.addresses import is_address
from spark_jobs.text.classes import (
    ALONE,
    ALPHABETIC,
    BLANK,
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
from spark_jobs.text.kernel import leaf
from spark_jobs.text.marks import bits_of, closing_mark, inner_mark, opening_mark
from spark_jobs.text.word_rules import BASE, LONGEST_EXCEPTION, exception, find

ALPHA, PLAIN, MARKS, STOP, GAP = 1, 2, 4, 8, 16
"""Kinds of a token: has a letter; holds more than symbols; marks alone; one terminal mark; after white space other
than one space."""


class Tokens(NamedTuple):
    """Room for the tokens of a text: first code point, length, hash and kind of each."""

    start: NDArray[np.int32]
    length: NDArray[np.int32]
    hash: NDArray[np.uint64]
    kind: NDArray[np.uint8]


@leaf
def _emit(points: NDArray[np.int32], start: int, end: int, table: NDArray[np.uint32], tokens: Tokens, at: int) -> int:
    value = np.uint64(0)
    any_of, all_of = np.uint32(0), np.uint32(0xFFFFFFFF)
    for i in range(start, end):
        value = value * BASE + np.uint64(points[i] + 1)
        bits = bits_of(points[i], table)
        any_of |= bits
        all_of &= bits
    return _put(start, end, value, any_of, all_of, tokens, at)


@leaf
def _put(start: int, end: int, value: np.uint64, any_of: np.uint32, all_of: np.uint32, tokens: Tokens, at: int) -> int:
    kind = ALPHA if any_of & np.uint32(ALPHABETIC) else 0
    kind |= 0 if all_of & np.uint32(SYMBOL) else PLAIN
    kind |= MARKS if all_of & np.uint32(PUNCT) else 0
    kind |= STOP if end - start == 1 and any_of & np.uint32(TERMINAL) else 0
    tokens.start[at], tokens.length[at], tokens.hash[at], tokens.kind[at] = start, end - start, value, kind
    return at + 1


@leaf
def _emit_parts(
    points: NDArray[np.int32], start: int, parts: np.uint32, table: NDArray[np.uint32], tokens: Tokens, at: int
) -> int:
    while parts:
        length = int(np.int64(parts & np.uint32(255)))
        at = _emit(points, start, start + length, table, tokens, at)
        start += length
        parts >>= np.uint32(8)
    return at


@leaf
def _run(
    points: NDArray[np.int32], start: int, end: int, table: NDArray[np.uint32], keys: NDArray[np.uint64],
    cuts: NDArray[np.uint32], tokens: Tokens, at: int,
) -> int:  # fmt: skip
    """Tokens of one run of visible characters; suffixes wait at the far end of `tokens.start`."""
    waiting = len(tokens.start)
    first = at
    size = -1
    while start < end and end - start != size:
        if exception(points, start, end, keys, cuts):
            break
        size = end - start
        opening = opening_mark(points, start, end, table)
        if opening and exception(points, start + opening, end, keys, cuts):
            at = _emit(points, start, start + opening, table, tokens, at)
            start += opening
            break
        closing = closing_mark(points, start + opening, end, table, keys)
        if opening and not (closing and exception(points, start, end - closing, keys, cuts)):
            at = _emit(points, start, start + opening, table, tokens, at)
            start += opening
        if closing:
            waiting -= 1
            tokens.start[waiting] = end - closing
            tokens.length[waiting] = closing
            end -= closing
    at = _middle(points, start, end, table, keys, cuts, tokens, at)
    for k in range(waiting, len(tokens.start)):
        closing_start = tokens.start[k]
        at = _emit(points, closing_start, closing_start + tokens.length[k], table, tokens, at)
    return _merge(points, table, keys, cuts, tokens, first, at) if at - first > 2 else at


@leaf
def _middle(
    points: NDArray[np.int32], start: int, end: int, table: NDArray[np.uint32], keys: NDArray[np.uint64],
    cuts: NDArray[np.uint32], tokens: Tokens, at: int,
) -> int:  # fmt: skip
    if start >= end:
        return at
    parts = exception(points, start, end, keys, cuts)
    if parts:
        return _emit_parts(points, start, parts, table, tokens, at)
    if is_address(points, start, end, table):
        return _emit(points, start, end, table, tokens, at)
    begin = i = start
    while i < end:
        length = inner_mark(points, i, start, end, table)
        if length and i > start:
            if i > begin:
                at = _emit(points, begin, i, table, tokens, at)
            at = _emit(points, i, i + length, table, tokens, at)
            begin = i + length
        i += max(1, length)
    return _emit(points, begin, end, table, tokens, at) if begin < end else at


@leaf
def _merge(
    points: NDArray[np.int32], table: NDArray[np.uint32], keys: NDArray[np.uint64], cuts: NDArray[np.uint32],
    tokens: Tokens, first: int, last: int,
) -> int:  # fmt: skip
    """Put exceptions with marks in them together again that those marks have cut, longest first."""
    write = read = first
    while read < last:
        start = tokens.start[read]
        stop = read + 1
        while stop < last and tokens.start[stop] + tokens.length[stop] - start <= LONGEST_EXCEPTION:
            stop += 1
        parts = np.uint32(0)
        while stop - read > 1 and not parts:
            if not _letters(points, start, tokens.start[stop - 1] + tokens.length[stop - 1], table):
                parts = exception(points, start, tokens.start[stop - 1] + tokens.length[stop - 1], keys, cuts)
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


@leaf
def _letters(points: NDArray[np.int32], start: int, end: int, table: NDArray[np.uint32]) -> bool:
    for i in range(start, end):  # noqa: SIM110 - numba compiles no generator
        if not bits_of(points[i], table) & np.uint32(LETTER):
            return False
    return True


@leaf
def _segments(
    points: NDArray[np.int32], start: int, end: int, table: NDArray[np.uint32], keys: NDArray[np.uint64],
    cuts: NDArray[np.uint32], tokens: Tokens, at: int,
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
        at = _emit(points, i, j, table, tokens, at) if kind else _run(points, i, j, table, keys, cuts, tokens, at)
        i = j
    return at


@leaf
def _plain_end(
    points: NDArray[np.int32], start: int, end: int, table: NDArray[np.uint32], keys: NDArray[np.uint64],
    cuts: NDArray[np.uint32],
) -> bool:  # fmt: skip
    """Whether a run of letters and one mark is a word and a comma or full stop: the common case, cut at once."""
    last = points[end - 1]
    if end - start < 2 or not (last == 44 or (last == 46 and bits_of(points[end - 2], table) & np.uint32(LOWER))):
        return False
    return not (exception(points, start, end, keys, cuts) or exception(points, start, end - 1, keys, cuts))


@leaf
def split_words(
    points: NDArray[np.int32], start: int, end: int, table: NDArray[np.uint32], keys: NDArray[np.uint64],
    cuts: NDArray[np.uint32], tokens: Tokens,
) -> int:  # fmt: skip
    """Fill `tokens` (room for one per code point) with those of points[start:end]; returns their number."""
    count = 0
    i = start
    gap = False
    while i < end:
        value = np.uint64(0)
        any_of, all_of = np.uint32(0), np.uint32(0xFFFFFFFF)
        begin = i
        letters = 0
        while i < end:
            bits = bits_of(points[i], table)
            if bits & np.uint32(BLANK):
                break
            value = value * BASE + np.uint64(points[i] + 1)
            any_of |= bits
            all_of &= bits
            letters += (bits & np.uint32(LETTER)) != 0
            i += 1
        if i > begin:
            first = count
            if any_of & np.uint32(ALONE):
                count = _segments(points, begin, i, table, keys, cuts, tokens, count)
            elif all_of & np.uint32(LETTER) and (i - begin > LONGEST_EXCEPTION or find(mix(value), keys) < 0):
                count = _put(begin, i, value, any_of, all_of, tokens, count)
            elif letters == i - begin - 1 and _plain_end(points, begin, i, table, keys, cuts):
                count = _emit(points, begin, i - 1, table, tokens, count)
                count = _emit(points, i - 1, i, table, tokens, count)
            else:
                count = _run(points, begin, i, table, keys, cuts, tokens, count)
            if gap:
                tokens.kind[first] |= np.uint8(GAP)
        blank = i
        while i < end and bits_of(points[i], table) & np.uint32(BLANK):
            i += 1
        gap = i - blank > 1 or (i > blank and points[blank] != 32)
    return count
