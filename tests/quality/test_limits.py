"""Bounds from history: median, deviation, floors, chance, and what is not judged."""

from __future__ import annotations

import math
from statistics import median
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from gristmill.verdicts import Check
from quality.bounds import Allowed, Bound, Spread
from quality.expectations import judge
from quality.limits import KEPT_CHANCE, Figures, least_by_chance, limits
from quality.metrics import Metrics

LARGE = 10**9
"""Documents enough for chance to be nothing."""

SMALL: dict[str, Any] = {"scope": "key", "floor": 0.05, "wide": 0.2, "noise": 4, "absent": 0, "keep": 0.3}


def table(value: float | None = None, count: int = LARGE, hosts: int = 1000, **keys: tuple[float, int]) -> pa.Table:
    metrics = Metrics()
    metrics.total("extract", "hosts", hosts)
    metrics.total("s", "x", value, count)
    metrics.shares("s", "x", "key", [(key, *row) for key, row in keys.items()])
    return metrics.table()


def check(now: pa.Table, past: list[pa.Table], allowed: tuple[Allowed, ...] = (), **settings: Any) -> Check:
    options = {name: settings.pop(name) for name in ("scope", "least", "severity") if name in settings}
    bound = Bound(name="n", metric="s.x", why="w", history=Spread(**settings), **options)
    (found,) = judge(now, {"drift": [bound]}, {f"p{i}": each for i, each in enumerate(past)}, allowed)
    return found


def history(*values: float) -> list[pa.Table]:
    return [table(value) for value in values]


def test_the_bound_is_the_median_give_or_take_deviations_and_is_shown_with_its_history() -> None:
    found = check(table(0.9), history(0.1, 0.2, 0.3, 0.4, 0.5), widths=3, floor=0.01)
    half = 3 * 1.4826 * 0.1
    assert found.bound == {"min": round(0.3 - half, 6), "max": round(0.3 + half, 6), "median": 0.3}
    assert (found.status, found.observed) == ("failed", 0.9)
    assert found.history == {"p0": 0.1, "p1": 0.2, "p2": 0.3, "p3": 0.4, "p4": 0.5}


@pytest.mark.parametrize(
    ("settings", "half"),
    [({"floor": 0.2}, 0.2), ({"relative": 0.5}, 0.25), ({"floor": 0.1, "relative": 0.5}, 0.25), ({"floor": 0.3}, 0.3)],
)
def test_releases_that_are_all_alike_leave_the_floor(settings: dict[str, Any], half: float) -> None:
    bound = check(table(0.5), history(0.5, 0.5, 0.5), **settings).bound
    assert (bound["min"], bound["max"]) == (pytest.approx(0.5 - half), pytest.approx(0.5 + half))


def test_until_there_are_enough_releases_bounds_are_wide_or_absent() -> None:
    assert check(table(0.8), history(0.5, 0.5), floor=0.1, wide=0.4).status == "passed"
    assert check(table(0.95), history(0.5, 0.5), floor=0.1, wide=0.4).status == "failed"
    assert check(table(0.8), history(0.5, 0.5, 0.5), floor=0.1, wide=0.4).status == "failed"
    assert check(table(0.8), history(0.5, 0.5), floor=0.1).status == "info"
    assert check(table(0.8), [], floor=0.1, wide=0.4).status == "info"
    assert check(table(None), history(0.5, 0.5, 0.5), floor=0.1).status == "info"


def test_one_odd_release_moves_no_bound() -> None:
    steady = check(table(0.5), history(0.5, 0.51, 0.49, 0.5, 0.5), floor=0.05).bound
    odd = check(table(0.5), history(0.5, 0.51, 0.49, 0.5, 99.0), floor=0.05).bound
    assert odd == pytest.approx(steady, abs=0.03)


@pytest.mark.parametrize(("side", "low", "high"), [("both", "failed", "failed"), ("max", "passed", "failed"),
                                                   ("min", "failed", "passed")])  # fmt: skip
def test_a_side_alone_may_be_bounded(side: str, low: str, high: str) -> None:
    past = history(0.5, 0.5, 0.5)
    assert check(table(0.1), past, floor=0.1, side=side).status == low
    assert check(table(0.9), past, floor=0.1, side=side).status == high


