"""The arrays that a parsed page lives in, with the bounds that keep hostile pages linear."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spark_jobs.web.dom.vocabulary import WIDTH, WORDS

MAX_DEPTH = 256
"""Elements nested deeper do not become nodes of their own: their text belongs to the deepest one that did."""
MAX_NODES = 100_000
MAX_BLOCKS = 50_000
"""Beyond these, elements and blocks run into the last one; no text is lost."""

# Columns of a node. MARK_BITS: of vocabulary.MARKS; KIND: a hash of its tag and class.
TAG, PARENT, MARK_BITS, KIND, NODE_COLUMNS = range(5)

# Columns of a block: where its text is, its innermost element, a hash of its text, and counts.
BEGIN, END, HOLDER, DIGEST = range(4)
CHARS, LINK_CHARS, DIGITS, UPPER, STOPS, COMMAS, UNSPACED, SPACED_WORDS, LINK_WORDS, CAPITALS = range(4, 14)
LINKS, CURRENCY, BREAKS, FIRST, LAST, STOP_WORDS = range(14, 20)
LISTED = 20
"""The first of the counts of vocabulary.WORDS."""
BLOCK_COLUMNS = LISTED + len(WORDS)

# The parser's state: numbers, then those of the tag just read (from HIDES on), spans, open elements.
(OUT, START, PENDING, NODES, DEPTH, BLOCKS, IN_LINK, UNREAD_OPEN, PRE_OPEN, IN_WORD, WORD_HASH, BREAK_RUN, HIDES, HREF,
 CLOSED, NAME_AT, NAME_END, VALUE_AT, VALUE_END, TIME_AT, TIME_END, ITEM_AT, ITEM_END, OWN_MARKS,
 OWN_KIND, SPAN_AT) = range(26)  # fmt: skip
TITLE_SPAN, TIME_SPAN, SPANS = 0, 7, 8
"""Spans of the source: the title element, those of vocabulary.METAS, the first time element; start 0: none."""
STACK = SPAN_AT + 2 * SPANS
OPENED = STACK + MAX_DEPTH
STATES = OPENED + WIDTH


class Page(NamedTuple):
    """What the parser writes: text as UTF-8, and tables of NODE_COLUMNS and BLOCK_COLUMNS."""

    text: NDArray[np.uint8]
    state: NDArray[np.int64]
    nodes: NDArray[np.int64]
    blocks: NDArray[np.int64]


def blank_page(source_bytes: int, tags: int) -> Page:
    """Arrays for a page of so many bytes and `<`."""
    return Page(
        # The longest growth is that of "&nGt;": 5 bytes of source, 6 of text.
        text=np.empty(source_bytes + source_bytes // 4 + 64, np.uint8),
        state=np.zeros(STATES, np.int64),
        nodes=np.zeros((min(tags + 2, MAX_NODES), NODE_COLUMNS), np.int64),
        blocks=np.zeros((min(2 * tags + 2, MAX_BLOCKS), BLOCK_COLUMNS), np.int64),
    )
