"""One pass over the characters of a text: classes, symbols, runs between white space, raw words, scripts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spark_jobs.text.classes import (
    ALONE,
    ALPHABETIC,
    ASCII_PUNCT,
    BLANK,
    CAPITAL,
    CASED,
    DECIMAL,
    MARK,
    WORD,
)
from spark_jobs.text.kernel import leaf
from spark_jobs.text.unicode import TABLE_SIZE
from spark_jobs.text.word_rules import BASE
from spark_jobs.text.words import PLAIN, Tokens

TALLY = 28
(
    VISIBLE, LETTERS, DIGITS, BLANKS, MARKED, PARENTHESES, CAPITALS, CASED_LETTERS, HASHES, ELLIPSES, NEWLINES, CURLY,
    RUNS, SYMBOL_RUNS, LONGEST_RUN, RAW_WORDS, CAPS_WORDS, NO_LATIN_WORDS, SENTENCES, UNSPACED_LETTERS, SCRIPT,
    SCRIPT_LETTERS,
) = range(22)  # fmt: skip
"""Places in the tally of a text."""

RUN_LENGTHS = 1024
"""Runs this long or longer count as this long for the median."""


@leaf
def tally_characters(
    points: NDArray[np.int32], chars: int, table: NDArray[np.uint32], scripts: NDArray[np.uint8],
    tally: NDArray[np.int64], script_letters: NDArray[np.int64],
) -> None:  # fmt: skip
    """Fill `tally` and the letters per script of points[:chars]."""
    tally[:TALLY] = 0
    script_letters[:] = 0
    dots = 0
    for i in range(chars):
        point = points[i]
        bits = table[point] if point < TABLE_SIZE else np.uint32(0)
        if bits & np.uint32(BLANK):
            tally[BLANKS] += 1
            tally[NEWLINES] += point == 10
            dots = 0
            continue
        dots = dots + 1 if point == 46 else 0
        if bits & np.uint32(ALPHABETIC | ALONE):
            tally[LETTERS] += 1
            tally[UNSPACED_LETTERS] += (bits & np.uint32(ALONE)) != 0
            tally[CAPITALS] += (bits & np.uint32(CAPITAL)) != 0
            tally[CASED_LETTERS] += (bits & np.uint32(CASED)) != 0
            script_letters[scripts[point]] += 1
            continue
        tally[DIGITS] += (bits & np.uint32(DECIMAL)) != 0
        tally[MARKED] += (bits & np.uint32(MARK)) != 0
        tally[PARENTHESES] += point == 40 or point == 41
        tally[CURLY] += point == 123 or point == 125
        tally[HASHES] += point == 35
        if point == 0x2026 or dots == 3:
            tally[ELLIPSES] += 1
            dots = 0
    tally[VISIBLE] = chars - tally[BLANKS]
    for which in range(len(script_letters)):
        if script_letters[which] > tally[SCRIPT_LETTERS]:
            tally[SCRIPT], tally[SCRIPT_LETTERS] = which, script_letters[which]


@leaf
def tally_raw_words(points: NDArray[np.int32], chars: int, table: NDArray[np.uint32], tally: NDArray[np.int64]) -> None:
    """Raw words (runs of \\w and runs of other visible characters) and sentences between . ! ? into `tally`."""
    i = 0
    sentence = False
    while i < chars:
        bits = table[points[i]] if points[i] < TABLE_SIZE else np.uint32(0)
        if bits & np.uint32(BLANK):
            i += 1
            continue
        kind = bits & np.uint32(WORD)
        cased = small = latin = False
        while i < chars:
            point = points[i]
            bits = table[point] if point < TABLE_SIZE else np.uint32(0)
            if bits & np.uint32(BLANK) or bits & np.uint32(WORD) != kind:
                break
            cased = cased or (bits & np.uint32(CASED)) != 0
            small = small or (bits & np.uint32(CASED) != 0 and bits & np.uint32(CAPITAL) == 0)
            latin = latin or 65 <= point <= 90 or 97 <= point <= 122
            if point == 46 or point == 33 or point == 63:
                sentence = False
            i += 1
        tally[RAW_WORDS] += 1
        tally[CAPS_WORDS] += cased and not small
        tally[NO_LATIN_WORDS] += not latin
        if kind and not sentence:
            tally[SENTENCES] += 1
            sentence = True


@leaf
def normalised_words(
    points: NDArray[np.int32], chars: int, table: NDArray[np.uint32], lower: NDArray[np.int32], tokens: Tokens,
    count: int, hashes: NDArray[np.uint64], lengths: NDArray[np.int32], tally: NDArray[np.int64],
    runs: NDArray[np.int32],
) -> int:  # fmt: skip
    """RedPajama-V2's words: runs between white space in lower case without ASCII punctuation; their number.

    A run with letters of scripts without spaces gives its tokens instead. Lengths of runs are tallied in `runs`.
    """
    words = token = i = 0
    runs[:] = 0
    while i < chars:
        value = np.uint64(0)
        length = 0
        any_of = np.uint32(0)
        symbol = False
        begin = i
        while i < chars:
            point = points[i]
            bits = table[point] if point < TABLE_SIZE else np.uint32(0)
            if bits & np.uint32(BLANK):
                break
            any_of |= bits
            symbol = symbol or point == 35 or point == 0x2026
            if not bits & np.uint32(ASCII_PUNCT):
                value = value * BASE + np.uint64((lower[point] if point < TABLE_SIZE else point) + 1)
                length += 1
            i += 1
        if i > begin:
            tally[RUNS] += 1
            tally[SYMBOL_RUNS] += symbol
            tally[LONGEST_RUN] = max(tally[LONGEST_RUN], i - begin)
            runs[min(i - begin, RUN_LENGTHS)] += 1
            alone = any_of & np.uint32(ALONE)
            while alone and token < count and tokens.start[token] < begin:
                token += 1
            while alone and token < count and tokens.start[token] < i:
                if tokens.kind[token] & PLAIN:
                    hashes[words], lengths[words] = tokens.hash[token], tokens.length[token]
                    words += 1
                token += 1
            if length and not alone:
                hashes[words], lengths[words] = value, length
                words += 1
        i += 1
    return words


@leaf
def median_run(runs: NDArray[np.int32], total: int) -> float:
    """The median length of the runs between white space; NaN without one."""
    if total == 0:
        return np.nan
    below = 0
    lower_middle = -1
    for length in range(len(runs)):
        below += runs[length]
        if lower_middle < 0 and 2 * below >= total:
            lower_middle = length
        if 2 * below > total:
            return (lower_middle + length) / 2
    return np.nan
