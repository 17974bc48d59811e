"""The text after C4's line rules, measured without writing it: FineWeb's ratios and the sentences C4 counts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spark_jobs.text.classes import TERMINAL
from spark_jobs.text.grams import Room, clear
from spark_jobs.text.kernel import inner
from spark_jobs.text.lines import copy_line
from spark_jobs.text.passages import ENDED, SHORT, SHORT_LINE, enter, passage_hash, sentences
from spark_jobs.text.rules_of_lines import (
    BULLETED,
    CITED,
    ELLIPSIS,
    dropped_datatrove,
    dropped_original,
    line_facts,
    next_line,
    strip,
)
from spark_jobs.text.unicode import TABLE_SIZE
from spark_jobs.text.words import Tokens, split_words

TALLY = 24
LINES, BULLET_LINES, ELLIPSIS_LINES, SENTENCES_ORIGINAL, SENTENCES_DATATROVE, TOKENS, KEPT = range(17, 24)
"""Places behind those of passages, which tally the kept lines."""


@inner
def tally_c4(
    points: NDArray[np.int32], chars: int, most: int, table: NDArray[np.uint32], tokens: Tokens, count: int,
    space: Room, line: NDArray[np.int32], spare: Tokens, tally: NDArray[np.int64],
) -> None:  # fmt: skip
    """Fill `tally`. `line` and `spare` have room for the longest line and its tokens; `most`: at most so many lines."""
    tally[:] = 0
    mask = clear(space, most)
    start = token = 0
    # A kept line waits for the next one, since the last one is stripped once more.
    waiting = cited = False
    kept_first = kept_last = 0
    while True:
        more = start < chars
        facts, _, _, first, last, stop = line_facts(points, min(start, chars), chars, table)
        kept = more and dropped_datatrove(facts) == 0
        if waiting and (kept or not more):
            _keep(points, kept_first, kept_last, cited, not more, table, space, mask, line, tally)
        if not more:
            return
        begin = token
        while token < count and tokens.start[token] < stop:
            token += 1
        _tally_line(points, first, last, facts, table, tokens, begin, token, line, spare, tally)
        if kept:
            waiting, cited, kept_first, kept_last = True, (facts & CITED) != 0, first, last
        start = next_line(points, stop, chars)


@inner
def _tally_line(
    points: NDArray[np.int32], first: int, last: int, facts: int, table: NDArray[np.uint32], tokens: Tokens,
    begin: int, end: int, line: NDArray[np.int32], spare: Tokens, tally: NDArray[np.int64],
) -> None:  # fmt: skip
    """Bullets and ellipses of any line; tokens and sentences of a kept one without its citation markers."""
    tally[LINES] += 1
    tally[BULLET_LINES] += (facts & BULLETED) != 0
    tally[ELLIPSIS_LINES] += (facts & ELLIPSIS) != 0
    # Whatever datatrove's rules drop, the original ones drop too.
    if dropped_datatrove(facts):
        return
    if facts & CITED:
        length = copy_line(points, first, last, table, True, line, 0)
        count = split_words(line, 0, length, table, spare)
        found = sentences(spare, 0, count)
    else:
        count = end - begin
        found = sentences(tokens, begin, end)
    tally[TOKENS] += count
    tally[SENTENCES_DATATROVE] += max(1, found)
    tally[SENTENCES_ORIGINAL] += 0 if dropped_original(facts) else max(1, found)


@inner
def _keep(
    points: NDArray[np.int32], first: int, last: int, cited: bool, final: bool, table: NDArray[np.uint32],
    space: Room, mask: int, line: NDArray[np.int32], tally: NDArray[np.int64],
) -> None:  # fmt: skip
    """Add a kept line to the passages; citation markers are removed first."""
    tally[KEPT] += 1
    if not cited:
        _add(points, first, last, table, space, mask, tally)
        return
    length = copy_line(points, first, last, table, True, line, 0)
    start, stop = strip(line, 0, length, table)
    if stop > start:
        _add(line, start if tally[KEPT] == 1 else 0, stop if final else length, table, space, mask, tally)


@inner
def _add(
    points: NDArray[np.int32], start: int, end: int, table: NDArray[np.uint32], space: Room, mask: int,
    tally: NDArray[np.int64],
) -> None:  # fmt: skip
    enter(passage_hash(points, start, end), end - start, space, mask, tally)
    final = points[end - 1]
    tally[ENDED] += final < TABLE_SIZE and (table[final] & np.uint32(TERMINAL)) != 0
    tally[SHORT] += end - start <= SHORT_LINE
