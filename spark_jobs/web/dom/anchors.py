"""Where the text under the title starts, how far each block is from there, and which blocks are built alike.

Paragraphs of one text are children of one element; comments and teasers are built alike too, but each has an element
of its own.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from spark_jobs.text.kernel import inner
from spark_jobs.web.dom.layout import Floats, is_paragraph, size_of, spread
from spark_jobs.web.dom.page import HOLDER, KIND, PARENT, TAG
from spark_jobs.web.dom.text import Ints
from spark_jobs.web.dom.titles import MATCHED

ANCHOR_FEATURES = 16
LONGEST = 30
"""A block of more words is no title."""
LONG_TEXT = 12
"""Words of a block that looks like text rather than a label."""
_FACTOR = 0x100000001B3


@njit(cache=True, nogil=True)
def anchors(nodes: Ints, blocks: Ints, likeness: Floats, level: Ints) -> Floats:
    """blocks x ANCHOR_FEATURES from the share of the title in each block and its level as a heading."""
    found = np.zeros((len(blocks), ANCHOR_FEATURES), np.float32)
    title = _title(blocks, likeness, level)
    start = max(0, title)
    while start < len(blocks) and not is_paragraph(blocks[start]):
        start += 1
    start = min(start, len(blocks) - 1)
    body = max(0, nodes[blocks[start, HOLDER], PARENT])
    near, wide = spread(nodes, body), spread(nodes, max(0, nodes[body, PARENT]))
    both = spread(nodes, _shared(nodes, blocks[max(0, title), HOLDER], blocks[start, HOLDER]))
    since = 0.0
    for b in range(len(blocks)):
        row, holder = found[b], blocks[b, HOLDER]
        row[0], row[1], row[2] = near[holder], wide[holder], both[holder]
        row[3] = max(-50, min(200, b - start))
        row[4] = np.log1p(since) if b >= start else -1
        row[5] = max(-50, min(99, b - title)) if title >= 0 else -99
        row[6] = _alike(nodes, holder, blocks[start, HOLDER])
        if b >= start:
            since += size_of(blocks[b])
    _groups(found, nodes, blocks)
    return found


@inner
def _title(blocks: Ints, likeness: Floats, level: Ints) -> int:
    """The block most like the title, headings first; -1: none."""
    best, score = -1, 0.0
    for b in range(len(blocks)):
        if size_of(blocks[b]) > LONGEST:
            continue
        here = 0.0
        if likeness[b] >= MATCHED:
            here = likeness[b] + (3.0 if level[b] == 1 else 1.5 if level[b] else 0.0)
        elif level[b] == 1:
            here = 0.5
        if here > score:
            best, score = b, here
    return best


@inner
def _shared(nodes: Ints, one: int, other: int) -> int:
    """The deepest element that has both; parents come before their children."""
    while one != other:
        if one > other:
            one = nodes[one, PARENT]
        else:
            other = nodes[other, PARENT]
    return one


@inner
def _alike(nodes: Ints, one: int, other: int) -> int:
    """How many elements upwards have the same tag and class, at most 6."""
    for k in range(6):
        if one < 0 or other < 0 or nodes[one, KIND] != nodes[other, KIND]:
            return k
        one, other = nodes[one, PARENT], nodes[other, PARENT]
    return 6


@njit(cache=True, nogil=True)
def _groups(found: Floats, nodes: Ints, blocks: Ints) -> None:
    """Of the blocks whose three innermost elements have the same tags: number, words, elements, spacing, place."""
    size = 16
    while size < 2 * len(blocks):
        size *= 2
    table, slots = np.zeros(size, np.int64), np.zeros(len(blocks), np.int64)
    held = np.zeros((size, 7), np.float64)
    for b in range(len(blocks)):
        node, key = blocks[b, HOLDER], np.int64(0)
        parent = max(0, nodes[node, PARENT])
        grand = max(0, nodes[parent, PARENT])
        key = ((nodes[node, KIND] * _FACTOR + nodes[parent, KIND]) * _FACTOR + nodes[grand, TAG]) * _FACTOR
        key ^= key >> 31
        slot = key & (size - 1)
        while held[slot, 0] > 0 and table[slot] != key:
            slot = (slot + 1) & (size - 1)
        group, words = held[slot], size_of(blocks[b])
        if group[0] == 0:
            table[slot], group[4], group[2], group[3] = key, b, -1, 0
        group[3] += parent != group[2]
        group[2], group[5] = parent, b
        group[0] += 1
        group[1] += words
        group[6] += words >= LONG_TEXT
        slots[b] = slot
    for b in range(len(blocks)):
        row, group = found[b, 7:], held[slots[b]]
        row[0], row[1], row[2] = np.log1p(group[0]), np.log1p(group[1]), group[3] / group[0]
        row[3] = group[1] / group[0]
        row[4] = (group[5] - group[4]) / max(1.0, group[0] - 1)
        row[5], row[6] = group[6] / group[0], b - group[4]
        row[7] = group[5] - b
        row[8] = group[3]
