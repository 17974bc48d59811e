"""The stack of open elements: what a start tag opens and ends, what an end tag ends."""

from __future__ import annotations

from spark_jobs.text.kernel import inner
from spark_jobs.web.dom.hashing import fnv
from spark_jobs.web.dom.page import (
    BLOCKS,
    CHARS,
    DEPTH,
    HIDES,
    HREF,
    IN_LINK,
    KIND,
    LINKS,
    MARK_BITS,
    MAX_DEPTH,
    NODES,
    OPENED,
    OWN_KIND,
    OWN_MARKS,
    PARENT,
    PENDING,
    PRE_OPEN,
    SPAN_AT,
    STACK,
    TAG,
    TIME_AT,
    TIME_END,
    TIME_SPAN,
    UNREAD_OPEN,
)
from spark_jobs.web.dom.text import Ints, end_word, flush
from spark_jobs.web.dom.vocabulary import (
    BLOCK,
    BOUND,
    CLOSE,
    CLOSING,
    FLAGS,
    HIDDEN,
    MARKS,
    SPECIAL,
    TAG_MARKS,
    UNREAD,
    WIDTH,
    tag,
)

A, PRE, TIME, TABLE, TD, TH, TBODY, TR, BODY, HTML = (
    tag(name) for name in ["a", "pre", "time", "table", "td", "th", "tbody", "tr", "body", "html"]
)
_HIDDEN_MARK = 1 << MARKS.index(HIDDEN)
_IN_TABLE = tuple(tag(name) for name in ["table", "tbody", "thead", "tfoot", "tr", "td", "th"])


@inner
def push(name: int, state: Ints, nodes: Ints, blocks: Ints, tables: Ints) -> None:
    """Opens an element whose attributes have been read; beyond the bounds only its being a link counts."""
    node, depth = state[NODES], state[DEPTH]
    counts = blocks[state[BLOCKS]]
    if name == A and state[HREF]:
        # Neighbours in a row of links are words apart, though nothing stands between them.
        if counts[CHARS] > 0 and counts[LINKS] > 0 and state[PENDING] == 0:
            end_word(state, counts, tables)
            state[PENDING] = 32
        state[IN_LINK] = 1
        counts[LINKS] += 1
    if node >= len(nodes) or depth >= MAX_DEPTH:
        return
    if name == TIME and state[SPAN_AT + 2 * TIME_SPAN] == 0:
        state[SPAN_AT + 2 * TIME_SPAN], state[SPAN_AT + 2 * TIME_SPAN + 1] = state[TIME_AT], state[TIME_END]
    row = nodes[node]
    row[TAG], row[PARENT] = name, state[STACK + depth - 1]
    row[MARK_BITS] = state[OWN_MARKS] | tables[tables[TAG_MARKS] + name]
    if state[HIDES]:
        row[MARK_BITS] |= _HIDDEN_MARK
    row[KIND] = fnv(state[OWN_KIND], name)
    state[STACK + depth] = node
    state[OPENED + name] += 1
    state[NODES], state[DEPTH] = node + 1, depth + 1
    state[UNREAD_OPEN] += (tables[tables[FLAGS] + name] & UNREAD) != 0
    state[PRE_OPEN] += name == PRE


@inner
def _pop_to(depth: int, state: Ints, nodes: Ints, blocks: Ints, tables: Ints) -> None:
    """Ends the open elements from that depth on."""
    while state[DEPTH] > depth:
        name = nodes[state[STACK + state[DEPTH] - 1], TAG]
        flags = tables[tables[FLAGS] + name]
        if flags & BLOCK:
            flush(state, blocks, tables)
        if name == A:
            state[IN_LINK] = 0
        state[DEPTH] -= 1
        state[OPENED + name] -= 1
        state[UNREAD_OPEN] -= (flags & UNREAD) != 0
        state[PRE_OPEN] -= name == PRE


@inner
def close_implied(name: int, state: Ints, nodes: Ints, blocks: Ints, tables: Ints) -> None:
    """Ends the elements that a start tag ends."""
    row, target = tables[CLOSING] + name * WIDTH, 0
    for depth in range(state[DEPTH] - 1, 0, -1):
        rule = tables[row + nodes[state[STACK + depth], TAG]]
        if rule == CLOSE:
            target = depth
        elif rule == BOUND:
            break
    if target > 0:
        _pop_to(target, state, nodes, blocks, tables)


@inner
def close(name: int, state: Ints, nodes: Ints, blocks: Ints, tables: Ints) -> None:
    """Ends the element that an end tag names, and those within it."""
    flags = tables[tables[FLAGS] + name]
    in_table = name in _IN_TABLE
    for depth in range(state[DEPTH] - 1, 0, -1):
        opened = nodes[state[STACK + depth], TAG]
        if opened == name:
            _pop_to(depth, state, nodes, blocks, tables)
            return
        if not flags & SPECIAL and tables[tables[FLAGS] + opened] & SPECIAL:
            return
        if not in_table and opened in (TABLE, TD, TH):
            return
