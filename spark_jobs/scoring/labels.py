"""Labels are honest where nothing that is tested was learned from: folds by group, passages of evaluation sets out."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spark_jobs.scoring.tokens import Tokens, tokens

PASSAGE = 13
"""Words of a passage that tells where a text is from (GPT-3, Brown et al. 2020, appendix C)."""
SHORTEST = 8
"""Evaluation items of fewer words are phrases that any text may have (GPT-3 looks at n-grams from 8 words on)."""

_TENTHS = ("test", "test", "calibrate", *["train"] * 7)


def folds(groups: Sequence[str]) -> NDArray[np.str_]:
    """The fold of each text: of ten parts two test, one calibrates, seven train. All texts of a group are in one; a
    group keeps its fold when the sets grow."""
    return np.array([_TENTHS[blake2b(group.encode(), digest_size=8).digest()[0] % 10] for group in groups], np.str_)


def overlapping(text: pa.Array | pa.ChunkedArray, evaluation: pa.Array | pa.ChunkedArray) -> NDArray[np.bool_]:
    """Which texts share a passage of PASSAGE words, or a whole shorter item, with an evaluation set; whatever case and
    punctuation."""
    items, mine = tokens(evaluation), tokens(text)
    lengths = np.diff(items.bounds)
    found = np.zeros(len(mine.bounds) - 1, np.bool_)
    for length in range(SHORTEST, PASSAGE + 1):
        of_length = lengths >= PASSAGE if length == PASSAGE else lengths == length
        wanted = _passages(items, length, of_length)
        if len(wanted):
            starts, hashes = _windows(mine, length)
            owner = np.searchsorted(mine.bounds, starts[np.isin(hashes, wanted)], side="right") - 1
            found[owner] = True
    return found


def _passages(items: Tokens, length: int, chosen: NDArray[np.bool_]) -> NDArray[np.uint64]:
    """The different passages of the chosen items."""
    starts, hashes = _windows(items, length)
    owner = np.searchsorted(items.bounds, starts, side="right") - 1
    return np.unique(hashes[chosen[owner]])


def _windows(found: Tokens, length: int) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """(first token, hash) of every window of `length` tokens that lies within one text."""
    count = len(found.hashes) - length + 1
    if count < 1:
        return np.zeros(0, np.int64), np.zeros(0, np.uint64)
    hashes = np.zeros(count, np.uint64)
    for k in range(length):
        hashes = hashes * np.uint64(0x9E3779B97F4A7C15) + found.hashes[k : k + count]
        hashes ^= hashes >> np.uint64(29)
    starts = np.arange(count)
    ends = found.bounds[np.searchsorted(found.bounds, starts, side="right")]
    inside = starts + length <= ends
    return starts[inside], hashes[inside]
