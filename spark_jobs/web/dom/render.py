"""Chosen blocks as plain text.

Paragraphs and headings are separated by an empty line, items of a list and rows of a table by a line end, cells of a
row by " | ". An item starts with "- ". Preformatted text keeps its lines and indentation.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spark_jobs.text.kernel import inner
from spark_jobs.web.dom.page import BEGIN, END, HOLDER, PARENT, TAG
from spark_jobs.web.dom.text import Bytes, Ints
from spark_jobs.web.dom.vocabulary import tag

LI, TR, TD, TH, TABLE, UL, OL, DT, DD = (
    tag(name) for name in ["li", "tr", "td", "th", "table", "ul", "ol", "dt", "dd"]
)
ITEM, ROW, CELL, GRID, LIST, PLACES = range(6)
"""Innermost element of a kind around a block."""


@njit(cache=True, nogil=True)
def render(text: Bytes, nodes: Ints, blocks: Ints, keep: NDArray[np.bool_]) -> Bytes:
    """UTF-8 of the kept blocks, in the page's order."""
    out = np.empty(_length(blocks, keep), np.uint8)
    places, before, size = np.zeros(PLACES, np.int64), np.full(PLACES, -1, np.int64), 0
    for b in range(len(blocks)):
        if not keep[b]:
            continue
        _places(nodes, blocks[b, HOLDER], places)
        if size:
            size = _separate(out, size, places, before)
        if places[ITEM] >= 0 and places[ITEM] != before[ITEM]:
            out[size], out[size + 1] = 45, 32
            size += 2
        for k in range(blocks[b, BEGIN], blocks[b, END]):
            out[size] = text[k]
            size += 1
        before[:] = places
    return out[:size]


@inner
def _length(blocks: Ints, keep: NDArray[np.bool_]) -> int:
    total = 0
    for b in range(len(blocks)):
        if keep[b]:
            total += blocks[b, END] - blocks[b, BEGIN] + 5
    return total


@inner
def _places(nodes: Ints, node: int, places: Ints) -> None:
    """Fills the innermost item, row, cell, and the outermost table and list; an item or list around a table, or a
    table around a list, is none."""
    places[:] = -1
    while node >= 0:
        name = nodes[node, TAG]
        if name in (LI, DD) and places[ITEM] < 0 and places[ROW] < 0:
            places[ITEM] = node
        elif name in (UL, OL) and places[GRID] < 0:
            places[LIST] = node
        elif name in (TD, TH) and places[CELL] < 0 and places[LIST] < 0:
            places[CELL] = node
        elif name == TR and places[ROW] < 0 and places[LIST] < 0:
            places[ROW] = node
        elif name == TABLE and places[LIST] < 0:
            places[GRID] = node
        node = nodes[node, PARENT]


@inner
def _separate(out: Bytes, size: int, places: Ints, before: Ints) -> int:
    if places[ROW] >= 0 and places[ROW] == before[ROW] and places[CELL] != before[CELL]:
        out[size], out[size + 1], out[size + 2] = 32, 124, 32
        return size + 3
    out[size] = 10
    same_list = places[LIST] >= 0 and places[LIST] == before[LIST] and places[ITEM] >= 0 and before[ITEM] >= 0
    if same_list or (places[GRID] >= 0 and places[GRID] == before[GRID] and places[ROW] != before[ROW]):
        return size + 1
    out[size + 1] = 10
    return size + 2
