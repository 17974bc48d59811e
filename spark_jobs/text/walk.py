"""One walk over the bytes of a text: its runs of visible characters, their tokens and words, and what is counted.

All later steps look at runs, tokens or words; code points are read for runs that `run_memo` does not know.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spark_jobs.text.bits import eight_bytes, put_eight_bytes, trailing_zeros
from spark_jobs.text.characters import (
    EVENTFUL,
    FACTS,
    FLAGS,
    GOES_ON,
    LETTERS,
    LINE_ENDS,
    LONGEST_RUN,
    LOOKED_AT,
    NEWLINES,
    NORMALISED,
    RUNS,
    SCRIPT,
    SENTENCES,
    STARTS,
    TALLY,
    TOKENS,
    Characters,
)
from spark_jobs.text.classes import BLANK, LINE_END
from spark_jobs.text.kernel import inlined, inner, leaf
from spark_jobs.text.marks import bits_of
from spark_jobs.text.run_memo import LONGEST, Memo, holds, keep, name, recall, slot_of
from spark_jobs.text.runs import LENGTHS, SIMPLE, add_simple, measure_run, note_simple
from spark_jobs.text.scans import power
from spark_jobs.text.unicode import SCRIPTS
from spark_jobs.text.word_rules import BASE
from spark_jobs.text.words import GAP, Tokens, simple_run, tokens_for

START, END, TOKEN, BEFORE = range(4)
"""Of a run: its first code point, the one behind its last, its first token, and what is before it as bits."""
SPACED, NEW_LINE, LINE_ENDED, WATCHED = (1 << bit for bit in range(4))
"""Bits in BEFORE: one space alone; a \\n; a line end of `str.splitlines`. WATCHED: as LOOKED_AT, of the run itself."""


class Found(NamedTuple):
    """Room for what is found in a text of n code points.

    `tokens` and the hashes and lengths of normalised `words`; `runs`: (n / 2 + 2, 4), START to BEFORE; `hashes` of
    the text before and up to the end of each run. Behind the last run is one without characters.
    """

    tokens: Tokens
    words: NDArray[np.uint64]
    lengths: NDArray[np.int32]
    runs: NDArray[np.int32]
    hashes: NDArray[np.uint64]


class Counts(NamedTuple):
    """Of a text: the tally of `characters`, letters per script, runs per length, counts of simple runs.

    `facts` are those of the latest run that is not simple.
    """

    tally: NDArray[np.int64]
    letters_of: NDArray[np.int64]
    runs: NDArray[np.int32]
    facts: NDArray[np.int64]
    simple: NDArray[np.int64]


@njit(cache=True, nogil=True)
def found(chars: int) -> Found:
    """Room for texts of up to `chars` code points; pages of it that no text reaches are never touched."""
    # A token and a word more than any text has, since three are written at a time.
    most = chars + 4
    return Found(
        tokens_for(most), np.empty(most, np.uint64), np.empty(most, np.int32), np.empty((chars // 2 + 2, 4), np.int32),
        np.empty((chars // 2 + 2, 2), np.uint64),
    )  # fmt: skip


@njit(cache=True, nogil=True)
def room_for_bytes(size: int) -> NDArray[np.uint8]:
    """Room for `size` bytes and some more."""
    return np.zeros(size + 40, np.uint8)


@inner
def copy_bytes(data: NDArray[np.uint8], start: int, end: int, out: NDArray[np.uint8]) -> None:
    """Copy data[start:end], and spaces behind it."""
    size = end - start
    whole = size & ~7
    for i in range(0, whole, 8):
        put_eight_bytes(out, i, eight_bytes(data, start + i))
    for i in range(whole, size):
        out[i] = data[start + i]
    out[size : size + 16] = 32


@njit(cache=True, nogil=True)
def counts() -> Counts:
    """Room for the counts of a text."""
    return Counts(
        np.zeros(TALLY, np.int64), np.zeros(len(SCRIPTS), np.int64), np.zeros(LENGTHS + 1, np.int32),
        np.zeros(FACTS, np.int64), np.zeros(SIMPLE, np.int64),
    )  # fmt: skip


def _kinds() -> NDArray[np.uint8]:
    """0 for a byte of a visible character, 1 for white space, 2 where other white space may start with it."""
    kinds = np.zeros(256, np.uint8)
    kinds[[9, 10, 11, 12, 13, 28, 29, 30, 31, 32]] = 1
    kinds[[0xC2, 0xE1, 0xE2, 0xE3]] = 2
    return kinds


_KINDS = _kinds()
_ONES, _HIGH, _SMALL, _JS = (np.uint64(byte * 0x0101010101010101) for byte in (1, 0x80, 0x20, ord("j")))


@leaf
def walk(
    text: NDArray[np.uint8], points: NDArray[np.int32], chars: int, look_up: Characters, memo: Memo, found: Found,
    visible: NDArray[np.uint8], counts: Counts,
) -> None:  # fmt: skip
    """Fill `found` and `counts` with what is in a text, decoded as points[:chars]; spaces are behind its bytes.

    `visible` gets a byte of each visible character.
    """
    tally, facts, runs = counts.tally, counts.facts, found.runs
    tally[:], counts.letters_of[:], counts.runs[:], counts.simple[:] = 0, 0, 0, 0
    at = place = seen = run = token = word = 0
    value = np.uint64(0)
    going_on = False
    while True:
        begin = place
        if text[at] == 32 and 32 < text[at + 1] < 0x80:
            at, place, value, before = at + 1, place + 1, value * BASE + np.uint64(33), SPACED
        else:
            at, place, value, before = _gap(at, points, place, chars, look_up.classes, value, tally)
        runs[run, START], runs[run, END], runs[run, TOKEN], found.hashes[run, 0] = place, place, token, value
        if place == chars:
            break
        first = token
        end, last = simple_run(points, place, chars, look_up.classes, found.tokens, token)
        if end > place:
            size = length = end - place
            before |= _copy_simple(text, at, size, seen, visible)
            tally[SENTENCES] += not going_on
            going_on = points[end - 1] != 46
            own = note_simple(points, place, end, found.tokens, token, found.words, found.lengths, word, counts.simple)
            token, word = last, word + 1
        else:
            size, length, own = _other_run(
                text, at, points, place, look_up, memo, found, token, word, visible, seen, counts
            )
            going_on = _add(facts, going_on, counts)
            before |= WATCHED if facts[FLAGS] & LOOKED_AT else 0
            token, word = token + facts[TOKENS], word + facts[NORMALISED]
        if place > begin and not before & SPACED:
            found.tokens.kind[first] |= np.uint8(GAP)
        at, place, seen, value = at + size, place + length, seen + length, value * power(length) + own
        runs[run, END], runs[run, BEFORE], found.hashes[run, 1] = place, before, value
        counts.runs[min(length, LENGTHS)] += 1
        tally[LONGEST_RUN] = max(tally[LONGEST_RUN], length)
        run += 1
    runs[run, BEFORE] = NEW_LINE | LINE_ENDED
    tally[RUNS] = run
    add_simple(counts.simple, tally, counts.letters_of)


@inlined
def _other_run(
    text: NDArray[np.uint8], at: int, points: NDArray[np.int32], place: int, look_up: Characters, memo: Memo,
    found: Found, token: int, word: int, visible: NDArray[np.uint8], seen: int, counts: Counts,
) -> tuple[int, int, np.uint64]:  # fmt: skip
    """(bytes, characters, hash) of the run at byte `at`, whose facts are remembered or computed."""
    facts = counts.facts
    size, stop, key, second, third, fourth = _bytes(text, at, points, place, look_up.classes, seen, visible)
    length = stop - seen
    slot = slot_of(key, second, third, fourth, memo)
    if holds(memo, slot, size, key, second, third, fourth):
        own = recall(memo, slot, found.tokens, token, found.words, found.lengths, word, facts)
        counts.letters_of[facts[SCRIPT]] += facts[LETTERS]
        return size, length, own
    own = measure_run(
        points, place, place + length, look_up, found.tokens, token, found.words, found.lengths, word,
        counts.letters_of, facts,
    )  # fmt: skip
    if size <= LONGEST:
        name(memo, slot, size, key, second, third, fourth)
        keep(memo, slot, own, found.tokens, token, found.words, found.lengths, word, facts)
    return size, length, own


@inlined
def _copy_simple(text: NDArray[np.uint8], at: int, size: int, seen: int, visible: NDArray[np.uint8]) -> int:
    """Copy a run of ASCII to `visible`; WATCHED if it, or what is behind it, has a j."""
    found = np.uint64(0)
    for done in range(0, size, 8):
        value = eight_bytes(text, at + done)
        put_eight_bytes(visible, seen + done, value)
        others = (value | _SMALL) ^ _JS
        found |= (others - _ONES) & ~others & _HIGH
    return WATCHED if found else 0


@inlined
def _add(facts: NDArray[np.int64], going_on: bool, counts: Counts) -> bool:
    """Add the facts of a run; whether a sentence goes on behind it."""
    flags = facts[FLAGS]
    for k in range(FACTS):
        counts.tally[k] += facts[k]
    counts.tally[SENTENCES] -= going_on and (flags & STARTS) != 0
    return (flags & GOES_ON) != 0 if flags & EVENTFUL else going_on


@inlined
def _gap(
    at: int, points: NDArray[np.int32], place: int, chars: int, table: NDArray[np.uint32],
    value: np.uint64, tally: NDArray[np.int64],
) -> tuple[int, int, np.uint64, int]:  # fmt: skip
    """(byte, code point, hash of the text so far, bits for BEFORE) behind the white space at byte `at`."""
    begin = place
    before = 0
    while place < chars:
        point = points[place]
        bits = bits_of(point, table)
        if not bits & np.uint32(BLANK):
            break
        value = value * BASE + np.uint64(point + 1)
        if bits & np.uint32(LINE_END):
            before |= LINE_ENDED | (NEW_LINE if point == 10 else 0)
            tally[NEWLINES] += point == 10
            tally[LINE_ENDS] += not (point == 10 and place and points[place - 1] == 13)
        at += 1 if point < 0x80 else 2 if point < 0x800 else 3
        place += 1
    return at, place, value, SPACED if place == begin + 1 and points[begin] == 32 else before


@inlined
def _bytes(
    text: NDArray[np.uint8], first: int, points: NDArray[np.int32], place: int, table: NDArray[np.uint32], seen: int,
    visible: NDArray[np.uint8],
) -> tuple[int, int, np.uint64, np.uint64, np.uint64, np.uint64]:  # fmt: skip
    """(bytes of the run at byte `first`, visible characters up to its end, its last 32 bytes packed)."""
    packed = second = third = fourth = np.uint64(0)
    at, to = first, seen
    events = np.uint64(0)
    while not events:
        value = eight_bytes(text, at)
        put_eight_bytes(visible, to, value)
        events = ((value - _ONES * np.uint64(33)) | value) & _HIGH
        size = trailing_zeros(events) >> 3 if events else 8
        if size:
            keep = value & (np.uint64(1) << np.uint64(8 * size)) - np.uint64(1) if events else value
            packed, second, third, fourth = keep, packed, second, third
        at, to = at + size, to + size
    if _KINDS[text[at]] == 1:
        return at - first, to, packed, second, third, fourth
    return _any_bytes(text, first, points, place, table, seen, visible)


@inlined
def _any_bytes(
    text: NDArray[np.uint8], first: int, points: NDArray[np.int32], place: int, table: NDArray[np.uint32], seen: int,
    visible: NDArray[np.uint8],
) -> tuple[int, int, np.uint64, np.uint64, np.uint64, np.uint64]:  # fmt: skip
    """As `_bytes`, of a run with control characters or others than ASCII in it or behind it."""
    packed = second = third = fourth = np.uint64(0)
    begin = seen
    at = first
    while True:
        byte = text[at]
        kind = _KINDS[byte]
        if kind and (kind == 1 or bits_of(points[place + seen - begin], table) & np.uint32(BLANK)):
            return at - first, seen, packed, second, third, fourth
        inside = (at - first) & 7
        if inside == 0:
            packed, second, third, fourth = np.uint64(0), packed, second, third
        packed |= np.uint64(byte) << np.uint64(8 * inside)
        seen += (byte & 0xC0) != 0x80
        visible[seen - 1] = byte
        at += 1
