"""Numbers about each block of a page that tell main content from furniture, for the models of `trees`."""

from __future__ import annotations

import numpy as np
from numba import njit

from spark_jobs.text.kernel import inner
from spark_jobs.web.dom.anchors import ANCHOR_FEATURES, anchors
from spark_jobs.web.dom.echoes import ECHO_FEATURES, echoes
from spark_jobs.web.dom.facts import FACTS
from spark_jobs.web.dom.layout import (
    HELD,
    LEVELS,
    LINKED,
    PARAGRAPHS,
    SENTENCES,
    SIZE,
    Floats,
    ancestors,
    distances,
    is_paragraph,
    main_element,
    repeats,
    sibling_keys,
    size_of,
    spread,
    sums,
)
from spark_jobs.web.dom.page import (
    BREAKS,
    CAPITALS,
    CHARS,
    COMMAS,
    CURRENCY,
    DIGEST,
    DIGITS,
    FIRST,
    HOLDER,
    LAST,
    LINK_CHARS,
    LINK_WORDS,
    LINKS,
    LISTED,
    SPACED_WORDS,
    STOP_WORDS,
    STOPS,
    UNSPACED,
    UPPER,
)
from spark_jobs.web.dom.text import Bytes, Ints
from spark_jobs.web.dom.titles import TITLE_FEATURES, title_features
from spark_jobs.web.dom.vocabulary import LIST_COUNT, MARK_COUNT, MARKS

NEIGHBOURS = (-3, -2, -1, 1, 2, 3)
PER_NEIGHBOUR, PER_LEVEL = 6, 7
SIGNPOST_WORDS = 6
SHARED = tuple(
    MARKS.index(m)
    for m in [
        "comment",
        "related",
        "forum",
        "product",
        "grid",
        "content",
        "article",
        "code",
        "<article>",
        "<main>",
        "<p>",
        "<li>",
        "<td>",
        "<pre>",
    ]
)
"""Marks whose share of the page's text says what kind of page it is."""
SHARED_COUNT = len(SHARED)
HEADINGS = tuple(MARKS.index(m) for m in ("<h1>", "<h2>", "<h3>", "<h4>"))

OWN = 0
LISTS = OWN + 17
MARKED = LISTS + LIST_COUNT
NEAR = MARKED + MARK_COUNT
ABOVE = NEAR + 6 * PER_NEIGHBOUR
PLACE = ABOVE + LEVELS * PER_LEVEL
HEADING = PLACE + 10
WHOLE = HEADING + 3 + LIST_COUNT
DECLARED = WHOLE + 8 + SHARED_COUNT
TITLED = DECLARED + FACTS
ECHOED = TITLED + TITLE_FEATURES
POSTED = ECHOED + ECHO_FEATURES
ANCHORED = POSTED + LIST_COUNT
FEATURES = ANCHORED + ANCHOR_FEATURES


@njit(cache=True, nogil=True)
def features(nodes: Ints, blocks: Ints, text: Bytes, title: Ints, facts: Floats) -> tuple[Floats, Ints]:
    """(blocks x FEATURES, blocks x LEVELS ancestors)."""
    found = np.zeros((len(blocks), FEATURES), np.float32)
    total, marks = sums(nodes, blocks), distances(nodes)
    above, child = ancestors(nodes, blocks, total)
    same_digest, same_kind = repeats(blocks[:, DIGEST].copy()), repeats(sibling_keys(nodes))
    for b in range(len(blocks)):
        _own(found[b], blocks[b], same_digest[b])
        for mark in range(MARK_COUNT):
            found[b, MARKED + mark] = marks[blocks[b, HOLDER], mark]
        _near(found[b], blocks, b, marks)
        for level in range(LEVELS):
            _above(found[b, ABOVE + level * PER_LEVEL :], above[b, level], child[b, level], total, same_kind)
    _place(found, nodes, blocks, total)
    _headings(found, blocks, marks)
    _whole(found, blocks, total, marks)
    found[:, DECLARED:TITLED] = facts
    found[:, TITLED:ECHOED] = title_features(text, blocks, title)
    found[:, ECHOED:POSTED] = echoes(text, blocks)
    _signposts(found, blocks)
    levels = np.array([_heading_level(marks[block[HOLDER]]) for block in blocks])
    found[:, ANCHORED:] = anchors(nodes, blocks, found[:, TITLED], levels)
    return found, above


@inner
def _own(row: Floats, block: Ints, same: int) -> None:
    size, chars = size_of(block), block[CHARS]
    words = max(1, block[SPACED_WORDS])
    row[0], row[1], row[2] = np.log1p(size), chars / size, block[LINK_CHARS] / chars
    row[3], row[4], row[5] = block[LINK_WORDS], block[LINKS], block[DIGITS] / chars
    row[6], row[7], row[8] = block[UPPER] / chars, block[CAPITALS] / words, block[STOPS]
    row[9], row[10], row[11] = block[COMMAS], block[STOP_WORDS] / words, block[UNSPACED] / chars
    row[12], row[13], row[14] = block[CURRENCY], block[BREAKS], block[FIRST]
    row[15], row[16] = block[LAST], same
    for k in range(LIST_COUNT):
        row[LISTS + k] = block[LISTED + k] / size


