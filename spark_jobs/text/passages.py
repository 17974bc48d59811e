"""Lines and paragraphs of a text: repeated ones, short ones, their ends; sentences."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spark_jobs.text.classes import BLANK, PUNCT, QUOTE, TERMINAL
from spark_jobs.text.grams import Room, clear, place
from spark_jobs.text.kernel import inner
from spark_jobs.text.rules_of_lines import strip
from spark_jobs.text.unicode import TABLE_SIZE
from spark_jobs.text.word_rules import BASE
from spark_jobs.text.words import GAP, MARKS, STOP, Tokens

SHORT_LINE = 30

TALLY = 17
COUNT, CHARS, EXTRAS, EXTRA_CHARS, ALL, ALL_CHARS, ENDED, SHORT, ENDED_STRIPPED, LONGEST = range(10)
"""Places in the tally of passages. EXTRAS: second and later occurrences; ALL: every occurrence of repeated ones."""
RPV2_ENDED, RPV2_BULLETS, DCLM_BULLETS, ELLIPSIS, BLANK_LINES, BLANK_EXTRAS, BLANK_EXTRA_CHARS = range(10, 17)

_SQUARE, _CUBE, _FOURTH = (np.uint64(pow(int(BASE), power, 1 << 64)) for power in (2, 3, 4))
_RPV2_BULLETS = (0x2022, 0x2023, 0x25B6, 0x25C0, 0x25E6, 0x25A0, 0x25A1, 0x25AA, 0x25AB, 0x2013)


@inner
def _bits(point: np.int32, table: NDArray[np.uint32]) -> np.uint32:
    return table[point] if point < TABLE_SIZE else np.uint32(0)


@inner
def passage_hash(points: NDArray[np.int32], start: int, end: int) -> np.uint64:
    """The hash `word_hash` of a long text, four characters at a time."""
    value = np.uint64(0)
    i = start
    while i + 4 <= end:
        first = np.uint64(points[i] + 1) * _CUBE + np.uint64(points[i + 1] + 1) * _SQUARE
        value = value * _FOURTH + first + np.uint64(points[i + 2] + 1) * BASE + np.uint64(points[i + 3] + 1)
        i += 4
    while i < end:
        value = value * BASE + np.uint64(points[i] + 1)
        i += 1
    return value


@inner
def enter(value: np.uint64, length: int, space: Room, mask: int, tally: NDArray[np.int64]) -> None:
    """Count a passage and, by its hash, whether it was there before."""
    slot, known = place(space, mask, value * np.uint64(2) + np.uint64(1))
    tally[COUNT] += 1
    tally[CHARS] += length
    if known:
        space.values[slot] += 1
        first_again = 2 if space.values[slot] == 2 else 1
        tally[EXTRAS] += 1
        tally[EXTRA_CHARS] += length
        tally[ALL] += first_again
        tally[ALL_CHARS] += first_again * length
    else:
        space.values[slot] = 1


@inner
def paragraphs(
    points: NDArray[np.int32], chars: int, most: int, table: NDArray[np.uint32], space: Room, tally: NDArray[np.int64]
) -> None:
    """Tally the paragraphs of the stripped text: they part at two or more \\n. `most`: at most so many."""
    tally[:] = 0
    start, end = strip(points, 0, chars, table)
    mask = clear(space, most)
    i = begin = start
    while i < end:
        if points[i] == 10 and i + 1 < end and points[i + 1] == 10:
            enter(passage_hash(points, begin, i), i - begin, space, mask, tally)
            while points[i] == 10:
                i += 1
            begin = i
        else:
            i += 1
    if begin < end:
        # One paragraph alone has nothing to be equal to.
        enter(passage_hash(points, begin, end) if begin > start else np.uint64(0), end - begin, space, mask, tally)


@inner
def visible_lines(
    points: NDArray[np.int32], chars: int, most: int, table: NDArray[np.uint32], space: Room, tally: NDArray[np.int64]
) -> None:
    """Tally the lines (split at \\n, unstripped) with a visible character; `most`: at most so many lines.

    BLANK_LINES counts the lines of white space alone that are not empty, BLANK_EXTRAS the repeated ones of those.
    """
    tally[:] = 0
    mask = clear(space, most)
    start = 0
    while start < chars:
        end = start
        while end < chars and points[end] != 10:
            end += 1
        tally[LONGEST] = max(tally[LONGEST], end - start)
        first, last = strip(points, start, end, table)
        if last > first:
            enter(passage_hash(points, start, end), end - start, space, mask, tally)
            _ends(points, start, end, first, last, table, tally)
        elif end > start:
            _, known = place(space, mask, passage_hash(points, start, end) * np.uint64(2))
            tally[BLANK_LINES] += 1
            tally[BLANK_EXTRAS] += known
            tally[BLANK_EXTRA_CHARS] += end - start if known else 0
        start = end + 1


@inner
def _ends(
    points: NDArray[np.int32], start: int, end: int, first: int, last: int, table: NDArray[np.uint32],
    tally: NDArray[np.int64],
) -> None:  # fmt: skip
    tally[ENDED] += (_bits(points[end - 1], table) & np.uint32(TERMINAL)) != 0
    tally[SHORT] += end - start <= SHORT_LINE
    final = points[last - 1]
    dots = last - first >= 3 and final == 46 and points[last - 2] == 46 and points[last - 3] == 46
    tally[ELLIPSIS] += dots or final == 0x2026
    tally[RPV2_ENDED] += final == 46 or final == 33 or final == 63 or final == 0x201D
    tally[RPV2_BULLETS] += points[first] in _RPV2_BULLETS
    tally[DCLM_BULLETS] += points[first] in (0x25CF, 0x2022, 42, 45)
    mark = last
    while mark > first:
        bits = _bits(points[mark - 1], table)
        if bits & np.uint32(TERMINAL) or not bits & np.uint32(QUOTE | PUNCT | BLANK):
            break
        mark -= 1
    tally[ENDED_STRIPPED] += mark > first and (_bits(points[mark - 1], table) & np.uint32(TERMINAL)) != 0


@inner
def sentences(tokens: Tokens, start: int, end: int) -> int:
    """Sentences of the tokens start..end: after a terminal mark, the next token that is no mark starts one.

    White space other than one space is a token to spaCy, so it starts one too.
    """
    count = 1 if end > start else 0
    seen = False
    for i in range(start, end):
        kind = tokens.kind[i]
        if seen and kind & GAP:
            count += 1
            seen = False
        if kind & STOP:
            seen = True
        elif seen and not kind & MARKS:
            count += 1
            seen = False
    return count
