"""What a page leaves open, bounded before a parser pays for it."""

from __future__ import annotations

import numpy as np
from numba import njit

from spark_jobs.text.kernel import inner
from spark_jobs.web.dom.attributes import lower
from spark_jobs.web.dom.text import Bytes

_NAMES = ("b", "big", "code", "em", "font", "i", "s", "small", "strike", "strong", "tt", "u", "table")
_TABLE = _NAMES.index("table")
_KEYS = np.array([int.from_bytes(name.encode(), "big") for name in _NAMES], np.int64)
_LONGEST = 6
"""Letters of the longest name."""
_LESS, _GREATER, _SLASH, _BACKSLASH = 60, 62, 47, 92


@njit(cache=True, nogil=True)
def openings(source: Bytes) -> tuple[int, int]:
    """What the tags of UTF-8 source can leave open, read without regard to comments, scripts and values.

    (most elements such as <b> and <font> open at once, end tags in scripts (`<\\/b>`) counted; depth that the tree
    cannot pass). Each start tag is on a path once at most, whatever is re-opened or moved; a table may imply a body
    and a row; beside them there are <html>, <head> or <body>, and one leaf that an end tag makes.
    """
    count, total, most, depth, at = np.zeros(len(_KEYS), np.int64), 0, 0, 3, 0
    while at < len(source):
        if source[at] != _LESS:
            at += 1
            continue
        at += 1
        ends = at < len(source) and source[at] == _SLASH
        depth += 1 - ends
        if at + 1 < len(source) and source[at] == _BACKSLASH and source[at + 1] == _SLASH:
            at, ends = at + 1, True
        number, at = _element(source, at + ends)
        if number == _TABLE:
            depth += 2
        elif number >= 0 and not ends:
            count[number] += 1
            total += 1
            most = max(most, total)
        elif number >= 0 and count[number]:
            count[number] -= 1
            total -= 1
    return most, depth


@inner
def _element(source: Bytes, at: int) -> tuple[int, int]:
    """(place in _NAMES of the element that is named at source[at], or -1; where its name ends)."""
    key, letters = np.int64(0), 0
    while at < len(source) and letters <= _LONGEST:
        byte = lower(int(np.int64(source[at])))
        if not 97 <= byte <= 122:
            break
        key, letters, at = key << 8 | byte, letters + 1, at + 1
    if at < len(source) and (source[at] <= 32 or source[at] == _SLASH or source[at] == _GREATER):
        for number in range(len(_KEYS)):
            if _KEYS[number] == key:
                return number, at
    return -1, at
