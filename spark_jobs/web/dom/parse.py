"""HTML to a bounded tree and blocks of text in one linear pass, as lenient as browsers where it matters for text.

The tree follows HTML's rules of implied end tags, raw text and references. It leaves out what only layout needs:
foster parenting, re-opened formatting elements, foreign content.
"""

from __future__ import annotations

import numpy as np

from spark_jobs.text.kernel import inner, leaf
from spark_jobs.web.dom.attributes import attributes, lower
from spark_jobs.web.dom.elements import close, close_implied, push
from spark_jobs.web.dom.hashing import BASIS, fnv, look_up
from spark_jobs.web.dom.page import (
    BEGIN,
    BLOCKS,
    CHARS,
    CLOSED,
    DEPTH,
    END,
    IN_LINK,
    NODES,
    OPENED,
    OUT,
    PARENT,
    SPAN_AT,
    START,
    TITLE_SPAN,
    UNREAD_OPEN,
    Page,
    blank_page,
)
from spark_jobs.web.dom.text import Bytes, Ints, characters, flush, line_break
from spark_jobs.web.dom.vocabulary import (
    BLOCK,
    CLOSER,
    CUSTOM,
    FLAGS,
    RAW,
    TAG_NAMES,
    UNREAD,
    VOID,
    tag,
    vocabulary,
)

A, BR, TITLE, HTML, BODY = (tag(name) for name in ("a", "br", "title", "html", "body"))


def parse(html: str) -> tuple[bytes, Page]:
    """(the page's UTF-8, its tree and blocks). Lone surrogates become question marks."""
    source = html.encode("utf-8", "replace")
    page = blank_page(len(source), source.count(b"<"))
    read(np.frombuffer(source, np.uint8), page.text, page.state, page.nodes, page.blocks, vocabulary())
    return source, page


@leaf
def read(source: Bytes, out: Bytes, state: Ints, nodes: Ints, blocks: Ints, tables: Ints) -> None:
    """Fills the arrays of a blank page."""
    at, size = 0, len(source)
    nodes[0, PARENT], state[NODES], state[DEPTH] = -1, 1, 1
    while at < size:
        start = at
        while at < size and source[at] != 60:  # <
            at += 1
        if at > start and state[UNREAD_OPEN] == 0:
            characters(source, start, at, out, state, blocks, tables)
        if at + 1 >= size:
            break
        following = source[at + 1]
        if 97 <= following | 0x20 <= 122:
            at = _start_tag(source, at + 1, out, state, nodes, blocks, tables)
        elif following == 47:  # /
            at = _end_tag(source, at + 2, state, nodes, blocks, tables)
        elif following == 33 or following == 63:  # ! ?
            at = _skip_comment(source, at)
        else:
            if state[UNREAD_OPEN] == 0:
                characters(source, at, at + 1, out, state, blocks, tables)
            at += 1
    flush(state, blocks, tables)
    last = blocks[state[BLOCKS]]
    if last[CHARS] > 0:  # the one that all text beyond the bound went to
        last[BEGIN], last[END] = state[START], state[OUT]
        state[BLOCKS] += 1


@inner
def _skip_comment(source: Bytes, at: int) -> int:
    size = len(source)
    if at + 3 < size and source[at + 2] == 45 and source[at + 3] == 45 and source[at + 1] == 33:
        at += 4
        if at < size and source[at] == 62:
            return at + 1
        at -= 1
        while at + 2 < size:
            if source[at + 2] == 62 and source[at + 1] == 45 and source[at] == 45:
                return at + 3
            at += 1
        return size
    while at < size and source[at] != 62:
        at += 1
    return at + 1


@inner
def _name(source: Bytes, at: int, tables: Ints) -> tuple[int, int]:
    """(number of the tag, end of its name)."""
    state, hyphen = BASIS, False
    while at < len(source):
        byte = int(np.int64(source[at]))
        if byte <= 32 or byte == 62 or byte == 47:
            break
        hyphen |= byte == 45
        state = fnv(state, lower(byte))
        at += 1
    found = look_up(tables, tables[TAG_NAMES], tables[TAG_NAMES + 1], state)
    return (CUSTOM if hyphen and found == 0 else found), at


@inner
def _start_tag(source: Bytes, at: int, out: Bytes, state: Ints, nodes: Ints, blocks: Ints, tables: Ints) -> int:
    name, at = _name(source, at, tables)
    at = attributes(source, at, name, state, tables)
    flags = tables[tables[FLAGS] + name]
    if flags & CLOSER:
        close_implied(name, state, nodes, blocks, tables)
    if flags & BLOCK:
        flush(state, blocks, tables)
    if name == BR and state[UNREAD_OPEN] == 0:
        line_break(state, blocks, tables)
    if flags & RAW:
        return _raw_text(source, at, name, out, state, blocks, tables)
    if name in (HTML, BODY) and state[OPENED + name]:
        return at
    if not flags & VOID and not (state[CLOSED] and state[UNREAD_OPEN]):
        push(name, state, nodes, blocks, tables)
    return at


@inner
def _end_tag(source: Bytes, at: int, state: Ints, nodes: Ints, blocks: Ints, tables: Ints) -> int:
    if at >= len(source) or not 97 <= source[at] | 0x20 <= 122:
        return _skip_comment(source, at)
    name, at = _name(source, at, tables)
    while at < len(source) and source[at] != 62:
        at += 1
    if name == BR and state[UNREAD_OPEN] == 0:
        line_break(state, blocks, tables)
    if name == A:
        state[IN_LINK] = 0
    if state[OPENED + name] > 0 and name != BODY and name != HTML:
        close(name, state, nodes, blocks, tables)
    return at + 1


@inner
def _raw_text(source: Bytes, at: int, name: int, out: Bytes, state: Ints, blocks: Ints, tables: Ints) -> int:
    """Text up to the element's end tag: its span is kept for the title, it is read in <xmp>, else skipped."""
    start, size = at, len(source)
    while at < size:
        if source[at] == 60 and at + 2 < size and source[at + 1] == 47:
            found, _ = _name(source, at + 2, tables)
            if found == name:
                break
        at += 1
    if name == TITLE and state[SPAN_AT + 2 * TITLE_SPAN] == 0 and state[UNREAD_OPEN] == 0:
        state[SPAN_AT + 2 * TITLE_SPAN], state[SPAN_AT + 2 * TITLE_SPAN + 1] = start, at
    if not tables[tables[FLAGS] + name] & UNREAD and state[UNREAD_OPEN] == 0:
        characters(source, start, at, out, state, blocks, tables)
    while at < size and source[at] != 62:
        at += 1
    return at + 1
