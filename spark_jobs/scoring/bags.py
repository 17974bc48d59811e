"""Bags of hashed words and pairs of words: scored, counted and learned from by compiled kernels.

Words and pairs share one space of buckets, as in DSIR and in fastText's n-grams. A token's hash is mixed already, so
its high bits choose the bucket.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spark_jobs.scoring.tokens import Tokens
from spark_jobs.text.decode import mix
from spark_jobs.text.kernel import inlined

_ODD = np.uint64(0x9E3779B97F4A7C15)
_HALF = np.uint64(32)
_ADA = 1e-8
"""Keeps the first step finite (Duchi, Hazan, Singer 2011)."""


def bag_means(
    found: Tokens, weights: NDArray[np.float32], rows: NDArray[np.int64], means: NDArray[np.float64],
    features: NDArray[np.int64],
) -> None:  # fmt: skip
    """Per document the mean of weights[rows[i], bucket] over its words and pairs, and their number.

    `weights` is (models, buckets). Row -1, or a text without a word, gives NaN; the number is written all the same.
    """
    _means(found.bounds, found.hashes, weights, rows, means, features)


def bag_counts(found: Tokens, rows: NDArray[np.int64], counts: NDArray[np.int64]) -> None:
    """Add the words and pairs of each document to counts[rows[i]]: (models, buckets); row -1 is passed over."""
    _counts(found.bounds, found.hashes, rows, counts)


def learn(
    found: Tokens, labels: NDArray[np.float64], importance: NDArray[np.float64], order: NDArray[np.int64],
    step: float, weights: NDArray[np.float64], squares: NDArray[np.float64],
) -> float:  # fmt: skip
    """One pass of AdaGrad over documents in `order`; the mean logistic loss before each step.

    `weights` and `squares` are (buckets + 1): the last is the intercept. `importance` weighs each document.
    """
    return float(_learn(found.bounds, found.hashes, labels, importance, order, step, weights, squares))


@inlined
def _bucket(value: np.uint64, buckets: int) -> np.int64:
    return np.int64((value >> _HALF) * np.uint64(buckets) >> _HALF)


@inlined
def _pair(first: np.uint64, second: np.uint64) -> np.uint64:
    return mix(first * _ODD + second)


@njit(cache=True, nogil=True)
def _means(
    bounds: NDArray[np.int64], hashes: NDArray[np.uint64], weights: NDArray[np.float32], rows: NDArray[np.int64],
    means: NDArray[np.float64], features: NDArray[np.int64],
) -> None:  # fmt: skip
    buckets = weights.shape[1]
    for row in range(len(bounds) - 1):
        start, end = bounds[row], bounds[row + 1]
        features[row] = max(0, 2 * (end - start) - 1)
        means[row] = np.nan
        if rows[row] < 0 or start == end:
            continue
        mine = weights[rows[row]]
        total = 0.0
        for i in range(start, end):
            total += mine[_bucket(hashes[i], buckets)]
            if i > start:
                total += mine[_bucket(_pair(hashes[i - 1], hashes[i]), buckets)]
        means[row] = total / features[row]


@njit(cache=True, nogil=True)
def _counts(
    bounds: NDArray[np.int64], hashes: NDArray[np.uint64], rows: NDArray[np.int64], counts: NDArray[np.int64]
) -> None:
    buckets = counts.shape[1]
    for row in range(len(bounds) - 1):
        if rows[row] < 0:
            continue
        mine = counts[rows[row]]
        for i in range(bounds[row], bounds[row + 1]):
            mine[_bucket(hashes[i], buckets)] += 1
            if i > bounds[row]:
                mine[_bucket(_pair(hashes[i - 1], hashes[i]), buckets)] += 1


@njit(cache=True, nogil=True)
def _learn(
    bounds: NDArray[np.int64], hashes: NDArray[np.uint64], labels: NDArray[np.float64],
    importance: NDArray[np.float64], order: NDArray[np.int64], step: float, weights: NDArray[np.float64],
    squares: NDArray[np.float64],
) -> float:  # fmt: skip
    buckets = len(weights) - 1
    places = np.empty(0, np.int64)
    loss = 0.0
    for row in order:
        start, end = bounds[row], bounds[row + 1]
        count = 2 * (end - start) - 1
        if count < 1:
            continue
        if count > len(places):
            places = np.empty(2 * count, np.int64)
        at = 0
        total = 0.0
        for i in range(start, end):
            places[at] = _bucket(hashes[i], buckets)
            at += 1
            if i > start:
                places[at] = _bucket(_pair(hashes[i - 1], hashes[i]), buckets)
                at += 1
        for k in range(at):
            total += weights[places[k]]
        margin = total / at + weights[buckets]
        error = (1.0 / (1.0 + np.exp(-margin)) - labels[row]) * importance[row]
        loss += np.log1p(np.exp(-margin if labels[row] > 0.5 else margin))
        for k in range(at):
            _step(weights, squares, places[k], error / at, step)
        _step(weights, squares, np.int64(buckets), error, step)
    return loss / max(1, len(order))


@inlined
def _step(
    weights: NDArray[np.float64], squares: NDArray[np.float64], place: np.int64, gradient: float, step: float
) -> None:
    squares[place] += gradient * gradient
    weights[place] -= step * gradient / np.sqrt(squares[place] + _ADA * _ADA)
