"""Percentiles: where a score stands among the scores of a model's reference documents of the same language."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gristmill.signals.scores import HEAD, TAIL
from spark_jobs.scoring.model import Arrays, Model

KEPT = 10_000
"""Reference scores that are kept per language, evenly spaced in order: a percentile is exact to 0.01."""

Floats = NDArray[np.float64]


def references(scores: Floats, languages: Sequence[str | None], least: int) -> Arrays:
    """Ascending scores per language with `least` documents or more that have a score."""
    spoken = np.array([code or "" for code in languages])
    found: dict[str, NDArray[np.float32]] = {}
    for code in sorted(set(spoken.tolist()) - {""}):
        values = np.sort(as_stored(scores[(spoken == code) & ~np.isnan(scores)]))
        if len(values) >= least:
            found[code] = thinned(values)
    return found


def thinned(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """At most KEPT of ascending values, evenly spaced from the first to the last."""
    if len(values) <= KEPT:
        return values
    return values[np.linspace(0, len(values) - 1, KEPT).round().astype(np.int64)]


def as_stored(scores: Floats) -> NDArray[np.float32]:
    """Scores as a family stores them, so that a document is compared with what was stored of others."""
    return np.round(scores, 6).astype(np.float32)


def percentiles(model: Model, scores: Floats, languages: Sequence[str | None]) -> Floats:
    """Percent of the reference documents that are worse, half of the equal ones; NaN without score or reference."""
    spoken = np.array([code or "" for code in languages])
    stored = as_stored(scores)
    found = np.full(len(scores), np.nan)
    for code in set(spoken.tolist()) & set(model.reference):
        values = model.reference[code]
        mine = np.flatnonzero((spoken == code) & ~np.isnan(scores))
        below, upto = (np.searchsorted(values, stored[mine], side=side) for side in ("left", "right"))
        worse = 50.0 * (below + upto) / len(values)
        found[mine] = worse if model.higher_is_better else 100.0 - worse
    return found


def buckets(percentile: Floats) -> NDArray[np.int64]:
    """0 head, 1 middle, 2 tail; -1 without a percentile."""
    place = np.where(percentile >= HEAD, 0, np.where(percentile >= TAIL, 1, 2))
    return np.where(np.isnan(percentile), -1, place)
