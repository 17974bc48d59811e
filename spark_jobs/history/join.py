"""The merge-join: which documents of a snapshot share a key with which documents of the history.

No key is shuffled: a task takes one prefix, reads the snapshot's keys under it and those row groups of each segment
that can hold them. Of a snapshot of n documents and a history of m, 14 n keys are read once and 14 m keys once (17
bytes each before compression: 238 bytes a document); 24 bytes go back for each candidate pair. Memory of a task: a
block of keys of either side, 150 MB together, and the candidates of its prefix.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from gristmill.lake import Lake
from spark_jobs.clusters.signatures import Ids
from spark_jobs.history.keys import Block, Keys, prefixes, sorted_blocks
from spark_jobs.history.segments import Part, Segment

AT_ONCE = 1 << 20
"""New candidates after which those of a prefix are made distinct: a pair shares many bands."""
ALL_PAIRS_UP_TO = 1 << 12
"""A bucket of one snapshot here and one there gives all its pairs up to so many. A larger one gives two stars: each
document here with the first there, each there with the first here; so k copies of an indexed document are all found,
and a million copies on both sides cost two million pairs."""


@dataclass(frozen=True)
class Meeting:
    """One task: the snapshot's file with the keys of a prefix, and the files of the history with them."""

    prefix: str
    mine: Part
    others: Sequence[Part]


def meetings(mine: Segment, others: Sequence[Segment]) -> list[Meeting]:
    """The tasks of a join: a prefix each, as long as those of the most finely cut segment. Raises LakeError."""
    digits = max(segment.digits for segment in (mine, *others))
    return [Meeting(p, mine.part(p), [segment.part(p) for segment in others]) for p in prefixes(digits)]


def candidates(lake: Lake, meeting: Meeting) -> Ids:
    """(doc_id here, place there, doc_id there) rows (n, 3) that share a key under the prefix, once each and sorted."""
    found, parts = np.empty((0, 3), np.int64), list[Ids]()
    for block in sorted_blocks(lake, *meeting.mine, meeting.prefix, (0, (1 << 64) - 1)):
        between = int(block.bucket[0]), int(block.bucket[-1])
        for part in meeting.others:
            for other in sorted_blocks(lake, *part, meeting.prefix, between):
                parts.append(meet(block, other))
                if sum(map(len, parts)) > max(AT_ONCE, len(found)):
                    found, parts = distinct([found, *parts]), []
    return distinct([found, *parts])


def meet(mine: Block, other: Block) -> Ids:
    """The candidates (n, 3) of two blocks, sorted by bucket and, there, by snapshot."""
    sizes = np.empty((0, 2), np.int64)
    rows = np.empty((_walk(mine.bucket, other.bucket, other.place, sizes), 2), np.int64)
    _walk(mine.bucket, other.bucket, other.place, rows)
    here, there = rows[:, 0], rows[:, 1]
    return np.stack([mine.doc_id[here], other.place[there].astype(np.int64), other.doc_id[there]], axis=1)


def distinct(parts: Sequence[Ids]) -> Ids:
    """All rows (n, k) once, sorted."""
    rows = np.concatenate(list(parts))
    rows = rows[np.lexsort(rows.T[::-1])]
    if len(rows) == 0:
        return rows
    new = np.concatenate(([True], np.any(rows[1:] != rows[:-1], axis=1)))
    return rows[new]


@njit(cache=True, nogil=True)
def _walk(mine: Keys, other: Keys, place: NDArray[np.int16], into: Ids) -> int:
    """Number of pairs of rows; they are written to `into` unless that is empty."""
    at = i = j = 0
    while i < len(mine) and j < len(other):
        if mine[i] < other[j]:
            i += 1
        elif mine[i] > other[j]:
            j += 1
        else:
            key, end = mine[i], i + 1
            while end < len(mine) and mine[end] == key:
                end += 1
            while j < len(other) and other[j] == key:
                stop = j + 1
                while stop < len(other) and other[stop] == key and place[stop] == place[j]:
                    stop += 1
                at = _pair(i, end, j, stop, at, into)
                j = stop
            i = end
    return at


@njit(cache=True, nogil=True)
def _pair(start: int, end: int, first: int, stop: int, at: int, into: Ids) -> int:
    """The pairs of rows [start, end) here and [first, stop) there; returns the place after them."""
    star = (end - start) * (stop - first) > ALL_PAIRS_UP_TO
    for i in range(start, end):
        for j in range(first, first + 1 if star and i > start else stop):
            if len(into):
                into[at, 0], into[at, 1] = i, j
            at += 1
    return at
