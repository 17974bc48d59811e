"""How well a score tells labels apart: AUC with its interval, what each threshold keeps, calibration."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Labels = NDArray[np.bool_]

CURVE = tuple(range(0, 100, 5))
"""Percentiles of all labelled documents whose scores are the thresholds of the curve."""
BINS = 10


def auc(scores: Floats, labels: Labels) -> float:
    """Probability that a positive has a greater score than a negative, half of equals (Mann & Whitney 1947)."""
    order = np.sort(scores)
    below, upto = (np.searchsorted(order, scores, side=side) for side in ("left", "right"))
    ranks = (below + upto + 1) / 2
    positive, negative = int(labels.sum()), int((~labels).sum())
    return float((ranks[labels].sum() - positive * (positive + 1) / 2) / (positive * negative))


def auc_interval(value: float, positive: int, negative: int) -> tuple[float, float]:
    """95 percent interval (Hanley & McNeil 1982)."""
    q1, q2 = value / (2 - value), 2 * value * value / (1 + value)
    variance = value * (1 - value) + (positive - 1) * (q1 - value**2) + (negative - 1) * (q2 - value**2)
    wide = 1.96 * float(np.sqrt(max(0.0, variance) / (positive * negative)))
    return max(0.0, value - wide), min(1.0, value + wide)


def told_apart(scores: Floats, labels: Labels) -> dict[str, Any]:
    """Counts, AUC with interval, and the threshold curve, of scores where greater is better."""
    value = auc(scores, labels)
    positive, negative = int(labels.sum()), int((~labels).sum())
    low, high = auc_interval(value, positive, negative)
    return {
        "positive": positive, "negative": negative, "auc": round(value, 4),
        "auc_95": [round(low, 4), round(high, 4)], "curve": curve(scores, labels),
    }  # fmt: skip


def curve(scores: Floats, labels: Labels) -> list[dict[str, float]]:
    """Per percentile of CURVE: its score as a threshold, the shares of positives and negatives that are kept from it
    on, and the share of positives in what is kept."""
    rows = []
    for percentile in CURVE:
        threshold = float(np.percentile(scores, percentile))
        kept = scores >= threshold
        rows.append({
            "percentile": percentile, "threshold": round(threshold, 6), "positives_kept": _share(kept[labels]),
            "negatives_kept": _share(kept[~labels]), "precision": _share(labels[kept]),
        })  # fmt: skip
    return rows


def platt(margins: Floats, labels: Labels) -> tuple[float, float]:
    """(slope, intercept) such that 1 / (1 + exp(-(slope * margin + intercept))) is the probability of the label.

    Newton's method with a line search on Platt's smoothed targets, so that labels that the margins part have a finite
    slope (Platt 1999; Lin, Lin & Weng 2007).
    """
    positive, negative = float(labels.sum()), float((~labels).sum())
    target = np.where(labels, (positive + 1) / (positive + 2), 1 / (negative + 2))
    inputs = np.column_stack([margins, np.ones_like(margins)])

    def loss(at: Floats) -> float:
        values = inputs @ at
        return float((np.logaddexp(0.0, values) - target * values).sum())

    found = np.array([0.0, np.log((positive + 1) / (negative + 1))])
    for _ in range(100):
        probability = logistic(inputs @ found)
        gradient = inputs.T @ (probability - target)
        curvature = inputs.T @ (inputs * (probability * (1 - probability))[:, None]) + 1e-9 * np.eye(2)
        step, size = np.linalg.solve(curvature, gradient), 1.0
        while loss(found - size * step) > loss(found) - 1e-4 * size * float(gradient @ step) and size > 1e-10:
            size /= 2
        found = found - size * step
        if np.abs(gradient).max() < 1e-8:
            break
    return float(found[0]), float(found[1])


def calibration(probability: Floats, labels: Labels) -> dict[str, Any]:
    """Brier score, expected calibration error over ten equal bins (Guo et al. 2017), and the bins."""
    place = np.minimum((probability * BINS).astype(np.int64), BINS - 1)
    bins, error = [], 0.0
    for number in range(BINS):
        mine = place == number
        if mine.any():
            said, true = float(probability[mine].mean()), float(labels[mine].mean())
            bins.append({"documents": int(mine.sum()), "said": round(said, 4), "true": round(true, 4)})
            error += float(mine.mean()) * abs(said - true)
    return {"brier": round(float(((probability - labels) ** 2).mean()), 4), "error": round(error, 4), "bins": bins}


def logistic(values: Floats) -> Floats:
    """1 / (1 + exp(-x)), without overflow; NaN stays."""
    with np.errstate(invalid="ignore"):
        return np.exp(-np.logaddexp(0.0, -values))


def _share(flags: NDArray[np.bool_]) -> float:
    return round(float(flags.mean()), 4) if len(flags) else 0.0
