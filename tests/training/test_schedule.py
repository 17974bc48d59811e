"""Learning rate and batch size as functions of the step."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from training.schedule import RampStage, ScheduleConfig, batch_at, check_ramp, sequences_before

RAMP = (RampStage(before=3, global_batch=4), RampStage(before=5, global_batch=8))


def shares(steps: int = 104, **settings: Any) -> list[float]:
    schedule = ScheduleConfig(warmup_steps=4, final_share=0.25, **settings)
    return [schedule.share(step, steps) for step in range(steps + 1)]


@pytest.mark.parametrize("kind", ["cosine", "linear", "wsd"])
def test_every_schedule_warms_up_in_a_line_never_rises_after_and_ends_at_its_final_share(kind: str) -> None:
    found = shares(kind=kind)
    assert found[:5] == [0.25, 0.5, 0.75, 1.0, 1.0]
    assert all(a >= b for a, b in pairwise(found[3:]))
    assert found[-1] == 0.25
    assert all(0.25 <= share <= 1 for share in found)


def test_the_middles_are_those_of_the_formulas() -> None:
    assert shares(kind="cosine")[54] == pytest.approx(0.25 + 0.75 / 2)
    assert shares(kind="cosine")[29] == pytest.approx(0.25 + 0.75 * 0.5 * (1 + math.cos(math.pi / 4)))
    assert shares(kind="linear")[29] == pytest.approx(0.25 + 0.75 * 0.75)
    wsd = shares(kind="wsd", decay_share=0.5)
    assert set(wsd[3:53]) == {1.0}
    assert wsd[52 + 13] == pytest.approx(0.25 + 0.75 * (1 - math.sqrt(0.25)))


def test_a_longer_wsd_run_shares_the_steps_before_the_decay_and_another_schedule_does_not() -> None:
    assert shares(kind="wsd")[:80] == shares(steps=300, kind="wsd")[:80]
    assert shares(kind="cosine")[:80] != shares(steps=300, kind="cosine")[:80]


def test_short_runs_have_a_rate_too() -> None:
    assert ScheduleConfig(warmup_steps=0).share(0, 1) == 1.0
    assert ScheduleConfig(warmup_steps=20).share(4, 5) == 0.25
    assert ScheduleConfig(kind="wsd", warmup_steps=90).share(95, 100) == pytest.approx(0.1 + 0.9 * (1 - 0.5**0.5))


def test_the_first_sequence_of_a_step_is_the_number_of_those_before() -> None:
    sizes = [batch_at(step, RAMP, 16) for step in range(9)]
    assert sizes == [4, 4, 4, 8, 8, 16, 16, 16, 16]
    assert [sequences_before(step, RAMP, 16) for step in range(9)] == np.cumsum([0, *sizes[:-1]]).tolist()
    assert [sequences_before(step, (), 16) for step in (0, 7)] == [0, 112]


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        ([(3, 4), (3, 8)], "larger than that of the stage above"),
        ([(3, 8), (5, 4)], "must grow from stage to stage"),
        ([(3, 16)], "end below global_batch 16"),
        ([(3, 6)], "global_batch 6 must be a multiple of ranks x micro_batch = 4"),
    ],
)
def test_a_ramp_that_cannot_be_trained_is_refused(stages: list[tuple[int, int]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_ramp([RampStage(before=b, global_batch=g) for b, g in stages], 16, 4)
    check_ramp(RAMP, 16, 4)
    check_ramp((), 16, 4)
