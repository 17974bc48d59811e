"""Character references (`&amp;`, `&#8212;`), read as HTML does."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spark_jobs.text.kernel import inner
from spark_jobs.web.dom.characters import ASCII, CAPITAL, NUMBER, SMALL
from spark_jobs.web.dom.hashing import BASIS, fnv, look_up
from spark_jobs.web.dom.vocabulary import ENTITIES, POINTS

AMPERSAND, REPLACEMENT = 38, 0xFFFD
_LONGEST_NAME = 32
_CP1252 = np.array([ord(bytes([b]).decode("cp1252", "replace")) for b in range(0x80, 0xA0)], np.int32)


@inner
def reference(source: NDArray[np.uint8], at: int, end: int, tables: NDArray[np.integer[Any]]) -> tuple[int, int, int]:
    """(code point, second one or 0, where the text goes on) for the `&` at source[at]; alone, it stands for itself."""
    if at + 2 < end and source[at + 1] == 35:  # #
        return _number(source, at, end)
    state, stop, best, best_end = BASIS, at + 1, 0, at
    limit = min(end, at + 1 + _LONGEST_NAME)
    while stop < limit:
        byte = source[stop]
        last = byte == 59  # ;
        if not last:
            kind = ASCII[byte & 127]
            if byte > 127 or (kind != CAPITAL and kind != SMALL and kind != NUMBER):
                break
        state = fnv(state, byte)
        stop += 1
        row = look_up(tables, tables[ENTITIES], tables[ENTITIES + 1], state)
        if row:
            best, best_end = row, stop
        if last:
            break
    if best == 0:
        return AMPERSAND, 0, at + 1
    points = tables[POINTS] + 2 * best
    return tables[points], tables[points + 1], best_end


@inner
def _number(source: NDArray[np.uint8], at: int, end: int) -> tuple[int, int, int]:
    stop, base = at + 2, 10
    if source[stop] | 0x20 == 120:  # x
        base, stop = 16, stop + 1
    first, value = stop, 0
    while stop < end:
        byte = int(np.int64(source[stop]))
        digit = byte - 48 if 48 <= byte <= 57 else ((byte | 0x20) - 87 if 97 <= (byte | 0x20) <= 102 else 99)
        if digit >= base:
            break
        value = min(value * base + digit, 0x110000)
        stop += 1
    if stop == first:
        return AMPERSAND, 0, at + 1
    if stop < end and source[stop] == 59:
        stop += 1
    if 0x80 <= value < 0xA0:
        value = int(np.int64(_CP1252[value - 0x80]))
    if value == 0 or value > 0x10FFFF or 0xD800 <= value < 0xE000:
        value = REPLACEMENT
    return value, 0, stop
