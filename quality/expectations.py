"""Great Expectations over a metrics table: every bound is an expectation argument over measured values."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from gristmill.printable import printable
from gristmill.verdicts import Check, Outcome
from quality.bounds import Allowed, Bound, Group
from quality.limits import Figures, Judged, limits

GX_SEVERITY: Mapping[str, str] = {"info": "info", "warn": "warning", "block": "critical"}
PART = 50
"""Columns that are judged together."""

MAX_OFFENDERS = 20
KEY_CHARS = 100
"""Characters of an offender's key, which may come from a crawled page."""

Suite = Mapping[Group, Sequence[Bound]]


@dataclass(frozen=True)
class Case:
    """One bound of a suite with what is judged of it; `measured`: the table has the metric."""

    group: Group
    bound: Bound
    columns: Sequence[Judged]
    measured: bool
    allowed: Sequence[Allowed]


def judge(
    table: pa.Table, suite: Suite, history: Mapping[str, pa.Table] | None = None, allowed: Sequence[Allowed] = ()
) -> list[Check]:
    """One check per bound, in order.

    `history`: snapshot -> metrics table of its release, oldest first; `allowed`: the exceptions that apply.
    """
    return conclude(prepare(table, suite, history or {}, allowed))


def prepare(
    table: pa.Table, suite: Suite, history: Mapping[str, pa.Table], allowed: Sequence[Allowed] = ()
) -> list[Case]:
    """The first half of `judge`: values and limits."""
    now, past = Figures(table), {snapshot: Figures(each) for snapshot, each in history.items()}
    cases = []
    for group, bounds in suite.items():
        for bound in bounds:
            mine = [each for each in allowed if each.check == bound.name]
            cases.append(Case(group, bound, limits(bound, now, past, mine), now.measured(bound.metric), mine))
    return cases


def conclude(cases: Sequence[Case]) -> list[Check]:
    """The second half of `judge`: what Great Expectations finds; cases of many tables may be judged together."""
    asked = [(case.bound, judged) for case in cases for judged in case.columns]
    # In parts, for the time that Great Expectations takes grows with the square of the columns.
    found = iter([result for i in range(0, len(asked), PART) for result in _validate(asked[i : i + PART])])
    return [_check(case, [next(found) for _ in case.columns]) for case in cases]


def outcome(checks: Sequence[Check]) -> Outcome:
    """error: something could not be measured; block and warn: the worst failed check; else pass."""
    if any(check.status == "error" for check in checks):
        return "error"
    failed = {check.severity for check in checks if check.status == "failed"}
    return "block" if "block" in failed else "warn" if "warn" in failed else "pass"


def _validate(asked: Sequence[tuple[Bound, Judged]]) -> list[Any]:
    """Validate one frame with a column for each of `asked`; their results in order.

    A column holds what is judged under one pair of limits, and NaN, which is not judged, below its end. Keys are not
    in the frame, so that nothing crawled enters Great Expectations.
    """
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    import great_expectations as gx
    import pandas as pd
    from great_expectations.data_context.types.base import ProgressBarsConfig
    from great_expectations.expectations.core.expect_column_values_to_be_between import ExpectColumnValuesToBeBetween
    from great_expectations.expectations.metadata_types import FailureSeverity

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    frame = pd.DataFrame({str(i): pd.Series(judged.values, dtype=float) for i, (_, judged) in enumerate(asked)})
    batch = (
        context.data_sources.add_pandas(name="metrics")
        .add_dataframe_asset(name="judged")
        .add_batch_definition_whole_dataframe("whole")
        .get_batch({"dataframe": frame})
    )
    expectations = [
        ExpectColumnValuesToBeBetween(
            column=str(i), min_value=judged.least, max_value=judged.most, strict_min=bound.strict,
            strict_max=bound.strict, severity=FailureSeverity(GX_SEVERITY[bound.severity]),
        )
        for i, (bound, judged) in enumerate(asked)
    ]  # fmt: skip
    suite = gx.ExpectationSuite(name="gate", expectations=expectations)
    found = batch.validate(suite, result_format={"result_format": "COMPLETE"}).results
    # GX sorts results by column.
    return sorted(found, key=lambda result: int(result.expectation_config.kwargs["column"]))


def _check(case: Case, results: Sequence[Any]) -> Check:
    bound = case.bound
    reason = "; ".join(f"{each.reason} ({each.reviewer})" for each in case.allowed)
    blank = Check(
        bound.name, bound.severity, "info", None, _shown(bound, None), bound.why, case.group, bound.metric,
        exception=reason,
    )  # fmt: skip
    if not case.measured or any(not result.result for result in results):
        return replace(blank, status="error", note=f"'{bound.metric}' could not be measured; {bound.why}")
    if not case.columns:
        missing = "data or history" if bound.history else "data"
        return replace(blank, note=f"not enough {missing} to judge; {bound.why}")
    worst = sorted(_placed(case.columns, results), key=lambda found: (not found.out, -found.beyond, found.key))
    offenders = [(found.key, found.value) for found in worst if found.out]
    first, number = worst[0], len(worst)
    return replace(
        blank, status="failed" if offenders else "passed", observed=round(first.value, 6),
        bound=_shown(bound, first.judged), history=first.judged.history,
        note=bound.why if bound.scope == "total" else f"{len(offenders)} of {number} out of bounds; {bound.why}",
        offenders=tuple((printable(key)[:KEY_CHARS], value) for key, value in offenders[:MAX_OFFENDERS] if key),
    )  # fmt: skip


@dataclass(frozen=True)
class _Value:
    """A judged value; `out`: Great Expectations found it out of bounds; `beyond`: how far past the nearer limit, in
    half-widths where it has two, negative within."""

    key: str
    value: float
    judged: Judged
    out: bool

    @property
    def beyond(self) -> float:
        least, most = self.judged.least, self.judged.most
        scale = (most - least) / 2 if least is not None and most is not None and most > least else 1.0
        below = -math.inf if least is None else least - self.value
        above = -math.inf if most is None else self.value - most
        return max(below, above) / scale


def _placed(columns: Sequence[Judged], results: Sequence[Any]) -> Iterator[_Value]:
    for judged, result in zip(columns, results, strict=True):
        out = set(result.result["unexpected_index_list"])
        for place, (key, value) in enumerate(zip(judged.keys, judged.values, strict=True)):
            yield _Value(key, value, judged, place in out)


def _shown(bound: Bound, judged: Judged | None) -> dict[str, Any]:
    least, most = (bound.min, bound.max) if judged is None else (judged.least, judged.most)
    centre = None if judged is None else judged.centre
    found = {"min": least, "max": most, "median": centre, "strict": bound.strict or None}
    return {key: value for key, value in found.items() if value is not None}
