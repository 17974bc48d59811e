"""Counts of the characters of a text: classes, symbols, scripts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spark_jobs.text.classes import ALONE, ALPHABETIC, BLANK, CAPITAL, CASED, DECIMAL, MARK
from spark_jobs.text.kernel import inner
from spark_jobs.text.unicode import TABLE_SIZE
from spark_jobs.text.word_rules import BASE

TALLY = 28
(
    VISIBLE, LETTERS, DIGITS, BLANKS, MARKED, PARENTHESES, CAPITALS, CASED_LETTERS, HASHES, ELLIPSES, NEWLINES, CURLY,
    RUNS, SYMBOL_RUNS, LONGEST_RUN, RAW_WORDS, CAPS_WORDS, NO_LATIN_WORDS, SENTENCES, UNSPACED_LETTERS, SCRIPT,
    SCRIPT_LETTERS,
) = range(22)  # fmt: skip
"""Places in the tally of a text."""


@inner
def tally_characters(
    points: NDArray[np.int32], chars: int, table: NDArray[np.uint32], scripts: NDArray[np.uint8],
    joined: NDArray[np.uint64], tally: NDArray[np.int64], script_letters: NDArray[np.int64],
    ascii_counts: NDArray[np.int32],
) -> None:  # fmt: skip
    """Fill `tally` and the letters per script of points[:chars]; hashes of the first k visible ones in `joined`.

    ASCII characters are counted one by one, and their classes looked up once.
    """
    tally[:] = 0
    script_letters[:] = 0
    ascii_counts[:] = 0
    dots = visible = 0
    value = joined[0] = np.uint64(0)
    for i in range(chars):
        point = points[i]
        bits = table[point] if point < TABLE_SIZE else np.uint32(0)
        value = value if bits & np.uint32(BLANK) else value * BASE + np.uint64(point + 1)
        visible += 0 if bits & np.uint32(BLANK) else 1
        joined[visible] = value
        if point < 128:
            ascii_counts[point] += 1
            if point == 46:
                dots = dots + 1 if i and points[i - 1] == 46 else 1
                tally[ELLIPSES] += dots % 3 == 0
        else:
            _count(bits, 1, scripts[point] if point < TABLE_SIZE else np.uint8(0), tally, script_letters)
            tally[ELLIPSES] += point == 0x2026
    for point in range(128):
        if ascii_counts[point]:
            _count(table[point], int(np.int64(ascii_counts[point])), scripts[point], tally, script_letters)
    tally[VISIBLE] = visible
    tally[NEWLINES] = ascii_counts[10]
    tally[PARENTHESES] = ascii_counts[40] + ascii_counts[41]
    tally[CURLY] = ascii_counts[123] + ascii_counts[125]
    tally[HASHES] = ascii_counts[35]
    for which in range(len(script_letters)):
        if script_letters[which] > tally[SCRIPT_LETTERS]:
            tally[SCRIPT], tally[SCRIPT_LETTERS] = which, script_letters[which]


@inner
def _count(
    bits: np.uint32, times: int, script: np.uint8, tally: NDArray[np.int64], script_letters: NDArray[np.int64]
) -> None:
    """Add a character that occurs `times` times."""
    if bits & np.uint32(ALPHABETIC | ALONE):
        tally[LETTERS] += times
        tally[UNSPACED_LETTERS] += times if bits & np.uint32(ALONE) else 0
        tally[CAPITALS] += times if bits & np.uint32(CAPITAL) else 0
        tally[CASED_LETTERS] += times if bits & np.uint32(CASED) else 0
        script_letters[script] += times
        return
    tally[BLANKS] += times if bits & np.uint32(BLANK) else 0
    tally[DIGITS] += times if bits & np.uint32(DECIMAL) else 0
    tally[MARKED] += times if bits & np.uint32(MARK) else 0
