"""What a shape should find: the expected number of pairs and the range that chance allows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BINS = tuple(round(0.5 + 0.05 * i, 2) for i in range(10))
"""Lower ends of bins of 0.05; the last ends below 1."""
WIDTH = 0.05


def bin_of(jaccard: NDArray[np.float64]) -> NDArray[np.int64]:
    """The bin of each similarity; -1 below the first one and for 1."""
    found = np.searchsorted(np.append(BINS, 1.0), jaccard.round(6), "right") - 1
    found[found == len(BINS)] = -1
    return found


def interval(probabilities: NDArray[np.float64], level: float = 0.99) -> tuple[int, int]:
    """The range of the number of successes among independent trials of the given probabilities that holds at least
    `level` of the chance, at most half of the rest on each side: exact (Poisson binomial), by convolution."""
    chances = np.zeros(len(probabilities) + 1)
    chances[0] = 1
    for trial, p in enumerate(probabilities, 1):
        chances[1 : trial + 1] = chances[1 : trial + 1] * (1 - p) + chances[:trial] * p
        chances[0] *= 1 - p
    below = np.cumsum(chances)
    tail = (1 - level) / 2
    return int(np.searchsorted(below, tail)), int(np.searchsorted(below, 1 - tail))
