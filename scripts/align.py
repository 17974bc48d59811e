"""How much of each block of a page is in its gold text, found by aligning their words in order."""

from __future__ import annotations

import re

import numpy as np
from numba import njit
from numpy.typing import NDArray

CELLS = 600_000_000
"""Largest table of page words x gold words."""
_WORD = re.compile(r"\w+")


def words_of(text: str) -> list[str]:
    """The words that pages are scored by: runs of letters, digits and underscores, in lower case."""
    return _WORD.findall(text.lower())


def labels(blocks: list[str], gold: str) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """(share of each block's words that are aligned with gold, words of each block)."""
    known: dict[str, int] = {}
    wanted = np.array([known.setdefault(w, len(known)) for w in words_of(gold)], np.int32)
    per_block = [words_of(b) for b in blocks]
    sizes = np.array([len(w) for w in per_block], np.int64)
    flat = np.array([known.get(w, -1) for words in per_block for w in words], np.int32)
    if len(flat) * len(wanted) > CELLS:
        flat = flat[: CELLS // max(1, len(wanted))]
    matched = np.zeros(sizes.sum(), np.bool_)
    if len(flat) and len(wanted):
        matched[: len(flat)] = aligned(flat, wanted)
    ends = np.cumsum(sizes)
    total = np.concatenate([[0], np.cumsum(matched)])
    return (total[ends] - total[ends - sizes]) / np.maximum(sizes, 1), sizes


@njit(cache=True, nogil=True)
def aligned(page: NDArray[np.int32], gold: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Which words of the page the best alignment matches: 1 for a match, 2 for one that follows a match."""
    rows, columns = len(page), len(gold)
    trace = np.zeros((rows + 1, columns + 1), np.uint8)
    before, matched = np.zeros(columns + 1, np.int32), np.full(columns + 1, -1, np.int32)
    for i in range(1, rows + 1):
        corner, corner_matched = before[0], matched[0]
        for j in range(1, columns + 1):
            up, up_matched = before[j], matched[j]
            best, way = up, 0
            if before[j - 1] > best:
                best, way = before[j - 1], 1
            here = -1
            if page[i - 1] == gold[j - 1]:
                here = max(corner + 1, corner_matched + 2 if corner_matched >= 0 else -1)
                if here >= best:
                    best, way = here, 2
                if corner_matched >= 0 and corner_matched + 2 >= corner + 1:
                    way |= 4
            trace[i, j] = way
            before[j], matched[j] = best, here
            corner, corner_matched = up, up_matched
    return _walk(trace, rows, columns)


@njit(cache=True, nogil=True)
def _walk(trace: NDArray[np.uint8], rows: int, columns: int) -> NDArray[np.bool_]:
    found, i, j, forced = np.zeros(rows, np.bool_), rows, columns, False
    while i > 0 and j > 0:
        way = trace[i, j]
        if forced or way & 3 == 2:
            found[i - 1] = True
            forced = way & 4 != 0
            i, j = i - 1, j - 1
        elif way & 3 == 1:
            j -= 1
        else:
            i -= 1
    return found
