"""Second look at the blocks of a page: what the first model says of their surroundings; and the final choice."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spark_jobs.text.kernel import inner
from spark_jobs.web.dom.layout import LEVELS, Floats, size_of, spread
from spark_jobs.web.dom.page import HOLDER, PARENT
from spark_jobs.web.dom.text import Ints

REACH = 4
"""Neighbours on each side whose chance is looked at."""
DECAYS = (0.7, 0.9)
SIDES = 1 + 2 * REACH
TREND = SIDES + 2 * LEVELS
OVERALL = TREND + 4
BEST = OVERALL + 5
CONTEXT = BEST + 2


@njit(cache=True, nogil=True)
def context(chance: Floats, nodes: Ints, blocks: Ints, above: Ints) -> Floats:
    """blocks x CONTEXT from the chance of each block to be main content."""
    found = np.zeros((len(blocks), CONTEXT), np.float32)
    sizes = np.array([size_of(block) for block in blocks])
    wanted = sizes * chance
    held = _held(nodes, blocks, wanted, sizes)
    for b in range(len(blocks)):
        found[b, 0] = chance[b]
        for k in range(1, REACH + 1):
            found[b, k] = chance[b - k] if b >= k else -1
            found[b, REACH + k] = chance[b + k] if b + k < len(blocks) else -1
        for level in range(LEVELS):
            node = above[b, level]
            others = held[node, 1] - sizes[b]
            found[b, SIDES + 2 * level] = (held[node, 0] - wanted[b]) / others if others > 0.5 else -1
            found[b, SIDES + 2 * level + 1] = held[node, 0] / max(1e-6, held[0, 0])
    for k in range(len(DECAYS)):
        _trend(found[:, TREND + 2 * k], wanted, sizes, DECAYS[k])
        _trend(found[::-1, TREND + 2 * k + 1], wanted[::-1], sizes[::-1], DECAYS[k])
    _overall(found[:, OVERALL:BEST], chance, wanted, sizes)
    _best(found[:, BEST:], nodes, blocks, held)
    return found


@njit(cache=True, nogil=True)
def _held(nodes: Ints, blocks: Ints, wanted: Floats, sizes: Floats) -> Floats:
    held = np.zeros((len(nodes), 2), np.float64)
    for b in range(len(blocks)):
        held[blocks[b, HOLDER], 0] += wanted[b]
        held[blocks[b, HOLDER], 1] += sizes[b]
    for node in range(len(nodes) - 1, 0, -1):
        held[nodes[node, PARENT]] += held[node]
    return held


@inner
def _trend(column: Floats, wanted: Floats, sizes: Floats, decay: float) -> None:
    """Mean chance of the text before each block, nearer text weighing more."""
    above = below = 0.0
    for b in range(len(column)):
        column[b] = above / below if below > 0 else -1
        above, below = above * decay + wanted[b], below * decay + sizes[b]


@njit(cache=True, nogil=True)
def _overall(found: Floats, chance: Floats, wanted: Floats, sizes: Floats) -> None:
    total, size, before, ranked = wanted.sum(), sizes.sum(), 0.0, 0.0
    for b in np.argsort(-chance, kind="mergesort"):
        ranked += sizes[b]
        found[b, 4] = ranked / size
    for b in range(len(chance)):
        before += wanted[b]
        found[b, 0], found[b, 1], found[b, 2] = total / size, chance.max(), np.log1p(total)
        found[b, 3] = before / max(1e-6, total)


@njit(cache=True, nogil=True)
def _best(found: Floats, nodes: Ints, blocks: Ints, held: Floats) -> None:
    """How far each block is from the one element whose text would be the best choice, and the expected F1 of that."""
    best, score = 0, 0.0
    for node in range(len(nodes)):
        expected = 2 * held[node, 0] / max(1.0, held[node, 1] + held[0, 0])
        if expected > score:
            best, score = node, expected
    away = spread(nodes, best)
    for b in range(len(blocks)):
        found[b, 0], found[b, 1] = away[blocks[b, HOLDER]], score


@njit(cache=True, nogil=True)
def chosen(chance: Floats, blocks: Ints, floor: float) -> NDArray[np.bool_]:
    """The set of blocks with the largest expected F1, if a block of chance c and size s has c*s of the page's content.

    F1 of a set is 2 * content in it / (size of it + content of the page), and the best set is one of the prefixes of
    the blocks in falling order of chance. Blocks below `floor` are left out, except the first.
    """
    keep = np.zeros(len(chance), np.bool_)
    order = np.argsort(-chance, kind="mergesort")
    content = 0.0
    for b in order:
        content += chance[b] * size_of(blocks[b])
    gained = taken = best = 0.0
    last = -1
    for k in range(len(order)):
        if k and chance[order[k]] < floor:
            break
        size = size_of(blocks[order[k]])
        gained, taken = gained + chance[order[k]] * size, taken + size
        if 2 * gained > best * (taken + content):
            best, last = 2 * gained / (taken + content), k
    keep[order[: last + 1]] = True
    return keep
