"""The sampler: equal steps for any number of ranks, and every window once an epoch."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.lake import LakeError
from gristmill.settings import parse
from training.config import PretrainConfig
from training.data import Sampler, batch, share

NANO = {"layers": 1, "width": 16, "heads": 2, "kv_heads": 1, "hidden": 32}


def config(ranks: int, micro_batch: int) -> PretrainConfig:
    parallel = {"ranks": ranks, "micro_batch": micro_batch}
    return parse(
        PretrainConfig, {"size": "nano", "sizes": {"nano": NANO}, "global_batch": 8, "parallel": parallel}, "test"
    )


@given(st.integers(0, 1000))
def test_a_step_takes_the_same_sequences_for_any_number_of_ranks(step: int) -> None:
    taken = []
    for shape in ((1, 8), (1, 1), (2, 4), (2, 2), (4, 2), (4, 1)):
        found = config(*shape)
        parts = [
            share(found, step, part, rank) for part in range(found.accumulation) for rank in range(found.parallel.ranks)
        ]
        taken.append(sorted(number for first, count in parts for number in range(first, first + count)))
    assert all(numbers == list(range(8 * step, 8 * step + 8)) for numbers in taken)


@given(st.integers(1, 400), st.integers(2, 30), st.integers(0, 5), st.integers(0, 3))
def test_every_window_is_seen_once_an_epoch(extra: int, length: int, seed: int, epoch: int) -> None:
    sampler = Sampler(length + extra, length, seed)
    starts = sampler.starts(epoch * sampler.windows, sampler.windows)
    assert sorted(starts) == [i * length for i in range(sampler.windows)]
    assert max(starts) + length + 1 <= length + extra


def test_epochs_and_seeds_have_orders_of_their_own_and_one_request_has_one() -> None:
    sampler = Sampler(10_000, 10, seed=1)
    first, second = sampler.starts(0, 999), sampler.starts(999, 999)
    assert first == Sampler(10_000, 10, seed=1).starts(0, 999)
    assert first != second
    assert first != Sampler(10_000, 10, seed=2).starts(0, 999)
    assert sampler.starts(990, 20) == first[990:] + second[:11]


def test_less_than_one_sequence_is_an_error() -> None:
    assert Sampler(17, 16, 0).windows == 1
    with pytest.raises(LakeError, match="less than one sequence"):
        Sampler(16, 16, 0)


def test_targets_are_the_inputs_one_token_later() -> None:
    inputs, targets = batch(np.arange(100, dtype=np.uint32), [0, 50], 4)
    assert inputs.tolist() == [[0, 1, 2, 3], [50, 51, 52, 53]]
    assert targets.tolist() == [[1, 2, 3, 4], [51, 52, 53, 54]]
