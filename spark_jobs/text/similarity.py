"""Jaccard similarity of shingle sets: estimated from stored signatures, or exact."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spark_jobs.text.decode import decode
from spark_jobs.text.tokens import SHINGLE, folding, shingle, token_hashes

_CHANCE = 2.0**-16
"""Two different minima agree in their 16 stored bits by chance (b-bit minwise hashing, Li & Koenig 2010)."""


def estimate(left: NDArray[np.uint16], right: NDArray[np.uint16]) -> NDArray[np.float64]:
    """Estimated Jaccard similarity of n pairs of signatures, each (n, 112); standard error sqrt(J(1-J)/112)."""
    agree: NDArray[np.float64] = (left == right).mean(axis=1)
    return (agree - _CHANCE).clip(min=0.0) / (1 - _CHANCE)


def shingle_hashes(text: str) -> NDArray[np.uint64]:
    """The distinct shingle hashes of a text, sorted; empty for fewer than 5 tokens."""
    data = np.frombuffer(text.encode(), np.uint8)
    points = np.empty(len(data), np.int32)
    tokens, exact = np.empty(len(data), np.uint64), np.empty(len(data), np.uint64)
    count = token_hashes(points, decode(data, 0, len(data), points), folding(), tokens, exact)
    return np.unique(np.array([shingle(tokens, i) for i in range(count - SHINGLE + 1)], np.uint64))


def exact_jaccard(left: str, right: str) -> float:
    """|A & B| / |A | B| of the two texts' shingle sets; 0 when both are empty."""
    a, b = shingle_hashes(left), shingle_hashes(right)
    both = len(np.intersect1d(a, b, assume_unique=True))
    union = len(a) + len(b) - both
    return both / union if union else 0.0
