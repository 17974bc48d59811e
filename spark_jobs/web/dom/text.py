"""Character data to blocks of text: white space, references, and the counts that features are made of."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spark_jobs.text.kernel import inner
from spark_jobs.web.dom.characters import ASCII, CAPITAL, COMMA, MONEY, NUMBER, SMALL, STOP, WHITE, WIDE, class_of
from spark_jobs.web.dom.hashing import BASIS, fnv, look_up
from spark_jobs.web.dom.page import (
    BEGIN,
    BLOCKS,
    BREAK_RUN,
    BREAKS,
    CAPITALS,
    CHARS,
    COMMAS,
    CURRENCY,
    DEPTH,
    DIGEST,
    DIGITS,
    END,
    FIRST,
    HOLDER,
    IN_LINK,
    IN_WORD,
    LAST,
    LINK_CHARS,
    LINK_WORDS,
    LINKS,
    LISTED,
    OUT,
    PENDING,
    PRE_OPEN,
    SPACED_WORDS,
    STACK,
    START,
    STOP_WORDS,
    STOPS,
    UNSPACED,
    UPPER,
    WORD_HASH,
)
from spark_jobs.web.dom.references import reference
from spark_jobs.web.dom.vocabulary import WORD_LISTS

Bytes = NDArray[np.uint8]
Ints = NDArray[np.integer[Any]]


@inner
def put(out: Bytes, at: int, point: int) -> int:
    """Writes one code point as UTF-8; returns where the next one goes."""
    if point < 0x80:
        out[at] = point
        return at + 1
    if point < 0x800:
        out[at], out[at + 1] = 0xC0 | point >> 6, 0x80 | point & 63
        return at + 2
    if point < 0x10000:
        out[at], out[at + 1], out[at + 2] = 0xE0 | point >> 12, 0x80 | point >> 6 & 63, 0x80 | point & 63
        return at + 3
    out[at], out[at + 1] = 0xF0 | point >> 18, 0x80 | point >> 12 & 63
    out[at + 2], out[at + 3] = 0x80 | point >> 6 & 63, 0x80 | point & 63
    return at + 4


@inner
def end_word(state: Ints, counts: Ints, tables: Ints) -> None:
    """Counts the word that ends here, if there is one."""
    if state[IN_WORD] == 0:
        return
    state[IN_WORD] = 0
    counts[SPACED_WORDS] += 1
    counts[LINK_WORDS] += state[IN_LINK]
    listed = look_up(tables, tables[WORD_LISTS], tables[WORD_LISTS + 1], state[WORD_HASH])
    if listed == 1:
        counts[STOP_WORDS] += 1
    elif listed > 1:
        counts[LISTED + listed - 2] += 1


@inner
def characters(source: Bytes, at: int, end: int, out: Bytes, state: Ints, blocks: Ints, tables: Ints) -> None:
    """Character data of source[at:end]."""
    counts, second = blocks[state[BLOCKS]], 0
    while at < end or second:
        if second:
            point, second = second, 0
        elif source[at] == 38:  # &
            point, second, at = reference(source, at, end, tables)
        elif source[at] < 0x80:
            if state[IN_WORD]:
                at = _rest_of_word(source, at, end, out, state, counts)
                if at == end:
                    break
            point = int(np.int64(source[at]))
            if point >= 0x80 or point == 38:
                continue
            at += 1
        else:
            point, at = _wide_point(source, at, end)
        kind = int(np.int64(ASCII[point])) if point < 128 else class_of(point)
        if kind == WHITE:
            _white(point, out, state, counts, tables)
            while at < end and source[at] <= 32 and state[PRE_OPEN] == 0:
                at += 1
        elif kind < WHITE:
            if state[PENDING] or counts[CHARS] == 0:
                _before_text(kind, out, state, counts)
            state[OUT] = put(out, state[OUT], point)
            _count(point, kind, state, counts, tables)


@inner
def _rest_of_word(source: Bytes, at: int, end: int, out: Bytes, state: Ints, counts: Ints) -> int:
    """The ASCII letters and digits that go on a word, which is most of text; returns where they end."""
    first, to, word, digest, upper, digits = at, state[OUT], state[WORD_HASH], counts[DIGEST], 0, 0
    while at < end and source[at] < 128:
        byte = int(np.int64(source[at]))
        kind = ASCII[byte]
        if kind < CAPITAL or kind > NUMBER:
            break
        out[to] = byte
        to += 1
        upper += kind == CAPITAL
        digits += kind == NUMBER
        folded = byte | 0x20 if kind == CAPITAL else byte
        word, digest = fnv(word, folded), fnv(digest, folded)
        at += 1
    if at > first:
        counts[CHARS] += at - first
        counts[LINK_CHARS] += (at - first) * state[IN_LINK]
        counts[UPPER] += upper
        counts[DIGITS] += digits
        counts[LAST] = SMALL
        counts[DIGEST], state[WORD_HASH], state[OUT] = digest, word, to
    return at


@inner
def _wide_point(source: Bytes, at: int, end: int) -> tuple[int, int]:
    """The source is valid UTF-8, so that a character is whole where its first byte is."""
    byte = int(np.int64(source[at]))
    size = 2 if byte < 0xE0 else (3 if byte < 0xF0 else 4)
    point = byte & (0xFF >> (size + 1))
    for k in range(1, size):
        point = point << 6 | (int(np.int64(source[at + k])) & 63)
    return point, at + size


@inner
def _count(point: int, kind: int, state: Ints, counts: Ints, tables: Ints) -> None:
    counts[CHARS] += 1
    counts[LINK_CHARS] += state[IN_LINK]
    counts[LAST] = kind
    folded = point | 0x20 if kind == CAPITAL else point
    counts[DIGEST] = fnv(counts[DIGEST], folded)
    if kind in (CAPITAL, SMALL, NUMBER):
        if state[IN_WORD] == 0:
            state[IN_WORD], state[WORD_HASH] = 1, BASIS
            counts[CAPITALS] += kind == CAPITAL
        state[WORD_HASH] = fnv(state[WORD_HASH], folded)
        counts[UPPER] += kind == CAPITAL
        counts[DIGITS] += kind == NUMBER
        return
    end_word(state, counts, tables)
    counts[STOPS] += kind == STOP
    counts[COMMAS] += kind == COMMA
    counts[UNSPACED] += kind == WIDE
    counts[CURRENCY] += kind == MONEY


@inner
def _before_text(kind: int, out: Bytes, state: Ints, counts: Ints) -> None:
    """The first character of a block notes its element; others write the white space that waits."""
    state[BREAK_RUN] = 0
    if counts[CHARS] == 0:
        counts[HOLDER], counts[FIRST], counts[DIGEST] = state[STACK + state[DEPTH] - 1], kind, BASIS
    else:
        state[OUT] = put(out, state[OUT], state[PENDING])
    state[PENDING] = 0


@inner
def _white(point: int, out: Bytes, state: Ints, counts: Ints, tables: Ints) -> None:
    """White space waits until text follows; in <pre>, only its last character does."""
    end_word(state, counts, tables)
    if state[PRE_OPEN] == 0:
        if state[PENDING] == 0:
            state[PENDING] = 32
        return
    if counts[CHARS] > 0:
        if state[PENDING] and point != 13:
            state[OUT] = put(out, state[OUT], state[PENDING])
        if point != 13:
            state[PENDING] = point if point == 10 or point == 9 else 32
    elif point == 10:
        state[OUT] = state[START]
    elif point == 32 or point == 9:
        state[OUT] = put(out, state[OUT], point)


@inner
def flush(state: Ints, blocks: Ints, tables: Ints) -> None:
    """Ends the block of text, if there is one."""
    block = state[BLOCKS]
    counts = blocks[block]
    end_word(state, counts, tables)
    state[PENDING], state[BREAK_RUN] = 0, 0
    if counts[CHARS] == 0:
        state[OUT] = state[START]
        counts[LINKS] = 0
        return
    if block + 1 >= len(blocks):
        state[PENDING] = 10
        return
    counts[BEGIN], counts[END] = state[START], state[OUT]
    state[BLOCKS] = block + 1
    state[START] = state[OUT]


@inner
def line_break(state: Ints, blocks: Ints, tables: Ints) -> None:
    """A <br>: a new line; two in a row end the block."""
    counts = blocks[state[BLOCKS]]
    end_word(state, counts, tables)
    if counts[CHARS] == 0:
        return
    counts[BREAKS] += 1
    state[BREAK_RUN] += 1
    if state[BREAK_RUN] > 1 and state[PRE_OPEN] == 0:
        flush(state, blocks, tables)
    else:
        state[PENDING] = 10
