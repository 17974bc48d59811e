"""Pairs of texts of known similarity: a passage of real text, and an edit of it, filled up bin by bin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bench.duplicates.curve import BINS, WIDTH, bin_of
from bench.duplicates.texts import EDITS, Words, window
from gristmill.errors import UserError
from spark_jobs.text.similarity import exact_similarities, shingle_sets

LENGTHS = (100, 700)
"""Words of a passage, from and to."""
ROUNDS = 40


class NotFilled(UserError):
    """Edits that do not reach some similarity."""


@dataclass(frozen=True)
class Pair:
    """`jaccard`: exact, of the sets of folded shingles."""

    left: str
    right: str
    language: str
    edit: str
    jaccard: float


def plant(pools: dict[str, Words], per_bin: int, seed: int) -> list[list[Pair]]:
    """`per_bin` pairs, none identical, for each of BINS. Raises NotFilled.

    A pair's bin is that of its exact similarity, whatever the edit aimed at; nothing else selects pairs.
    """
    rng = Random(seed)  # noqa: S311 - reproducible on purpose
    languages = list(pools)
    # A small pool gives few independent passages, a share alike for all would lean on them.
    weights = [len(pools[code]) ** 0.5 for code in languages]
    filled: list[list[Pair]] = [[] for _ in BINS]
    for _ in range(ROUNDS):
        drafts = []
        for number, low in enumerate(BINS):
            wanted = per_bin - len(filled[number])
            for code in rng.choices(languages, weights, k=wanted and wanted + wanted // 4 + 8):
                drafts.append(_draft(code, pools[code], low + WIDTH * rng.random(), rng))
        for pair, number in _measured(drafts):
            if len(filled[number]) < per_bin:
                filled[number].append(pair)
        if all(len(pairs) == per_bin for pairs in filled):
            return filled
    raise NotFilled(f"bins hold {[len(pairs) for pairs in filled]} of {per_bin} pairs; give longer or more texts")


def _draft(code: str, pool: Words, target: float, rng: Random) -> Pair:
    words = window(pool, rng.randint(*LENGTHS), rng)
    edit = rng.choice(list(EDITS))
    return Pair("".join(words), "".join(EDITS[edit](words, pool, target, rng)), code, edit, 0.0)


def _measured(drafts: Sequence[Pair]) -> list[tuple[Pair, int]]:
    """The drafts that fall into a bin, with it."""
    similarity = similarities([p.left for p in drafts], [p.right for p in drafts])
    bins = bin_of(similarity)
    return [
        (Pair(p.left, p.right, p.language, p.edit, float(j)), int(number))
        for p, j, number in zip(drafts, similarity, bins, strict=True)
        if number >= 0
    ]


def similarities(left: Sequence[str], right: Sequence[str]) -> NDArray[np.float64]:
    """Exact Jaccard similarity of left[i] and right[i]."""
    hashes, offsets = shingle_sets(pa.array([*left, *right], pa.large_string()))
    places = np.arange(len(left))
    return exact_similarities(hashes, offsets, np.stack([places, places + len(left)], axis=1)).astype(np.float64)
