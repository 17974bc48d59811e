"""The range that chance allows."""

from __future__ import annotations

import numpy as np
from scipy.stats import binom

from bench.duplicates.curve import BINS, bin_of, interval


def test_equal_chances_are_a_binomial() -> None:
    for count, p in ((1, 0.5), (40, 0.05), (300, 0.924), (50, 1.0)):
        low, high = binom.interval(0.99, count, p)
        assert interval(np.full(count, p)) == (low, high)


def test_the_range_holds_what_is_drawn() -> None:
    rng = np.random.default_rng(1)
    chances = rng.random(200)
    low, high = interval(chances)
    drawn = (rng.random((5000, 200)) < chances).sum(axis=1)
    assert 0.988 <= np.mean((low <= drawn) & (drawn <= high)) < 1
    assert low > 70
    assert high < 130


def test_bins_start_at_their_lower_end() -> None:
    assert bin_of(np.array([0.4999, 0.5, 0.5499, 0.55, 0.999, 1.0])).tolist() == [-1, 0, 0, 1, 9, -1]
    assert len(BINS) == 10
