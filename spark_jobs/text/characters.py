"""What is counted in each run of visible characters and added up over a text: characters, tokens, words.

The counts of a run of at most 32 bytes fit in a byte each, which is how `run_memo` keeps them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spark_jobs.text.classes import ALONE, ALPHABETIC, ASCII_PUNCT, CAPITAL, CASED, DECIMAL, MARK, WATCHED
from spark_jobs.text.kernel import inlined
from spark_jobs.text.marks import bits_of
from spark_jobs.text.unicode import TABLE_SIZE
from spark_jobs.text.word_rules import BASE

(
    VISIBLE, LETTERS, UNSPACED_LETTERS, CAPITALS, CASED_LETTERS, DIGITS, MARKED, PARENTHESES, CURLY, HASHES, ELLIPSES,
    SYMBOL_RUNS, RAW_WORDS, CAPS_WORDS, NO_LATIN_WORDS, SENTENCES, TOKENS, WORDS, WORD_LETTERS, ALPHA_TOKENS,
    ALPHA_WORDS, NORMALISED, SCRIPT, FLAGS,
) = range(24)  # fmt: skip
"""Places of the facts of a run, and of the sums of the first 22 in the tally of a text. SENTENCES: those begun if none
goes on before the run; WORDS: tokens of more than symbols, WORD_LETTERS: their characters; NORMALISED: normalised
words; SCRIPT: of all letters, MIXED where there are several."""
FACTS = 24
RUNS, LONGEST_RUN, NEWLINES, LINE_ENDS = range(24, 28)
"""Places in the tally of a text alone. LINE_ENDS: as `str.splitlines` has them."""
TALLY = 28

STARTS, EVENTFUL, GOES_ON, LOOKED_AT = (1 << bit for bit in range(4))
"""Flags of a run: its first word or end of a sentence is a word; it has one or the other; a sentence goes on after it;
it has a character that line rules look for."""
MIXED = 255


class Characters(NamedTuple):
    """What is known of each code point below TABLE_SIZE."""

    classes: NDArray[np.uint32]
    scripts: NDArray[np.uint8]
    lower: NDArray[np.int32]


@inlined
def count_characters(
    points: NDArray[np.int32], start: int, end: int, look_up: Characters, letters_of: NDArray[np.int64],
    facts: NDArray[np.int64],
) -> tuple[np.uint64, np.uint64, int]:  # fmt: skip
    """(hash of the run points[start:end], hash and length in lower case without ASCII punctuation).

    Its characters are counted in `facts`, its letters added to their scripts in `letters_of`.
    """
    letters = unspaced = capitals = cased = digits = marked = dots = length = 0
    script = -1
    own = normalised = np.uint64(0)
    watched = np.uint32(0)
    for i in range(start, end):
        point = points[i]
        bits = bits_of(point, look_up.classes)
        watched |= bits
        own = own * BASE + np.uint64(point + 1)
        if not bits & np.uint32(ASCII_PUNCT):
            normalised = normalised * BASE + np.uint64((look_up.lower[point] if point < TABLE_SIZE else point) + 1)
            length += 1
        if bits & np.uint32(ALPHABETIC | ALONE):
            letters += 1
            unspaced += (bits & np.uint32(ALONE)) != 0
            capitals += (bits & np.uint32(CAPITAL)) != 0
            cased += (bits & np.uint32(CASED)) != 0
            its = int(np.int64(look_up.scripts[point]))
            letters_of[its] += 1
            script = its if script < 0 or script == its else MIXED
            continue
        digits += (bits & np.uint32(DECIMAL)) != 0
        if bits & np.uint32(MARK):
            marked += 1
            dots = 1 if point != 46 or i == start or points[i - 1] != 46 else dots + 1
            _count_mark(point, dots, facts)
    facts[LETTERS], facts[UNSPACED_LETTERS], facts[VISIBLE] = letters, unspaced, end - start
    facts[CAPITALS], facts[CASED_LETTERS], facts[DIGITS], facts[MARKED] = capitals, cased, digits, marked
    facts[SCRIPT] = max(0, script)
    facts[FLAGS] |= LOOKED_AT if watched & np.uint32(WATCHED) else 0
    return own, normalised, length


@inlined
def _count_mark(point: np.int32, dots: int, facts: NDArray[np.int64]) -> None:
    """Count a mark that is the `dots`-th full stop in a row, if it is one."""
    facts[ELLIPSES] += (point == 46 and dots % 3 == 0) or point == 0x2026
    facts[PARENTHESES] += point == 40 or point == 41
    facts[CURLY] += point == 123 or point == 125
    facts[HASHES] += point == 35
    facts[SYMBOL_RUNS] |= point == 35 or point == 0x2026
