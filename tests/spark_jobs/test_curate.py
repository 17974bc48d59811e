"""Shards are contiguous and even."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from spark_jobs.curate import shard_bounds

sizes = st.lists(st.integers(1, 5000), min_size=1, max_size=200)


@given(sizes, st.integers(1000, 50_000))
def test_bounds_cover_every_document_once(lengths: list[int], shard_bytes: int) -> None:
    ids = np.cumsum(np.arange(1, len(lengths) + 1)).astype(np.int64)
    bounds = shard_bounds(ids, np.array(lengths), shard_bytes)
    assert bounds[0] == ids[0]
    assert bounds[-1] == ids[-1] + 1
    assert all(low < high for low, high in pairwise(bounds))


@given(st.lists(st.integers(1, 100), min_size=50, max_size=300))
def test_shards_differ_by_no_more_than_two_documents(lengths: list[int]) -> None:
    ids = np.arange(len(lengths), dtype=np.int64)
    bounds = shard_bounds(ids, np.array(lengths), 1000)
    shards = [sum(lengths[low:high]) for low, high in pairwise(bounds)]
    assert max(shards) - min(shards) <= 2 * max(lengths)


def test_no_document_no_shard() -> None:
    assert shard_bounds(np.empty(0, np.int64), np.empty(0, np.int64), 1000) == []
