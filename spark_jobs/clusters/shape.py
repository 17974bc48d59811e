"""The shape of the search: how many bands of how many rows, and what it finds."""

from __future__ import annotations

import math
from typing import Self

import numpy as np
from numba import njit
from numpy.typing import NDArray
from pydantic import Field, model_validator

from gristmill.schemas import BANDS, HASHES, ROWS_PER_BAND
from gristmill.settings import Settings
from spark_jobs.text.decode import mix


class Shape(Settings):
    """`bands` x `rows` of the 112 stored hashes; FineWeb's 14 x 8 by default."""

    bands: int = Field(default=BANDS, ge=1, le=HASHES)
    rows: int = Field(default=ROWS_PER_BAND, ge=1, le=HASHES)

    @model_validator(mode="after")
    def _stored(self) -> Self:
        if self.bands * self.rows > HASHES:
            raise ValueError(f"{self.bands} bands x {self.rows} rows need more than the {HASHES} stored hashes")
        return self

    def probability(self, jaccard: float) -> float:
        """That a pair of this similarity shares a band: 1 - (1 - s^rows)^bands (Leskovec et al. 2014, 3.4.2)."""
        return float(1 - (1 - jaccard**self.rows) ** self.bands)

    def curve(self) -> str:
        """What is found at which similarity, in one line."""
        points = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
        return ", ".join(f"{point:g}: {self.probability(point):.3f}" for point in points)

    def keys(self, values: NDArray[np.uint16], band: int) -> NDArray[np.uint64]:
        """Keys (n,) of one band of signatures (n, 112)."""
        return band_keys(values, band * self.rows, self.rows)


@njit(cache=True, nogil=True)
def band_keys(values: NDArray[np.uint16], first: int, rows: int) -> NDArray[np.uint64]:
    """A 64-bit hash of values[:, first:first + rows]: n documents collide by chance n^2 / 2^65 times a band."""
    keys = np.empty(len(values), np.uint64)
    for i in range(len(values)):
        key = np.uint64(first)
        for k in range(first, first + rows):
            key = mix(key * np.uint64(0x9E3779B97F4A7C15) + np.uint64(values[i, k]))
        keys[i] = key
    return keys


def standard_error(jaccard: float) -> float:
    """Of the share of 112 independent hashes that agree (binomial)."""
    return math.sqrt(jaccard * (1 - jaccard) / HASHES)
