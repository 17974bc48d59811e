"""Lines that many pages of one host share: counted by hash, then found in each document as a mask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spark_jobs.text.decode import mix
from spark_jobs.text.line_hashes import LONGEST

Ids = NDArray[np.int64]
Hashes = NDArray[np.uint64]
_LONGEST = np.uint64(LONGEST)


@dataclass(frozen=True)
class Counts:
    """Distinct keys, ascending; on how many pages each is, and on how many of its host it must be."""

    keys: Hashes
    pages: Ids
    needed: Ids

    @property
    def repeated(self) -> Hashes:
        """Those that are on enough pages."""
        return self.keys[self.pages >= self.needed]


@dataclass(frozen=True)
class Masks:
    """What was found in n documents: bit masks as of `apply_line_mask` with their n + 1 ends, lines and folded
    bytes, and whether these are more than may go, so that the mask is empty."""

    ends: NDArray[np.int32]
    bits: NDArray[np.uint8]
    lines: NDArray[np.int32]
    bytes: NDArray[np.int32]
    capped: NDArray[np.bool_]


def pages_needed(pages: Ids, min_pages: int, min_share: float) -> Ids:
    """On how many of a host's `pages` a line must be."""
    share: Ids = np.ceil(np.round(pages * min_share, 6)).astype(np.int64)
    return np.maximum(share, min_pages)


@njit(cache=True, nogil=True)
def line_keys(host: Hashes, starts: Ids, lines: Hashes, min_bytes: int) -> Hashes:
    """A key per line that is equal for equal lines of one host; 0 for lines of fewer than `min_bytes`.

    `host` (n) and `starts` (n + 1) are of documents, `lines` the values of `line_hashes`, one after the other.
    """
    keys = np.zeros(len(lines), np.uint64)
    for row in range(len(host)):
        salt = mix(host[row] + np.uint64(0x9E3779B97F4A7C15))
        for k in range(starts[row], starts[row + 1]):
            if lines[k] & _LONGEST >= np.uint64(min_bytes):
                keys[k] = mix(lines[k] ^ salt) | np.uint64(1)
    return keys


def count_keys(keys: Hashes, starts: Ids, needed: Ids, part: int, parts: int) -> Counts:
    """Counts of the keys whose remainder is `part`; a page counts once, and not at all where it needs 0 pages."""
    distinct, of = _distinct(keys, starts, needed > 0, np.uint64(part), np.uint64(parts))
    return _merged(distinct, np.ones(len(distinct), np.int64), needed[of])


def merge_counts(counts: Sequence[Counts]) -> Counts:
    """The sum over files."""
    none = np.empty(0, np.int64)
    return _merged(
        np.concatenate([np.empty(0, np.uint64), *(c.keys for c in counts)]),
        np.concatenate([none, *(c.pages for c in counts)]),
        np.concatenate([none, *(c.needed for c in counts)]),
    )


def _merged(keys: Hashes, pages: Ids, needed: Ids) -> Counts:
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    first = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]])[: len(keys)])
    total = np.add.reduceat(pages[order], first) if len(first) else pages
    return Counts(keys[first], total, needed[order[first]])


@njit(cache=True, nogil=True)
def _distinct(
    keys: Hashes, starts: Ids, counted: NDArray[np.bool_], part: np.uint64, parts: np.uint64
) -> tuple[Hashes, Ids]:
    """(keys of one part, each once per counted document; the row of each)."""
    found, of = np.empty(len(keys), np.uint64), np.empty(len(keys), np.int64)
    at = 0
    for row in range(len(counted)):
        if not counted[row]:
            continue
        before = np.uint64(0)
        for key in np.sort(keys[starts[row] : starts[row + 1]]):
            if key != before and (key >> np.uint64(1)) % parts == part:
                found[at], of[at] = key, row
                at += 1
            before = key
    return found[:at].copy(), of[:at].copy()


def repeated_lines(keys: Hashes, repeated: Hashes) -> NDArray[np.bool_]:
    """Which keys are among `repeated`, which is ascending."""
    if not len(repeated):
        return np.zeros(len(keys), np.bool_)
    at = np.minimum(np.searchsorted(repeated, keys), len(repeated) - 1)
    found: NDArray[np.bool_] = repeated[at] == keys
    return found


def line_masks(found: NDArray[np.bool_], starts: Ids, lines: Hashes, max_share: float) -> Masks:
    """Masks of the lines that were `found`; none where they have more than `max_share` of the folded bytes."""
    rows = len(starts) - 1
    ends, bits = np.zeros(rows + 1, np.int32), np.zeros(len(lines) // 8 + rows + 1, np.uint8)
    figures, capped = np.zeros((2, rows), np.int32), np.zeros(rows, np.bool_)
    _mask(found, starts, lines, max_share, ends, bits, figures, capped)
    return Masks(ends, bits[: ends[-1]], figures[0], figures[1], capped)


@njit(cache=True, nogil=True)
def _mask(
    found: NDArray[np.bool_], starts: Ids, lines: Hashes, max_share: float, ends: NDArray[np.int32],
    bits: NDArray[np.uint8], figures: NDArray[np.int32], capped: NDArray[np.bool_],
) -> None:  # fmt: skip
    for row in range(len(starts) - 1):
        size, mine, count = np.int64(0), np.int64(0), np.int64(0)
        for k in range(starts[row], starts[row + 1]):
            length = np.int64(lines[k] & _LONGEST)
            size += length
            mine += length if found[k] else 0
            count += found[k]
        figures[0, row], figures[1, row] = count, mine
        capped[row] = mine > max_share * size
        ends[row + 1] = ends[row]
        if capped[row]:
            continue
        for k in range(starts[row], starts[row + 1]):
            if found[k]:
                place = ends[row] + ((k - starts[row]) >> 3)
                bits[place] |= np.uint8(1 << ((k - starts[row]) & 7))
                ends[row + 1] = place + 1
