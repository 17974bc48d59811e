"""Sums over the tree of a page: what each element holds, how far up each mark is, how often elements repeat."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spark_jobs.text.kernel import inner
from spark_jobs.web.dom.page import (
    CHARS,
    HOLDER,
    KIND,
    LINK_CHARS,
    MARK_BITS,
    PARENT,
    SPACED_WORDS,
    STOPS,
    UNSPACED,
)
from spark_jobs.web.dom.text import Ints
from spark_jobs.web.dom.vocabulary import MARK_COUNT

Floats = NDArray[np.floating[Any]]

FAR = 40
"""Distance of a mark that no ancestor has."""
LEVELS = 4
"""Ancestors of a block that are looked at: each the nearest one that holds more blocks than the one before."""

SIZE, LINKED, SENTENCES, PARAGRAPHS, HELD, SUMS = range(6)
"""Of an element: size of its text, of text in links and of paragraphs; ends of sentences; blocks."""


@inner
def size_of(block: Ints) -> float:
    """Words, where a character of a script without spaces counts as half a word."""
    return float(max(1.0, block[SPACED_WORDS] + 0.5 * block[UNSPACED]))


@inner
def is_paragraph(block: Ints) -> bool:
    """Whether a block looks like prose: it ends a sentence, has some length and is not made of links."""
    return block[STOPS] > 0 and size_of(block) >= 8 and 3 * block[LINK_CHARS] < block[CHARS]


@njit(cache=True, nogil=True)
def sums(nodes: Ints, blocks: Ints) -> Floats:
    """nodes x SUMS, each element with all that is below it."""
    found = np.zeros((len(nodes), SUMS), np.float64)
    for b in range(len(blocks)):
        row, size = found[blocks[b, HOLDER]], size_of(blocks[b])
        row[SIZE] += size
        row[LINKED] += size * blocks[b, LINK_CHARS] / blocks[b, CHARS]
        row[SENTENCES] += blocks[b, STOPS]
        row[PARAGRAPHS] += size if is_paragraph(blocks[b]) else 0.0
        row[HELD] += 1
    for node in range(len(nodes) - 1, 0, -1):
        for k in range(SUMS):
            found[nodes[node, PARENT], k] += found[node, k]
    return found


@njit(cache=True, nogil=True)
def distances(nodes: Ints) -> NDArray[np.uint8]:
    """nodes x MARKS: levels up to the nearest element with that mark, FAR if there is none."""
    found = np.full((len(nodes), MARK_COUNT), FAR, np.uint8)
    for node in range(1, len(nodes)):
        bits, parent = nodes[node, MARK_BITS], nodes[node, PARENT]
        for mark in range(MARK_COUNT):
            if bits >> mark & 1:
                found[node, mark] = 0
            else:
                found[node, mark] = min(FAR, found[parent, mark] + 1)
    return found


@njit(cache=True, nogil=True)
def repeats(keys: Ints) -> NDArray[np.int32]:
    """How often each key is there."""
    size = 16
    while size < 2 * len(keys):
        size *= 2
    table, count = np.zeros(size, np.int64), np.zeros(size, np.int32)
    slots = np.zeros(len(keys), np.int64)
    for k in range(len(keys)):
        slot = (keys[k] ^ (keys[k] >> 29)) & (size - 1)
        while count[slot] and table[slot] != keys[k]:
            slot = (slot + 1) & (size - 1)
        table[slot] = keys[k]
        count[slot] += 1
        slots[k] = slot
    return count[slots]


@njit(cache=True, nogil=True)
def sibling_keys(nodes: Ints) -> Ints:
    """One key for all children of an element that have the same tag and class."""
    return (nodes[:, KIND] ^ nodes[:, PARENT]) * 0x100000001B3


@njit(cache=True, nogil=True)
def ancestors(nodes: Ints, blocks: Ints, total: Floats) -> tuple[Ints, Ints]:
    """blocks x LEVELS: the elements above each block, and the child by which the block is reached from each."""
    above, child = np.zeros((len(blocks), LEVELS), np.int64), np.zeros((len(blocks), LEVELS), np.int64)
    for b in range(len(blocks)):
        node = below = blocks[b, HOLDER]
        held = 1.0
        for level in range(LEVELS):
            while nodes[node, PARENT] >= 0 and total[node, HELD] <= held:
                below, node = node, nodes[node, PARENT]
            above[b, level], child[b, level] = node, below
            held = total[node, HELD]
    return above, child


@inner
def main_element(nodes: Ints, total: Floats, share: float) -> int:
    """The deepest element that holds this share of the page's paragraphs."""
    best = 0
    for node in range(1, len(nodes)):
        if nodes[node, PARENT] == best and total[node, PARAGRAPHS] >= share * total[0, PARAGRAPHS]:
            best = node
    return best


@njit(cache=True, nogil=True)
def spread(nodes: Ints, root: int) -> NDArray[np.uint8]:
    """Levels from each element up to the nearest one that is `root` or has it below; 0 for those inside it."""
    holds = np.zeros(len(nodes), np.bool_)
    node = root
    while node >= 0:
        holds[node] = True
        node = nodes[node, PARENT]
    found = np.zeros(len(nodes), np.uint8)
    for node in range(1, len(nodes)):
        parent = nodes[node, PARENT]
        inside = parent == root or (not holds[parent] and found[parent] == 0)
        found[node] = 0 if inside or node == root else (1 if holds[parent] else min(FAR, found[parent] + 1))
        if holds[node] and node != root:
            found[node] = 1
    return found
