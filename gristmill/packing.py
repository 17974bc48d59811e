"""Packing: which spans of documents stand together in a row of a fixed number of tokens.

One packer for all: the tokens gate measures its waste, the loader trains on its rows. Best fit decreasing over whole
documents, of which only those longer than a row are cut (Ding et al. 2024, "Fewer Truncations Improve Language
Modeling").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from gristmill.errors import UserError
from gristmill.kept import Writer, kept
from gristmill.lake import sha256_json

VERSION = 1
"""Part of a stored plan's name: raise it when `plan` puts a document elsewhere."""

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Plan:
    """Row r holds the spans rows[r] .. rows[r + 1] - 1, in the order of the stream.

    `rows`: (rows + 1,) int64; `spans`: (spans, 3) int64, each (document, first token in it, tokens).
    """

    capacity: int
    rows: Ints
    spans: Ints

    @property
    def count(self) -> int:
        """Rows of one epoch."""
        return len(self.rows) - 1

    def row(self, number: int) -> Ints:
        """(spans of the row, 3)"""
        return self.spans[self.rows[number] : self.rows[number + 1]]

    @property
    def waste(self) -> float:
        """Share of the places of all rows that hold no token."""
        return 1 - float(self.spans[:, 2].sum()) / (self.count * self.capacity) if self.count else 0.0


def plan(lengths: NDArray[Any], capacity: int) -> Plan:
    """Rows of at most `capacity` tokens that hold each token of documents of these `lengths` exactly once.

    A document longer than a row becomes full rows and a rest. Pieces are placed from the longest to the shortest, each
    in the row with the least room that is enough; among equals, in the row that came to that room last. A function of
    its arguments alone.
    """
    if capacity < 1:
        raise UserError(f"a row of {capacity} tokens holds nothing; set a longer sequence_length")
    sizes = np.asarray(lengths, np.int64)
    pieces = -(-sizes // capacity)
    document = np.repeat(np.arange(len(sizes)), pieces)
    start = (np.arange(len(document)) - np.repeat(np.cumsum(pieces) - pieces, pieces)) * capacity
    length = np.minimum(capacity, sizes[document] - start)
    by_length = np.argsort(-length, kind="stable")
    row = np.empty(len(length), np.int64)
    row[by_length] = best_fit(length[by_length], capacity)
    order = np.argsort(row, kind="stable")  # pieces are in stream order before, and so within their row
    rows = np.concatenate([[0], np.cumsum(np.bincount(row))]).astype(np.int64)
    return Plan(capacity, rows, np.stack([document, start, length], axis=1)[order])


def stored_plan(folder: Path, tokens: str, split: str, lengths: NDArray[Any], capacity: int) -> Plan:
    """The plan of a split of a token dataset, made once and kept in `folder` under the digest of what it follows from.

    `lengths`: those of the split's documents in stream order. Raises KeptError when the stored one is damaged.
    """

    def make(writer: Writer) -> Mapping[str, Any]:
        made = plan(lengths, capacity)
        writer.array("rows", made.rows)
        writer.array("spans", made.spans.reshape(-1))
        return {"tokens": tokens, "split": split, "capacity": capacity, "packer": VERSION}

    found = kept(folder, f"{sha256_json([tokens, split, capacity, VERSION])}.plan", make)
    return Plan(capacity, found.arrays["rows"], found.arrays["spans"].reshape(-1, 3))


@njit(cache=True)
def best_fit(lengths: Ints, capacity: int) -> Ints:
    """The row of each piece; `lengths` (pieces,) in falling order, each 1 .. capacity."""
    leaves = 1
    while leaves <= capacity:
        leaves *= 2
    has = np.zeros(2 * leaves, np.bool_)  # a binary tree over the room that is left: is there such a row below?
    last = np.full(capacity + 1, -1, np.int64)  # room -> the row that came to it last
    before = np.empty(len(lengths), np.int64)  # row -> the one that had come to the same room before it
    row_of = np.empty(len(lengths), np.int64)
    rows = 0
    for piece in range(len(lengths)):
        length = lengths[piece]
        room = _least(has, leaves, length)
        if room < 0:
            row, room = rows, capacity
            rows += 1
        else:
            row = last[room]
            last[room] = before[row]
            if last[room] < 0:
                _set(has, leaves + room, False)
        row_of[piece] = row
        left = room - length
        if left > 0:
            before[row] = last[left]
            if last[left] < 0:
                _set(has, leaves + left, True)
            last[left] = row
    return row_of


@njit(cache=True)
def _least(has: NDArray[np.bool_], leaves: int, length: int) -> int:
    """The least room of any row that is at least `length`; -1 when no row has as much."""
    node = leaves + length
    while not has[node]:
        while node & 1:  # nothing more to the right below this parent
            node >>= 1
        if node == 0:
            return -1
        node += 1
    while node < leaves:
        node *= 2
        if not has[node]:
            node += 1
    return node - leaves


@njit(cache=True)
def _set(has: NDArray[np.bool_], node: int, value: bool) -> None:
    """Set a leaf and what its parents say of it."""
    has[node] = value
    while node > 1:
        node >>= 1
        has[node] = has[2 * node] or has[2 * node + 1]
