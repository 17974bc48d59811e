"""DSIR: importance weights of hashed words and pairs against a target set (Xie, Santurkar, Ma & Liang 2023).

The score is the mean log ratio of a text's features, in nats: the published weight is its product with the number of
features, and grows with the length of the text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spark_jobs.scoring.bags import bag_counts, bag_means
from spark_jobs.scoring.model import Arrays, Model
from spark_jobs.scoring.recipe import Recipe
from spark_jobs.scoring.tokens import in_slices

BUCKETS = 10_000
"""As DSIR and RedPajama-V2 have them."""
SMOOTHING = 1.0
"""Added to every count: a feature that one side never had says little, not everything."""


def score(
    model: Model, text: pa.Array, languages: Sequence[str | None]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """(mean log ratio, features) of n texts; NaN where the language had too little text."""
    weights, rows = model.arrays["weights"], model.rows(languages)
    means, features = np.zeros(len(text)), np.zeros(len(text), np.int64)
    for row, found in in_slices(text):
        end = row + len(found.bounds) - 1
        bag_means(found, weights, rows[row:end], means[row:end], features[row:end])
    return means, features


def train(recipe: Recipe, target: pa.Table, raw: pa.Table) -> tuple[tuple[str, ...], Arrays, dict[str, Any]]:
    """(languages, arrays, what the card says): log ratios of the smoothed frequencies of each bucket, per language.

    A language with fewer than `min_tokens` features on either side is left out and counted.
    """
    spoken = sorted({*target.column("language").to_pylist(), *raw.column("language").to_pylist()} - {None})
    sides = [_counted(table, spoken) for table in (target, raw)]
    sizes = np.array([side.sum(axis=1) for side in sides])
    enough = np.flatnonzero(sizes.min(axis=0) >= recipe.min_tokens)
    shares = [np.log((side[enough] + SMOOTHING) / (side[enough] + SMOOTHING).sum(axis=1, keepdims=True))
              for side in sides]  # fmt: skip
    languages = tuple(spoken[row] for row in enough)
    features = {c: {"target": int(sizes[0, r]), "raw": int(sizes[1, r])} for r, c in enumerate(spoken)}
    card = {
        "features": {c: features[c] for c in languages}, "unit": "mean log ratio, nats per feature",
        "too_little_text": {c: counts for c, counts in features.items() if c not in languages},
        "training": {"buckets": BUCKETS, "smoothing": SMOOTHING},
    }  # fmt: skip
    return languages, {"weights": np.round(shares[0] - shares[1], 6).astype(np.float32)}, card


def _counted(table: pa.Table, languages: list[str]) -> NDArray[np.int64]:
    """Counts of each bucket: (languages, BUCKETS)."""
    counts = np.zeros((len(languages), BUCKETS), np.int64)
    place = {code: row for row, code in enumerate(languages)}
    rows = np.array([place.get(code, -1) for code in table.column("language").to_pylist()], np.int64)
    for row, found in in_slices(table.column("text")):
        bag_counts(found, rows[row : row + len(found.bounds) - 1], counts)
    return counts
