"""A run of visible characters: its tokens, RedPajama-V2's raw and normalised words, and what is counted in it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spark_jobs.text.characters import (
    ALPHA_TOKENS,
    ALPHA_WORDS,
    CAPITALS,
    CAPS_WORDS,
    CASED_LETTERS,
    EVENTFUL,
    FLAGS,
    GOES_ON,
    LETTERS,
    MARKED,
    NO_LATIN_WORDS,
    NORMALISED,
    RAW_WORDS,
    SENTENCES,
    STARTS,
    TOKENS,
    UNSPACED_LETTERS,
    VISIBLE,
    WORD_LETTERS,
    WORDS,
    Characters,
    count_characters,
)
from spark_jobs.text.classes import CAPITAL, CASED, WORD
from spark_jobs.text.kernel import inlined, inner
from spark_jobs.text.marks import bits_of
from spark_jobs.text.scans import power
from spark_jobs.text.unicode import SCRIPTS
from spark_jobs.text.word_rules import BASE
from spark_jobs.text.words import ALPHA, PLAIN, Tokens, other_run

LENGTHS = 1024
"""Runs this long or longer count as this long for the median."""
SIMPLE = 5
_RUNS, _LETTERS, _MARKS, _CAPITALS, _LONE_CAPITALS = range(SIMPLE)
"""Of all runs that are one word in small letters, perhaps with a capital in front or a comma or full stop behind."""
LATIN = SCRIPTS.index("Latin")


@inner
def measure_run(
    points: NDArray[np.int32], start: int, end: int, look_up: Characters, tokens: Tokens, token: int,
    hashes: NDArray[np.uint64], lengths: NDArray[np.int32], word: int, letters_of: NDArray[np.int64],
    facts: NDArray[np.int64],
) -> np.uint64:  # fmt: skip
    """Everything of the run points[start:end]: `facts`, tokens behind `token`, words behind `word`; its hash."""
    facts[:] = 0
    _, last = other_run(points, start, end, look_up.classes, tokens, token)
    _count_tokens(tokens, token, last, facts)
    _raw_words(points, start, end, look_up.classes, facts)
    own, normalised, length = count_characters(points, start, end, look_up, letters_of, facts)
    first = word
    if facts[UNSPACED_LETTERS]:
        for k in range(token, last):
            hashes[word], lengths[word] = tokens.hash[k], tokens.length[k]
            word += (tokens.kind[k] & np.uint8(PLAIN)) != 0
    elif length:
        hashes[word], lengths[word] = normalised, length
        word += 1
    facts[NORMALISED] = word - first
    return own


@inlined
def note_simple(
    points: NDArray[np.int32], start: int, end: int, tokens: Tokens, token: int, hashes: NDArray[np.uint64],
    lengths: NDArray[np.int32], word: int, simple: NDArray[np.int64],
) -> np.uint64:  # fmt: skip
    """Count a run that `simple_run` has split in `simple`, and write its normalised word; the hash of the run."""
    letters, own = int(np.int64(tokens.length[token])), tokens.hash[token]
    mark = end - start - letters
    capital = points[start] <= 90
    hashes[word] = own + (np.uint64(32) * power(letters - 1) if capital else np.uint64(0))
    lengths[word] = letters
    simple[_RUNS] += 1
    simple[_LETTERS] += letters
    simple[_MARKS] += mark
    simple[_CAPITALS] += capital
    simple[_LONE_CAPITALS] += capital and letters == 1
    return np.uint64(own * BASE + np.uint64(points[end - 1] + 1)) if mark else np.uint64(own)


@inlined
def add_simple(simple: NDArray[np.int64], tally: NDArray[np.int64], letters_of: NDArray[np.int64]) -> None:
    """Add what `measure_run` would find in the runs counted in `simple`, but for SENTENCES, which depend on others."""
    runs, letters, marks = simple[_RUNS], simple[_LETTERS], simple[_MARKS]
    for place in (RAW_WORDS, TOKENS):
        tally[place] += runs + marks
    for place in (WORDS, ALPHA_TOKENS, ALPHA_WORDS, NORMALISED):
        tally[place] += runs
    for place in (LETTERS, CASED_LETTERS, WORD_LETTERS):
        tally[place] += letters
    tally[VISIBLE] += letters + marks
    tally[MARKED] += marks
    tally[NO_LATIN_WORDS] += marks
    tally[CAPITALS] += simple[_CAPITALS]
    tally[CAPS_WORDS] += simple[_LONE_CAPITALS]
    letters_of[LATIN] += letters


@inlined
def _count_tokens(tokens: Tokens, first: int, last: int, facts: NDArray[np.int64]) -> None:
    facts[TOKENS] = last - first
    for i in range(first, last):
        kind = tokens.kind[i]
        facts[ALPHA_TOKENS] += (kind & ALPHA) != 0
        if kind & PLAIN:
            facts[WORDS] += 1
            facts[WORD_LETTERS] += tokens.length[i]
            facts[ALPHA_WORDS] += (kind & ALPHA) != 0


@inlined
def _raw_words(
    points: NDArray[np.int32], start: int, end: int, table: NDArray[np.uint32], facts: NDArray[np.int64]
) -> None:
    """Raw words of a run (of \\w, or of other characters), and the sentences between . ! ? as they begin and go on."""
    flags = 0
    i = start
    while i < end:
        kind = bits_of(points[i], table) & np.uint32(WORD)
        cased = small = latin = False
        while i < end:
            point = points[i]
            bits = bits_of(point, table)
            if bits & np.uint32(WORD) != kind:
                break
            cased = cased or (bits & np.uint32(CASED)) != 0
            small = small or (bits & np.uint32(CASED | CAPITAL)) == np.uint32(CASED)
            latin = latin or 65 <= point <= 90 or 97 <= point <= 122
            if point == 46 or point == 33 or point == 63:
                flags = (flags | EVENTFUL) & ~GOES_ON
            i += 1
        facts[RAW_WORDS] += 1
        facts[CAPS_WORDS] += cased and not small
        facts[NO_LATIN_WORDS] += not latin
        if kind and not flags & GOES_ON:
            facts[SENTENCES] += 1
            flags |= (GOES_ON | EVENTFUL) | (0 if flags & EVENTFUL else STARTS)
    facts[FLAGS] |= flags


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
