"""Bounds through Great Expectations: what passes, what fails, and what could not be measured."""

from __future__ import annotations

import math
from typing import Any

import pyarrow as pa
import pytest

from gristmill.settings import SettingsError, parse
from gristmill.verdicts import Check, Severity, Status
from quality.bounds import Bound, Gates, Group
from quality.expectations import judge, outcome
from quality.metrics import Metrics


def table(**totals: float | None) -> pa.Table:
    metrics = Metrics()
    for name, value in totals.items():
        metrics.total("stage", name, value)
    metrics.per_key("stage", "by_key", "host", {"h": 7.0})
    return metrics.table()


def bound(metric: str, **settings: Any) -> Bound:
    name = settings.pop("name", metric)
    return Bound(name=name, metric=f"stage.{metric}", why="a reason", **settings)


def suite(*bounds: Bound) -> dict[Group, list[Bound]]:
    return {"plausibility": list(bounds)}


def status(totals: dict[str, float | None], **settings: Any) -> Status:
    return judge(table(**totals), suite(bound("x", **settings)))[0].status


@pytest.mark.parametrize(
    ("value", "settings", "expected"),
    [
        (3, {"min": 3}, "passed"),
        (2.999, {"min": 3}, "failed"),
        (3, {"max": 3}, "passed"),
        (3.001, {"max": 3}, "failed"),
        (3, {"min": 3, "strict": True}, "failed"),
        (3, {"max": 3, "strict": True}, "failed"),
        (2.9, {"max": 3, "strict": True}, "passed"),
        (-5, {"min": -10, "max": 0}, "passed"),
        (1, {"min": -10, "max": 0}, "failed"),
        (math.inf, {"max": 100}, "failed"),
        (-math.inf, {"max": 100}, "passed"),
    ],
)
def test_bounds_are_inclusive_unless_strict(value: float, settings: dict[str, Any], expected: Status) -> None:
    assert status({"x": value}, **settings) == expected


@pytest.mark.parametrize("severity", ["info", "warn", "block"])
def test_a_metric_that_is_missing_is_an_error_and_blocks_whatever_its_severity(severity: Severity) -> None:
    checks = judge(table(y=1), suite(bound("x", min=0, severity=severity), bound("y", min=0)))
    assert [check.status for check in checks] == ["error", "passed"]
    assert "could not be measured" in checks[0].note
    assert outcome(checks) == "error"


def test_what_no_row_has_is_an_error() -> None:
    assert judge(table(x=1), suite(bound("absent", min=0)))[0].status == "error"


def test_an_empty_table_is_all_errors() -> None:
    checks = judge(Metrics().table(), suite(bound("x", min=0), bound("y", max=0)))
    assert [check.status for check in checks] == ["error", "error"]


@pytest.mark.parametrize("value", [None, math.nan])
def test_too_little_data_is_information_and_does_not_block(value: float | None) -> None:
    checks = judge(table(x=value), suite(bound("x", min=5)))
    assert checks[0].status == "info"
    assert checks[0].observed is None
    assert outcome(checks) == "pass"


def test_checks_keep_the_order_of_their_bounds_and_say_what_was_seen() -> None:
    bounds = [
        bound("b", name="one", max=5, severity="warn"),
        bound("a", name="two", min=1),
        bound("b", name="three", min=9),
        bound("a", name="four", min=1),
        bound("b", name="five", max=5, severity="warn"),
    ]
    checks = judge(table(a=2, b=7), suite(*bounds))
    assert [check.name for check in checks] == ["one", "two", "three", "four", "five"]
    assert [check.status for check in checks] == ["failed", "passed", "failed", "passed", "failed"]
    assert [check.observed for check in checks] == [7, 2, 7, 2, 7]
    assert [dict(c.bound) for c in checks[:3]] == [{"max": 5}, {"min": 1}, {"min": 9}]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([], "pass"),
        ([("block", "passed"), ("warn", "passed")], "pass"),
        ([("info", "failed")], "pass"),
        ([("block", "info"), ("warn", "info")], "pass"),
        ([("warn", "failed"), ("block", "passed")], "warn"),
        ([("warn", "failed"), ("block", "failed")], "block"),
        ([("block", "failed"), ("info", "failed")], "block"),
        ([("info", "error")], "error"),
        ([("block", "failed"), ("warn", "error")], "error"),
    ],
)
def test_the_outcome_is_the_worst_that_was_found(found: list[tuple[Severity, Status]], expected: str) -> None:
    assert outcome([Check("c", severity, status) for severity, status in found]) == expected


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mx": 3}, "unknown key 'snapshot.contract.0.mx'"),
        ({"severity": "blok"}, "severity"),
        ({"min": None, "max": None}, "needs min, max or both"),
        ({"why": None}, "why"),
    ],
)
def test_an_unusable_bound_is_an_error_that_names_it(change: dict[str, Any], message: str) -> None:
    good = {"name": "n", "metric": "stage.x", "min": 0, "why": "w"}
    gates = {
        "version": "1", "tokens": {"tokens": [good]}, "model": {"model": [good]},
        "snapshot": {"contract": [{**good, **change}]},
    }  # fmt: skip
    with pytest.raises(SettingsError, match=message):
        parse(Gates, gates, "gates.yaml")
