"""Boosted regression trees as flat arrays, and their evaluation."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spark_jobs.web.dom.layout import Floats


class Trees(NamedTuple):
    """Nodes of all trees one after the other. Inner nodes: a row goes left if row[feature] <= value, the left child is
    the next node and `right` the other one; leaves: feature -1 and the summand in `value`. `roots`: of the trees;
    `base`: one number, the sum's start."""

    feature: NDArray[np.int16]
    value: NDArray[np.float32]
    right: NDArray[np.int32]
    roots: NDArray[np.int32]
    base: NDArray[np.float64]


@njit(cache=True, nogil=True)
def chances(
    rows: Floats,
    feature: NDArray[np.int16],
    value: NDArray[np.float32],
    right: NDArray[np.int32],
    roots: NDArray[np.int32],
    base: NDArray[np.float64],
) -> Floats:
    """The logistic function of the trees' sum for each row: float32, rounded to 1e-4 so that sums in other orders
    agree."""
    found = np.empty(len(rows), np.float32)
    for r in range(len(rows)):
        row, total = rows[r], base[0]
        for root in roots:
            node, column = np.int64(root), np.int64(feature[root])
            while column >= 0:
                # Which way a row goes cannot be guessed, so it is computed rather than branched on.
                over = np.int64(row[column] > value[node])
                node += 1 + over * (np.int64(right[node]) - node - 1)
                column = np.int64(feature[node])
            total += value[node]
        found[r] = max(1e-4, np.round(1 / (1 + np.exp(-total)), 4))
    return found