@inner
def _near(row: Floats, blocks: Ints, b: int, marks: Ints) -> None:
    for k in range(6):
        other, at = b + NEIGHBOURS[k], NEAR + k * PER_NEIGHBOUR
        if not 0 <= other < len(blocks):
            row[at : at + PER_NEIGHBOUR] = -1
            continue
        block = blocks[other]
        row[at], row[at + 1] = np.log1p(size_of(block)), block[LINK_CHARS] / block[CHARS]
        row[at + 2], row[at + 3] = block[STOPS], block[STOP_WORDS] / max(1, block[SPACED_WORDS])
        row[at + 4] = block[HOLDER] == blocks[b, HOLDER]
        row[at + 5] = _heading_level(marks[block[HOLDER]])


@inner
def _heading_level(marks: Ints) -> int:
    """1 to 4 (the last for all lower ones), 0 outside headings."""
    for k in range(4):
        if marks[HEADINGS[k]] < 4:
            return k + 1
    return 0


@inner
def _above(row: Floats, node: int, child: int, total: Floats, same_kind: Ints) -> None:
    size = max(1.0, total[node, SIZE])
    row[0], row[1], row[2] = np.log1p(size), total[node, LINKED] / size, size / max(1.0, total[0, SIZE])
    row[3], row[4] = np.log1p(total[node, HELD]), total[node, SENTENCES] / size
    row[5], row[6] = total[node, PARAGRAPHS] / size, same_kind[child]


@njit(cache=True, nogil=True)
def _place(found: Floats, nodes: Ints, blocks: Ints, total: Floats) -> None:
    half, most = spread(nodes, main_element(nodes, total, 0.5)), spread(nodes, main_element(nodes, total, 0.8))
    paragraphs, size, last, seen = max(1.0, total[0, PARAGRAPHS]), max(1.0, total[0, SIZE]), -1, 0.0
    before = 0.0
    for b in range(len(blocks)):
        row, holder = found[b, PLACE:], blocks[b, HOLDER]
        row[0], row[1], row[2], row[3] = b, b / len(blocks), before / size, seen / paragraphs
        row[4], row[5] = half[holder], most[holder]
        row[6] = min(50, b - last) if last >= 0 else 99
        before += size_of(blocks[b])
        if is_paragraph(blocks[b]):
            last = b
            seen += size_of(blocks[b])
    last = -1
    for b in range(len(blocks) - 1, -1, -1):
        found[b, PLACE + 7] = min(50, last - b) if last >= 0 else 99
        found[b, PLACE + 8] = len(blocks) - b
        if is_paragraph(blocks[b]):
            last = b


@inner
def _headings(found: Floats, blocks: Ints, marks: Ints) -> None:
    """The heading that a block is under: its level, its distance and its listed words; where the first <h1> is."""
    last, first = -1, -1
    for b in range(len(blocks)):
        level = _heading_level(marks[blocks[b, HOLDER]])
        if level == 1 and first < 0:
            first = b
        row = found[b, HEADING:]
        row[0] = -1
        if last >= 0:
            row[0], row[1] = _heading_level(marks[blocks[last, HOLDER]]), min(50, b - last)
            for k in range(LIST_COUNT):
                row[3 + k] = blocks[last, LISTED + k]
        if level:
            last = b
    for b in range(len(blocks)):
        found[b, HEADING + 2] = max(-50, min(50, b - first)) if first >= 0 else -99


@njit(cache=True, nogil=True)
def _signposts(found: Floats, blocks: Ints) -> None:
    """Blocks since the last short one with a word of each list: "12 comments" stands before comments."""
    last = np.full(LIST_COUNT, -1, np.int64)
    for b in range(len(blocks)):
        short = size_of(blocks[b]) <= SIGNPOST_WORDS
        for k in range(LIST_COUNT):
            if short and blocks[b, LISTED + k] > 0:
                last[k] = b
            found[b, POSTED + k] = min(99, b - last[k]) if last[k] >= 0 else -1


@njit(cache=True, nogil=True)
def _whole(found: Floats, blocks: Ints, total: Floats, marks: Ints) -> None:
    """What is the same for all blocks of a page."""
    row, size = np.zeros(8 + SHARED_COUNT, np.float32), max(1.0, total[0, SIZE])
    row[0], row[1], row[2] = np.log1p(size), total[0, LINKED] / size, np.log1p(len(blocks))
    row[3], row[4] = total[0, PARAGRAPHS] / size, total[0, SENTENCES] / size
    for b in range(len(blocks)):
        share = size_of(blocks[b]) / size
        row[5] += blocks[b, CURRENCY]
        row[6] += _heading_level(marks[blocks[b, HOLDER]]) == 1
        row[7] += share * blocks[b, UNSPACED] / blocks[b, CHARS]
        for k in range(SHARED_COUNT):
            if marks[blocks[b, HOLDER], SHARED[k]] < 8:
                row[8 + k] += share
    for b in range(len(blocks)):
        found[b, WHOLE:DECLARED] = row
