"""The guard: an independent oracle for spikes, and what no sequence of losses may do."""

from __future__ import annotations

import json
import math
import statistics
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from training.guard import Guard, GuardConfig

SMALL: dict[str, Any] = {"window": 16, "warmup": 8}
losses = st.floats(0.5, 20, allow_nan=False)
numbers = st.one_of(losses, st.sampled_from([math.nan, math.inf, -math.inf, 1e30]))
steps = st.lists(st.tuples(numbers, numbers), max_size=60)


def run(guard: Guard, given: list[tuple[float, float]]) -> list[Any]:
    """Decisions up to the end of the run."""
    found = []
    for loss, norm in given:
        found.append(guard.settle(loss, norm, applied=bool(guard.admit(loss, norm))))
        if found[-1].action == "stop":
            break
    return found


def warm(**changes: Any) -> Guard:
    """A guard that has seen losses around 4."""
    guard = Guard(GuardConfig(**{**SMALL, **changes}))
    run(guard, [(4 + 0.1 * (i % 5), 1.0) for i in range(16)])
    return guard


@given(st.lists(losses, min_size=8, max_size=16), losses)
def test_the_score_is_the_distance_to_the_median_in_median_deviations(window: list[float], loss: float) -> None:
    guard = Guard(GuardConfig(**SMALL, spike="ignore"))
    run(guard, [(each, 1.0) for each in window])
    median = statistics.median(window)
    deviation = statistics.median(abs(each - median) for each in window)
    scale = max(1.4826 * deviation, 0.01 * median)
    assert guard.score(loss) == pytest.approx((loss - median) / scale)


@given(steps)
def test_a_step_that_is_no_number_is_never_applied_and_never_remembered(given: list[tuple[float, float]]) -> None:
    guard = Guard(GuardConfig(**SMALL))
    for (loss, norm), decision in zip(given, run(guard, given), strict=False):
        if decision:
            assert math.isfinite(loss + norm)
        else:
            assert decision.reason
    assert all(math.isfinite(loss) for loss in guard.losses)


@given(steps)
def test_no_run_skips_more_than_its_tolerance_without_an_end(given: list[tuple[float, float]]) -> None:
    config = GuardConfig(**SMALL, tolerance=2)
    actions = [decision.action for decision in run(Guard(config), given)]
    for end in range(len(actions)):
        recent = actions[max(0, end - config.window + 1) : end + 1]
        assert sum(action != "apply" for action in recent) <= config.tolerance + (actions[end] == "stop")
    assert "rollback" not in actions


@given(steps, st.integers(0, 60))
def test_a_guard_goes_on_from_its_state_as_if_nothing_had_happened(given: list[tuple[float, float]], cut: int) -> None:
    whole, first, second = (Guard(GuardConfig(**SMALL, tolerance=99)) for _ in range(3))
    before = run(first, given[:cut])
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert before + run(second, given[cut:]) == run(whole, given)
    assert second.ema == whole.ema


@given(steps)
def test_asking_changes_nothing(given: list[tuple[float, float]]) -> None:
    asked, quiet = Guard(GuardConfig(**SMALL)), Guard(GuardConfig(**SMALL))
    for loss, norm in given:
        for _ in range(3):
            asked.admit(1e9, norm)
        assert asked.settle(loss, norm, True) == quiet.settle(loss, norm, True)


@pytest.mark.parametrize("action", ["skip", "rollback", "stop"])
def test_a_spike_and_a_number_that_is_none_lead_to_what_the_config_says(action: str) -> None:
    assert warm(spike=action).admit(9.0, 1.0).action == action
    assert warm(not_finite=action).admit(math.nan, 1.0).action == action
    assert warm(not_finite=action).admit(4.0, math.inf).action == action


def test_a_loss_may_fall_as_far_as_it_likes() -> None:
    assert warm().admit(0.01, 1.0)


def test_spikes_can_be_ignored_and_are_not_judged_before_the_warm_up() -> None:
    assert warm(spike="ignore").admit(1e9, 1.0)
    guard = Guard(GuardConfig(**SMALL))
    run(guard, [(4.0, 1.0)] * 7)
    assert guard.admit(1e9, 1.0)
    run(guard, [(4.0, 1.0)])
    assert not guard.admit(1e9, 1.0)


def test_a_higher_level_that_stays_ends_the_run_with_a_sentence() -> None:
    decisions = run(warm(), [(9.0, 1.0)] * 10)
    assert [decision.action for decision in decisions] == ["skip"] * 3 + ["stop"]
    assert "4 of 16 steps were skipped" in decisions[-1].reason
    assert "change the `guard` group" in decisions[-1].reason


def test_rollbacks_end_too() -> None:
    config = GuardConfig(not_finite="rollback", max_rollbacks=2)
    actions = [Guard(config, rollbacks).admit(math.nan, 1.0).action for rollbacks in range(4)]
    assert actions == ["rollback", "rollback", "stop", "stop"]


def test_an_update_that_the_library_refused_counts_as_a_bad_gradient() -> None:
    guard = warm()
    assert guard.settle(4.0, 1.0, applied=False).action == "skip"
    assert len(guard.bad) == 1


def test_overflow_of_scaled_gradients_is_told_and_not_counted() -> None:
    guard = Guard(GuardConfig(tolerance=0), scaled=True)
    assert [decision.action for decision in run(guard, [(4.0, math.inf)] * 20)] == ["skip"] * 20
    assert guard.settle(math.nan, 1.0, applied=False).action == "stop"


def test_a_window_that_is_never_full_enough_is_refused() -> None:
    with pytest.raises(ValidationError, match="never reached"):
        GuardConfig(window=8, warmup=9)
