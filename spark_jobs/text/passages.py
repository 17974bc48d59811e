"""Lines and paragraphs of a text: repeated ones, short ones, their ends; sentences."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spark_jobs.text.classes import BLANK, PUNCT, QUOTE, TERMINAL
from spark_jobs.text.grams import Room, clear, place
from spark_jobs.text.kernel import inner
from spark_jobs.text.scans import power
from spark_jobs.text.unicode import TABLE_SIZE
from spark_jobs.text.walk import BEFORE, END, NEW_LINE, START
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
def hash_between(
    points: NDArray[np.int32], start: int, end: int, first: int, last: int, runs: NDArray[np.int32],
    hashes: NDArray[np.uint64],
) -> np.uint64:  # fmt: skip
    """The hash of points[start:end], whose runs are first to last - 1, from the hashes of the text around them."""
    if first == last:
        return passage_hash(points, start, end)
    value = np.uint64(0)
    for i in range(start, runs[first, START]):
        value = value * BASE + np.uint64(points[i] + 1)
    begin, stop = runs[first, START], runs[last - 1, END]
    value = hashes[last - 1, 1] + (value - hashes[first, 0]) * power(stop - begin)
    for i in range(stop, end):
        value = value * BASE + np.uint64(points[i] + 1)
    return np.uint64(value)


@inner
def paragraphs(
    points: NDArray[np.int32], count: int, runs: NDArray[np.int32], hashes: NDArray[np.uint64], most: int, space: Room,
    tally: NDArray[np.int64],
) -> None:  # fmt: skip
    """Tally the paragraphs of the stripped text of `count` runs: they part at two or more \n; at most `most`."""
    tally[:] = 0
    mask = clear(space, most)
    first, begin = 0, runs[0, START]
    for run in range(1, count):
        if not runs[run, BEFORE] & NEW_LINE:
            continue
        i = runs[run - 1, END]
        while i < runs[run, START]:
            if points[i] == 10 and points[i + 1] == 10:
                enter(hash_between(points, begin, i, first, run, runs, hashes), i - begin, space, mask, tally)
                while points[i] == 10:
                    i += 1
                first, begin = run, i
            else:
                i += 1
    if count:
        end = runs[count - 1, END]
        enter(hash_between(points, begin, end, first, count, runs, hashes), end - begin, space, mask, tally)


@inner
def visible_lines(
    points: NDArray[np.int32], chars: int, count: int, runs: NDArray[np.int32], hashes: NDArray[np.uint64], most: int,
    table: NDArray[np.uint32], space: Room, tally: NDArray[np.int64],
) -> None:  # fmt: skip
    """Tally the lines (split at \n, unstripped) with a visible character among `count` runs; at most `most` lines.

    BLANK_LINES counts the lines of white space alone that are not empty, BLANK_EXTRAS the repeated ones of those.
    """
    tally[:] = 0
    mask = clear(space, most)
    first = start = 0
    for run in range(count + 1):
        if not runs[run, BEFORE] & NEW_LINE:
            continue
        for i in range(runs[run - 1, END] if run else 0, runs[run, START] + (run == count)):
            if i < chars and points[i] != 10:
                continue
            tally[LONGEST] = max(tally[LONGEST], i - start)
            if run > first:
                enter(hash_between(points, start, i, first, run, runs, hashes), i - start, space, mask, tally)
                _ends(points, start, i, runs[first, START], runs[run - 1, END], table, tally)
            elif i > start:
                _, known = place(space, mask, passage_hash(points, start, i) * np.uint64(2))
                tally[BLANK_LINES] += 1
                tally[BLANK_EXTRAS] += known
                tally[BLANK_EXTRA_CHARS] += i - start if known else 0
            first, start = run, i + 1


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
