"""Runs of visible characters: their lengths, RedPajama-V2's raw and normalised words, from the tokens of a text."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spark_jobs.text.characters import (
    CAPS_WORDS,
    LONGEST_RUN,
    NO_LATIN_WORDS,
    RAW_WORDS,
    RUNS,
    SENTENCES,
    SYMBOL_RUNS,
)
from spark_jobs.text.classes import ALONE, ASCII_PUNCT, CAPITAL, CASED, WORD
from spark_jobs.text.kernel import inner
from spark_jobs.text.scans import power
from spark_jobs.text.unicode import TABLE_SIZE
from spark_jobs.text.word_rules import BASE
from spark_jobs.text.words import FIRST, PLAIN, SMALL, TITLE, Tokens

LENGTHS = 1024
"""Runs this long or longer count as this long for the median."""


@inner
def tally_runs(
    points: NDArray[np.int32], table: NDArray[np.uint32], lower: NDArray[np.int32], tokens: Tokens, count: int,
    hashes: NDArray[np.uint64], lengths: NDArray[np.int32], tally: NDArray[np.int64], runs: NDArray[np.int32],
) -> int:  # fmt: skip
    """Fill `hashes` and `lengths` of normalised words, `runs` by length, and the rest into `tally`; words.

    Most runs are one word in small letters, perhaps with a capital in front or a comma or full stop behind.
    """
    words = token = 0
    sentence = False
    runs[:] = 0
    while token < count:
        after = token + 1
        while after < count and not tokens.kind[after] & np.uint8(FIRST):
            after += 1
        begin, end = tokens.start[token], tokens.start[after - 1] + tokens.length[after - 1]
        tally[RUNS] += 1
        tally[LONGEST_RUN] = max(tally[LONGEST_RUN], end - begin)
        runs[min(end - begin, LENGTHS)] += 1
        kind = tokens.kind[token] & np.uint8(SMALL | TITLE)
        last = points[end - 1]
        mark = after == token + 2 and (last == 44 or last == 46)
        if kind and (mark or after == token + 1):
            length = tokens.length[token]
            title = kind & np.uint8(TITLE)
            hashes[words] = tokens.hash[token] + (np.uint64(32) * power(length - 1) if title else np.uint64(0))
            lengths[words] = length
            words += 1
            tally[RAW_WORDS] += 1 + mark
            tally[CAPS_WORDS] += title and length == 1
            tally[NO_LATIN_WORDS] += mark
            tally[SENTENCES] += not sentence
            sentence = not (mark and last == 46)
        else:
            sentence = _raw_words(points, begin, end, table, sentence, tally)
            words = _normalised(points, begin, end, table, lower, tokens, token, after, hashes, lengths, words, tally)
        token = after
    return words


@inner
def _raw_words(
    points: NDArray[np.int32], start: int, end: int, table: NDArray[np.uint32], sentence: bool, tally: NDArray[np.int64]
) -> bool:
    """Raw words of a run (of \\w, or of other characters), and sentences between . ! ?; whether one goes on."""
    i = start
    while i < end:
        kind = (table[points[i]] if points[i] < TABLE_SIZE else np.uint32(0)) & np.uint32(WORD)
        cased = small = latin = False
        while i < end:
            point = points[i]
            bits = table[point] if point < TABLE_SIZE else np.uint32(0)
            if bits & np.uint32(WORD) != kind:
                break
            cased = cased or (bits & np.uint32(CASED)) != 0
            small = small or (bits & np.uint32(CASED | CAPITAL)) == np.uint32(CASED)
            latin = latin or 65 <= point <= 90 or 97 <= point <= 122
            sentence = sentence and not (point == 46 or point == 33 or point == 63)
            i += 1
        tally[RAW_WORDS] += 1
        tally[CAPS_WORDS] += cased and not small
        tally[NO_LATIN_WORDS] += not latin
        if kind and not sentence:
            tally[SENTENCES] += 1
            sentence = True
    return sentence


@inner
def _normalised(
    points: NDArray[np.int32], start: int, end: int, table: NDArray[np.uint32], lower: NDArray[np.int32],
    tokens: Tokens, token: int, after: int, hashes: NDArray[np.uint64], lengths: NDArray[np.int32], words: int,
    tally: NDArray[np.int64],
) -> int:  # fmt: skip
    """Append a run in lower case without ASCII punctuation; one with letters of scripts without spaces its tokens."""
    value = np.uint64(0)
    length = 0
    any_of = np.uint32(0)
    symbol = False
    for i in range(start, end):
        point = points[i]
        bits = table[point] if point < TABLE_SIZE else np.uint32(0)
        any_of |= bits
        symbol = symbol or point == 35 or point == 0x2026
        if not bits & np.uint32(ASCII_PUNCT):
            value = value * BASE + np.uint64((lower[point] if point < TABLE_SIZE else point) + 1)
            length += 1
    tally[SYMBOL_RUNS] += symbol
    if any_of & np.uint32(ALONE):
        for k in range(token, after):
            hashes[words], lengths[words] = tokens.hash[k], tokens.length[k]
            words += (tokens.kind[k] & np.uint8(PLAIN)) != 0
    elif length:
        hashes[words], lengths[words] = value, length
        words += 1
    return words


@inner
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
