"""Attributes of a start tag: marks of class, id, role and itemprop, what hides the element, spans of metadata."""

from __future__ import annotations

import numpy as np

from spark_jobs.text.kernel import inner
from spark_jobs.web.dom.hashing import BASIS, fnv, look_up
from spark_jobs.web.dom.page import (
    CLOSED,
    HIDES,
    HREF,
    ITEM_AT,
    ITEM_END,
    NAME_AT,
    NAME_END,
    OWN_KIND,
    OWN_MARKS,
    SPAN_AT,
    TIME_AT,
    TIME_END,
    VALUE_AT,
    VALUE_END,
)
from spark_jobs.web.dom.text import Bytes, Ints
from spark_jobs.web.dom.vocabulary import ATTRIBUTE_NAMES, KEYWORD_NAMES, KNOWN, META_NAMES, tag

CLASS, ID, ROLE, ITEMPROP, STYLE, HIDDEN, ARIA_HIDDEN, HREF_NAME, PROPERTY, NAME, CONTENT, DATETIME = (
    KNOWN.index(name)
    for name in [
        "class",
        "id",
        "role",
        "itemprop",
        "style",
        "hidden",
        "aria-hidden",
        "href",
        "property",
        "name",
        "content",
        "datetime",
    ]
)
META = tag("meta")
_KIND_BYTES = 64
_STYLE_BYTES = 4096
_LONGEST_META = 64
_HIDING = (
    np.frombuffer(b"display:none", np.uint8),
    np.frombuffer(b"visibility:hidden", np.uint8),
)


@inner
def lower(byte: int) -> int:
    """ASCII lower case."""
    return byte | 0x20 if 65 <= byte <= 90 else byte


@inner
def attributes(source: Bytes, at: int, name: int, state: Ints, tables: Ints) -> int:
    """Reads the attributes from the end of the tag's name; returns the offset behind the tag."""
    size = len(source)
    state[HIDES:SPAN_AT] = 0
    state[OWN_KIND] = BASIS
    while at < size:
        byte = int(np.int64(source[at]))
        if byte == 62:  # >
            at += 1
            break
        if byte <= 32 or byte == 47:
            state[CLOSED] = byte == 47
            at += 1
            continue
        state[CLOSED] = 0
        known, at = _attribute_name(source, at, tables)
        start, end, at = _value(source, at)
        if known:
            _keep(source, start, end, known, state, tables)
    _keep_meta(source, name, state, tables)
    return at


@inner
def _attribute_name(source: Bytes, at: int, tables: Ints) -> tuple[int, int]:
    state = fnv(BASIS, lower(int(np.int64(source[at]))))
    at += 1
    while at < len(source):
        byte = int(np.int64(source[at]))
        if byte <= 32 or byte == 61 or byte == 62 or byte == 47:
            break
        state = fnv(state, lower(byte))
        at += 1
    return look_up(tables, tables[ATTRIBUTE_NAMES], tables[ATTRIBUTE_NAMES + 1], state), at


@inner
def _value(source: Bytes, at: int) -> tuple[int, int, int]:
    """(start, end, where to go on); an attribute without a value has an empty one."""
    size, equals = len(source), at
    while equals < size and source[equals] <= 32:
        equals += 1
    if equals >= size or source[equals] != 61:
        return at, at, equals
    at = equals + 1
    while at < size and source[at] <= 32:
        at += 1
    if at >= size:
        return at, at, at
    quote = source[at]
    if quote == 34 or quote == 39:
        start = at = at + 1
        while at < size and source[at] != quote:
            at += 1
        return start, at, at + 1
    start = at
    while at < size and source[at] > 32 and source[at] != 62:
        at += 1
    return start, at, at


@inner
def _keep(source: Bytes, start: int, end: int, known: int, state: Ints, tables: Ints) -> None:
    if known in (CLASS, ID, ROLE, ITEMPROP):
        state[OWN_MARKS] |= _marks(source, start, end, tables)
        if known == CLASS:
            for k in range(start, min(end, start + _KIND_BYTES)):
                state[OWN_KIND] = fnv(state[OWN_KIND], int(np.int64(source[k])))
        if known == ITEMPROP:
            state[ITEM_AT], state[ITEM_END] = start, end
    elif known == HREF_NAME:
        state[HREF] = 1
    elif known == HIDDEN:
        state[HIDES] = 1
    elif known == ARIA_HIDDEN:
        state[HIDES] |= end > start and lower(int(np.int64(source[start]))) == 116  # t
    elif known == STYLE:
        state[HIDES] |= _hides(source, start, min(end, start + _STYLE_BYTES))
    elif known in (PROPERTY, NAME):
        state[NAME_AT], state[NAME_END] = start, end
    elif known == CONTENT:
        state[VALUE_AT], state[VALUE_END] = start, end
    elif known == DATETIME:
        state[TIME_AT], state[TIME_END] = start, end


@inner
def _marks(source: Bytes, start: int, end: int, tables: Ints) -> int:
    """Marks of a value's words: runs of letters, cut also where a capital follows a small letter."""
    marks, state, small, length = 0, BASIS, False, 0
    for at in range(start, end + 1):
        byte = int(np.int64(source[at])) if at < end else 32
        letter = 97 <= byte | 0x20 <= 122
        capital = letter and byte <= 90
        if (not letter or (capital and small)) and length:
            found = look_up(tables, tables[KEYWORD_NAMES], tables[KEYWORD_NAMES + 1], state)
            if found:
                marks |= 1 << (found - 1)
            state, length = BASIS, 0
        small = letter and not capital
        if letter:
            state = fnv(state, byte | 0x20)
            length += 1
    return marks


@inner
def _hides(source: Bytes, start: int, end: int) -> bool:
    """Whether a style says `display: none` or `visibility: hidden`."""
    for wanted in _HIDING:
        matched = 0
        for at in range(start, end):
            byte = lower(int(np.int64(source[at])))
            if byte <= 32:
                continue
            matched = matched + 1 if byte == wanted[matched] else int(byte == wanted[0])
            if matched == len(wanted):
                return True
    return False


@inner
def _keep_meta(source: Bytes, name: int, state: Ints, tables: Ints) -> None:
    """Notes where the content of a meta tag, or of an element with an itemprop, is, if it is one of METAS."""
    start, end = state[ITEM_AT], state[ITEM_END]
    if name == META and state[NAME_AT]:
        start, end = state[NAME_AT], state[NAME_END]
    if start == 0 or end - start > _LONGEST_META:
        return
    hashed = BASIS
    for at in range(start, end):
        hashed = fnv(hashed, lower(int(np.int64(source[at]))))
    row = look_up(tables, tables[META_NAMES], tables[META_NAMES + 1], hashed)
    first, last = state[VALUE_AT], state[VALUE_END]
    if first == 0:
        first, last = state[TIME_AT], state[TIME_END]
    if row and first and state[SPAN_AT + 2 * row] == 0:
        state[SPAN_AT + 2 * row], state[SPAN_AT + 2 * row + 1] = first, last
