"""The text after C4's line rules, measured without writing it: FineWeb's ratios and the sentences C4 counts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spark_jobs.text.characters import LINE_ENDS, RUNS
from spark_jobs.text.classes import LINE_END, TERMINAL
from spark_jobs.text.grams import Room, clear
from spark_jobs.text.kernel import inner
from spark_jobs.text.lines import copy_line
from spark_jobs.text.marks import bits_of
from spark_jobs.text.passages import ENDED, SHORT, SHORT_LINE, enter, hash_between, passage_hash, sentences
from spark_jobs.text.rules_of_lines import (
    BULLETED,
    CITED,
    ELLIPSIS,
    LONG_WORD,
    LONGEST_WORD,
    dropped_datatrove,
    dropped_original,
    facts_of_line,
    phrases_at,
    strip,
    watched,
)
from spark_jobs.text.walk import BEFORE, END, LINE_ENDED, SPACED, START, TOKEN, WATCHED, Found
from spark_jobs.text.words import Tokens, split_words

TALLY = 24
LINES, BULLET_LINES, ELLIPSIS_LINES, SENTENCES_ORIGINAL, SENTENCES_DATATROVE, TOKENS, KEPT = range(17, 24)
"""Places behind those of passages, which tally the kept lines."""


@inner
def tally_c4(
    points: NDArray[np.int32], chars: int, text: Found, counted: NDArray[np.int64], table: NDArray[np.uint32],
    space: Room, line: NDArray[np.int32], spare: Tokens, tally: NDArray[np.int64],
) -> None:  # fmt: skip
    """Fill `tally`. `counted`: of the whole text; `line` and `spare` have room for the longest line and its tokens."""
    runs, hashes, tokens, count = text.runs, text.hashes, text.tokens, counted[RUNS]
    tally[:] = 0
    if chars:
        tally[LINES] = counted[LINE_ENDS] + ((bits_of(points[chars - 1], table) & np.uint32(LINE_END)) == 0)
    mask = clear(space, counted[LINE_ENDS] + 1)
    begin = 0
    # A kept line waits for the next one, since the last one is stripped once more.
    waiting = cited = False
    first = last = 0
    for run in range(1, count + 1):
        if not runs[run, BEFORE] & LINE_ENDED:
            continue
        facts = _facts(points, chars, begin, run, runs, table)
        _tally_line(points, begin, run, runs, facts, table, tokens, line, spare, tally)
        if dropped_datatrove(facts) == 0:
            if waiting:
                _keep(points, first, last, runs, hashes, cited, False, table, space, mask, line, tally)
            waiting, cited, first, last = True, (facts & CITED) != 0, begin, run
        begin = run
    if waiting:
        _keep(points, first, last, runs, hashes, cited, True, table, space, mask, line, tally)


@inner
def _facts(
    points: NDArray[np.int32], chars: int, first: int, last: int, runs: NDArray[np.int32], table: NDArray[np.uint32]
) -> int:
    """The facts that C4's rules and Gopher's ask for of the line of the runs first to last - 1."""
    start = runs[first, START]
    facts = 0
    for run in range(first, last):
        if run > first and runs[run, BEFORE] & SPACED:
            facts |= phrases_at(points, start, runs[run, START] - 1, chars)
        if runs[run, BEFORE] & WATCHED:
            for i in range(runs[run, START], runs[run, END]):
                facts |= watched(points, i, chars, table)
        facts |= LONG_WORD if runs[run, END] - runs[run, START] > LONGEST_WORD else 0
    return facts | facts_of_line(points, start, runs[last - 1, END], last - first, table)


@inner
def _tally_line(
    points: NDArray[np.int32], first: int, last: int, runs: NDArray[np.int32], facts: int, table: NDArray[np.uint32],
    tokens: Tokens, line: NDArray[np.int32], spare: Tokens, tally: NDArray[np.int64],
) -> None:  # fmt: skip
    """Bullets and ellipses of any line; tokens and sentences of a kept one without its citation markers."""
    tally[BULLET_LINES] += (facts & BULLETED) != 0
    tally[ELLIPSIS_LINES] += (facts & ELLIPSIS) != 0
    # Whatever datatrove's rules drop, the original ones drop too.
    if dropped_datatrove(facts):
        return
    if facts & CITED:
        length = copy_line(points, runs[first, START], runs[last - 1, END], table, True, line, 0)
        count = split_words(line, 0, length, table, spare)
        found = sentences(spare, 0, count)
    else:
        begin, end = runs[first, TOKEN], runs[last, TOKEN]
        count = end - begin
        found = sentences(tokens, begin, end)
    tally[TOKENS] += count
    tally[SENTENCES_DATATROVE] += max(1, found)
    tally[SENTENCES_ORIGINAL] += 0 if dropped_original(facts) else max(1, found)


@inner
def _keep(
    points: NDArray[np.int32], first: int, last: int, runs: NDArray[np.int32], hashes: NDArray[np.uint64], cited: bool,
    final: bool, table: NDArray[np.uint32], space: Room, mask: int, line: NDArray[np.int32], tally: NDArray[np.int64],
) -> None:  # fmt: skip
    """Add the kept line of the runs first to last - 1 to the passages; citation markers are removed first."""
    tally[KEPT] += 1
    start, end = runs[first, START], runs[last - 1, END]
    if not cited:
        value = hash_between(points, start, end, first, last, runs, hashes)
        _add(points, start, end, value, table, space, mask, tally)
        return
    length = copy_line(points, start, end, table, True, line, 0)
    start, end = strip(line, 0, length, table)
    if end > start:
        start, end = start if tally[KEPT] == 1 else 0, end if final else length
        _add(line, start, end, passage_hash(line, start, end), table, space, mask, tally)


@inner
def _add(
    points: NDArray[np.int32], start: int, end: int, value: np.uint64, table: NDArray[np.uint32], space: Room,
    mask: int, tally: NDArray[np.int64],
) -> None:  # fmt: skip
    enter(value, end - start, space, mask, tally)
    tally[ENDED] += (bits_of(points[end - 1], table) & np.uint32(TERMINAL)) != 0
    tally[SHORT] += end - start <= SHORT_LINE