def test_few_documents_widen_the_bound_by_their_chance() -> None:
    past = [table(0.5, 400)] * 3
    assert check(table(0.6, LARGE), [table(0.5)] * 3, floor=0.05, noise=4).status == "failed"
    assert check(table(0.6, 400), past, floor=0.05, noise=4).status == "passed"
    bound = check(table(0.6, 400), past, floor=0.01, noise=4).bound
    assert bound["max"] - 0.5 == pytest.approx(4 * (0.25 / 200) ** 0.5, rel=0.02)
    assert check(table(0.9, 10), past, least=500, floor=0.05).status == "info"


@pytest.mark.parametrize("absent", [0, None])
def test_a_key_below_the_floor_may_not_fall_below_the_part_that_is_kept(absent: float | None) -> None:
    past = [table(0, 50_000, a=(0.9, 45_000), b=(0.04, 2000))] * 3
    small = {**SMALL, "absent": absent}
    half = table(0, 50_000, a=(0.9, 45_000), b=(0.02, 1000))
    little = table(0, 50_000, a=(0.9, 45_000), b=(0.001, 50))
    for before in (past, past[:2]):
        assert check(half, before, **small).status == "passed"
        assert check(little, before, **small).offenders == (("b", 0.001),)
        assert check(little, before, **{**small, "keep": 0}).status == "passed"
        gone = check(table(0, 50_000, a=(0.9, 45_000)), before, **small).offenders
        assert gone == ((("b", 0.0),) if absent == 0 else ())


def test_few_documents_or_a_share_that_always_changed_explain_a_key_that_is_gone() -> None:
    assert check(table(0, 200), [table(0, 200, b=(0.04, 200))] * 3, **SMALL).status == "passed"
    shares = (0.02, 0.06, 0.04, 0.05, 0.03)
    changing = [table(0, LARGE, b=(share, LARGE)) for share in shares]
    assert check(table(0, LARGE), changing, **SMALL).status == "passed"


@pytest.mark.parametrize(
    ("now", "status"),
    [
        (table(0, 500), "failed"),
        (table(0, 50_000), "failed"),
        (table(0, 100), "passed"),  # a fifth as large: 20 documents there say little
        (table(0, 500, hosts=19), "passed"),  # of few hosts ten documents are one
        (table(0, 500, b=(0.002, 500)), "failed"),
        (table(0, 500, b=(0.02, 500)), "passed"),
    ],
)
def test_a_key_that_vanishes_is_seen_with_a_single_release_where_the_crawl_is_large_enough(
    now: pa.Table, status: str
) -> None:
    """It had 20 documents of 500 then."""
    past = [table(0, 500, b=(0.04, 500))]
    assert check(now, past, **SMALL).status == status
    assert check(now, past, **{**SMALL, "keep": 0}).status == "passed"
    assert check(now, past, **SMALL, material=0.05).status == "passed"


def test_one_tiny_release_in_the_history_blinds_nothing() -> None:
    usual, tiny = table(0, 500, b=(0.04, 500)), table(0, 500, hosts=3, b=(0.04, 500))
    assert check(table(0, 500), [usual, usual, tiny], **SMALL).status == "failed"
    assert check(table(0, 500), [usual, tiny, tiny], **SMALL).status == "passed"
    assert check(table(0, 500, hosts=3), [usual, usual, usual], **SMALL).status == "passed"


def test_what_one_of_two_releases_had_is_usual() -> None:
    """Their median is half of the share of a key that one of them had alone."""
    had, lacked, gone = table(0, 50_000, b=(0.08, 4000)), table(0, 50_000), table(0, 50_000)
    assert check(gone, [had, lacked], **SMALL).status == "passed"
    assert check(gone, [had, had], **SMALL).offenders == (("b", 0.0),)
    assert check(gone, [had], **SMALL).offenders == (("b", 0.0),)


def test_a_key_that_vanishes_from_a_crawl_of_few_hosts_is_seen_where_it_had_ten_times_the_documents() -> None:
    assert check(table(0, 400, hosts=1), [table(0, 400, hosts=1, b=(0.1, 400))], **SMALL).status == "passed"
    assert check(table(0, 4000, hosts=1), [table(0, 4000, hosts=1, b=(0.1, 4000))], **SMALL).status == "failed"


