"""The sampler: exact shares of a mixture, every row once an epoch, and nothing but the step to remember."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.packing import plan
from training.objectives.causal import Causal, CausalConfig
from training.sampler import Mixture, Sampler, SamplerError, Task
from training.tasks import own_stream

Weights = st.lists(st.sampled_from([0.0, 0.01, 0.3, 1.0, 2.5, 7.0]), min_size=1, max_size=5).filter(any)


def task(title: str, lengths: list[int], capacity: int = 8) -> Task:
    stream = own_stream(title, [np.arange(n, dtype=np.uint32) + 1 for n in lengths])
    return Task(title, Causal(CausalConfig()), stream, plan(stream.lengths, capacity))


def sampler(weights: list[float], batch: int = 6, seed: int = 3) -> Sampler:
    tasks = [task(f"t{i}", [5, 9, 3, 8, 8, 2][i:], 8) for i in range(len(weights))]
    return Sampler(tasks, Mixture(lambda step: weights, lambda step: batch, seed), seed)


@settings(deadline=None, max_examples=50)
@given(Weights, st.integers(1, 40), st.integers(0, 2**31 - 1))
def test_an_objective_has_its_exact_share_of_each_step_rounded(weights: list[float], batch: int, seed: int) -> None:
    mixture = Mixture(lambda step: weights, lambda step: batch, seed)
    exact = batch * np.array(weights) / sum(weights)
    for step in range(30):
        objective, _ = mixture.layout(step)
        counts = np.bincount(objective, minlength=len(weights))
        assert counts.sum() == batch
        assert (np.abs(counts - exact) < 1 + 1e-9).all()
        assert (counts[exact == 0] == 0).all()


@settings(deadline=None, max_examples=50)
@given(Weights, st.integers(1, 40), st.integers(0, 2**31 - 1))
def test_over_a_run_the_shares_are_exact_but_for_a_few_sequences(weights: list[float], batch: int, seed: int) -> None:
    mixture = Mixture(lambda step: weights, lambda step: batch, seed)
    exact = 500 * batch * np.array(weights) / sum(weights)
    assert (np.abs(mixture.counts(500) - exact) < 5).all()


@settings(deadline=None, max_examples=50)
@given(Weights, st.integers(1, 20))
def test_sequences_of_an_objective_are_numbered_without_a_gap(weights: list[float], batch: int) -> None:
    mixture = Mixture(lambda step: weights, lambda step: batch + step % 3, seed=1)
    numbers: dict[int, list[int]] = {}
    for step in range(12):
        assert mixture.counts(step).tolist() == [len(numbers.get(i, [])) for i in range(len(weights))]
        for objective, number in zip(*mixture.layout(step), strict=True):
            numbers.setdefault(int(objective), []).append(int(number))
    assert all(found == list(range(len(found))) for found in numbers.values())


def test_objectives_are_spread_over_a_step_s_micro_batches() -> None:
    mixture = Mixture(lambda step: [3, 1], lambda step: 64, seed=5)
    for step in range(20):
        objective, _ = mixture.layout(step)
        per_part = objective.reshape(8, 8).sum(axis=1)
        assert set(per_part.tolist()) <= {1, 2, 3}


def test_weights_and_batches_may_change_with_the_step() -> None:
    mixture = Mixture(lambda step: [1, step], lambda step: 10 * (step + 1), seed=0)
    assert [len(mixture.layout(step)[0]) for step in range(3)] == [10, 20, 30]
    assert mixture.counts(1).tolist() == [10, 0]
    assert mixture.counts(2).tolist() == [20, 10]
    fading = Mixture(lambda step: [1 - step], lambda step: 4, seed=0)
    assert fading.counts(2).tolist() == [8]  # one objective alone needs no weight
    with pytest.raises(SamplerError, match="no objective has a weight above 0 at step 2"):
        Mixture(lambda step: [1 - step, 0], lambda step: 4, seed=0).layout(1)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 400), min_size=1, max_size=6), Weights)
def test_a_step_is_a_function_of_its_number_alone(steps: list[int], weights: list[float]) -> None:
    asked = sampler(weights)
    for step in steps:
        fresh = sampler(weights)
        for one, other in zip(asked.step(step), fresh.step(step), strict=True):
            assert one.tolist() == other.tolist()
        assert asked.documents(step) == fresh.documents(step)


def test_every_row_is_seen_once_an_epoch_in_another_order_each() -> None:
    found = sampler([1], batch=4)
    count = found.tasks[0].plan.count
    rows = np.concatenate([found.step(step)[2] for step in range(5 * count)])
    epochs = rows.reshape(-1, count)
    assert all(sorted(epoch) == list(range(count)) for epoch in epochs.tolist())
    assert len({tuple(epoch) for epoch in epochs.tolist()}) > 1
    other = np.concatenate([sampler([1], batch=4, seed=4).step(step)[2] for step in range(5 * count)])
    assert rows.tolist() != other.tolist()


def test_every_token_of_every_document_is_in_an_epoch_once() -> None:
    found = sampler([1], batch=1)
    spans = [s for step in range(found.tasks[0].plan.count) for s in found.documents(step)]
    tokens = sorted((s.doc_id, s.start + i) for s in spans for i in range(s.tokens))
    assert tokens == [(d, i) for d, n in enumerate([5, 9, 3, 8, 8, 2]) for i in range(n)]


def test_a_document_is_told_with_its_objective_and_where_it_is_from() -> None:
    found = sampler([1, 1], batch=8).documents(0)
    assert {s.objective for s in found} == {"t0", "t1"}
    assert all(s.snapshot == f"labelled data of {s.objective}" for s in found)
    assert {s.sequence for s in found} == set(range(8))


def test_the_position_names_each_objective_s_place() -> None:
    found = sampler([1, 1], batch=8)
    counts = found.mixture.counts(10).tolist()
    told = found.position(10)
    assert told["data_step"] == 10
    assert [told["objectives"][t]["sequences"] for t in ("t0", "t1")] == counts
    assert told["objectives"]["t0"]["epoch"] == counts[0] // found.tasks[0].plan.count


def test_an_objective_without_documents_is_refused() -> None:
    with pytest.raises(SamplerError, match="objective empty has no documents"):
        Sampler([task("empty", [])], Mixture(lambda step: [1], lambda step: 4, 0), 0)
