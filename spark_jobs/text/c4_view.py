"""The text after C4's line rules, measured without writing it: FineWeb's ratios and the sentences C4 counts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spark_jobs.text.classes import TERMINAL
from spark_jobs.text.grams import Room, clear
from spark_jobs.text.kernel import leaf
from spark_jobs.text.lines import copy_line
from spark_jobs.text.passages import ENDED, SHORT, SHORT_LINE, enter, sentences
from spark_jobs.text.rules_of_lines import (
    BULLETED,
    CITED,
    ELLIPSIS,
    dropped_datatrove,
    dropped_original,
    line_end,
    line_facts,
    next_line,
    strip,
)
from spark_jobs.text.unicode import TABLE_SIZE
from spark_jobs.text.word_rules import word_hash
from spark_jobs.text.words import Tokens, split_words

TALLY = 24
LINES, BULLET_LINES, ELLIPSIS_LINES, SENTENCES_ORIGINAL, SENTENCES_DATATROVE, TOKENS, KEPT = range(17, 24)
"""Places behind those of passages, which tally the kept lines."""
_KEPT = 1 << 30


@leaf
def tally_c4(
    points: NDArray[np.int32], chars: int, most: int, table: NDArray[np.uint32], keys: NDArray[np.uint64],
    cuts: NDArray[np.uint32], tokens: Tokens, count: int, space: Room, line: NDArray[np.int32], spare: Tokens,
    tally: NDArray[np.int64],
) -> None:  # fmt: skip
    """Fill `tally`. `line` and `spare` have room for the longest line and its tokens; `most`: at most so many lines."""
    for k in range(TALLY):
        tally[k] = 0
    mask = clear(space, most)
    start = token = 0
    # A kept line waits for the next one, since the last one is stripped once more.
    waiting = (0, 0, 0, 0, 0)
    while start < chars:
        stop = line_end(points, start, chars, table)
        first, last = strip(points, start, stop, table)
        facts, _, _ = line_facts(points, first, last, table)
        begin = token
        while token < count and tokens.start[token] < stop:
            token += 1
        tally[LINES] += 1
        tally[BULLET_LINES] += (facts & BULLETED) != 0
        tally[ELLIPSIS_LINES] += (facts & ELLIPSIS) != 0
        if dropped_original(facts) == 0:
            tally[SENTENCES_ORIGINAL] += _sentences(
                points, first, last, facts, table, keys, cuts, tokens, begin, token, line, spare
            )
        if dropped_datatrove(facts) == 0:
            _keep(points, waiting, False, table, keys, cuts, tokens, space, mask, line, spare, tally)
            waiting = (first, last, begin, token, facts | _KEPT)
        start = next_line(points, stop, chars)
    _keep(points, waiting, True, table, keys, cuts, tokens, space, mask, line, spare, tally)


@leaf
def _sentences(
    points: NDArray[np.int32], first: int, last: int, facts: int, table: NDArray[np.uint32], keys: NDArray[np.uint64],
    cuts: NDArray[np.uint32], tokens: Tokens, begin: int, end: int, line: NDArray[np.int32], spare: Tokens,
) -> int:  # fmt: skip
    if not facts & CITED:
        return max(1, sentences(tokens, begin, end))
    length = copy_line(points, first, last, table, True, line, 0)
    return max(1, sentences(spare, 0, split_words(line, 0, length, table, keys, cuts, spare)))


@leaf
def _keep(
    points: NDArray[np.int32], waiting: tuple[int, int, int, int, int], final: bool, table: NDArray[np.uint32],
    keys: NDArray[np.uint64], cuts: NDArray[np.uint32], tokens: Tokens, space: Room, mask: int,
    line: NDArray[np.int32], spare: Tokens, tally: NDArray[np.int64],
) -> None:  # fmt: skip
    """Add the waiting line, if there is one; citation markers are removed first."""
    first, last, begin, end, facts = waiting
    if not facts:
        return
    tally[KEPT] += 1
    tally[SENTENCES_DATATROVE] += _sentences(
        points, first, last, facts, table, keys, cuts, tokens, begin, end, line, spare
    )
    if not facts & CITED:
        tally[TOKENS] += end - begin
        _add(points, first, last, table, space, mask, tally)
        return
    length = copy_line(points, first, last, table, True, line, 0)
    tally[TOKENS] += split_words(line, 0, length, table, keys, cuts, spare)
    start, stop = strip(line, 0, length, table)
    if stop > start:
        _add(line, start if tally[KEPT] == 1 else 0, stop if final else length, table, space, mask, tally)


@leaf
def _add(
    points: NDArray[np.int32], start: int, end: int, table: NDArray[np.uint32], space: Room, mask: int,
    tally: NDArray[np.int64],
) -> None:  # fmt: skip
    enter(word_hash(points, start, end), end - start, space, mask, tally)
    final = points[end - 1]
    tally[ENDED] += final < TABLE_SIZE and (table[final] & np.uint32(TERMINAL)) != 0
    tally[SHORT] += end - start <= SHORT_LINE