@given(st.integers(1, 300), st.floats(0.1, 1))
def test_the_least_by_chance_is_where_the_binomial_tail_is(had: int, size: float) -> None:
    """Of documents of now and then together each is of now with probability size / (1 + size)."""
    least = least_by_chance(had / 1000, 1000, size) * 1000 * size
    whole, chance = math.floor(least), size / (1 + size)
    assert binom.cdf(whole + 1, had + whole + 1, chance) >= KEPT_CHANCE * 0.999
    if least > 0:
        assert binom.cdf(whole, had + whole, chance) <= KEPT_CHANCE * 1.001


def test_each_key_has_its_own_history_and_offenders_are_named_worst_first() -> None:
    past = [table(0, a=(0.5, LARGE), b=(0.1, LARGE), c=(0.4, LARGE))] * 3
    now = table(0, a=(0.5, LARGE), b=(0.6, LARGE), d=(0.3, LARGE))
    found = check(now, past, scope="key", floor=0.1, absent=0)
    assert (found.status, found.observed) == ("failed", 0.6)
    assert found.offenders == (("b", 0.6), ("c", 0.0), ("d", 0.3))
    assert found.history == {"p0": 0.1, "p1": 0.1, "p2": 0.1}
    assert found.note.startswith("3 of 4 out of bounds")
    assert [key for key, _ in check(now, past, scope="key", floor=0.1).offenders] == ["b"]


def test_a_key_that_was_always_rare_is_not_judged_and_one_that_became_rare_is() -> None:
    past = [table(0, big=(0.5, 1000), small=(0.5, 3))] * 3
    found = check(table(0, big=(0.1, 5), small=(0.0, 3)), past, scope="key", floor=0.1, least=100)
    assert found.offenders == (("big", 0.1),)


def test_fixed_bounds_judge_every_key_with_enough_documents() -> None:
    rows: dict[str, Any] = {f"k{i:03d}": (float(i), 100) for i in range(50)}
    rows |= {"few": (999.0, 1), "bad\u202e\n<b>": (1000.0, 100)}
    bound = Bound(name="n", metric="s.x", scope="key", max=10, least=50, why="w")
    (found,) = judge(table(0, **rows), {"removals": [bound]})
    assert (found.observed, found.status, len(found.offenders)) == (1000.0, "failed", 20)
    assert found.offenders[0][0] == "bad\\x202e\\x0a<b>"
    assert found.note.startswith("40 of 51")
    assert judge(table(0), {"removals": [bound]})[0].status == "info"
    assert judge(Metrics().table(), {"removals": [bound]})[0].status == "error"


def test_an_exception_only_widens() -> None:
    wide = Allowed(check="n", snapshots=["s"], max=0.95, min=0.45, reason="a reviewed reason", reviewer="ada")
    found = check(table(0.9), history(0.5, 0.5, 0.5), (wide,), floor=0.1)
    assert (found.status, found.bound["max"], found.bound["min"]) == ("passed", 0.95, 0.4)
    assert found.exception == "a reviewed reason (ada)"
    other = wide.model_copy(update={"check": "other"})
    assert check(table(0.9), history(0.5, 0.5, 0.5), (other,), floor=0.1).status == "failed"


def test_a_release_that_lacks_the_metric_says_nothing() -> None:
    past = [*history(0.5, 0.5, 0.5), Metrics().table()]
    assert len(check(table(0.5), past, floor=0.1).history) == 3


@given(st.lists(st.floats(0, 1), min_size=3, max_size=9), st.floats(0, 1))
def test_limits_are_those_of_a_plain_reading(values: list[float], value: float) -> None:
    values = [round(each, 6) for each in values]
    bound = Bound(name="n", metric="s.x", why="w", history=Spread(widths=2, floor=0.05))
    (found,) = limits(bound, Figures(table(value)), {str(i): Figures(t) for i, t in enumerate(history(*values))}, ())
    centre = median(values)
    half = max(0.05, 2 * 1.4826 * median(abs(each - centre) for each in values))
    assert found.least == pytest.approx(centre - half, abs=2e-6)
    assert found.most == pytest.approx(centre + half, abs=2e-6)
