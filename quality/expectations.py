"""Great Expectations over a metrics table: every bound is an expectation argument over a measured value."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import pyarrow as pa
from pydantic import Field, model_validator

from gristmill.settings import Settings
from gristmill.verdicts import Check, Outcome, Severity, Status

GX_SEVERITY: Mapping[str, str] = {"info": "info", "warn": "warning", "block": "critical"}


class Bound(Settings):
    """`metric` is `stage.metric` of scope total; it must lie from `min` to `max`, both inclusive unless `strict`."""

    name: str
    metric: str
    min: float | None = None
    max: float | None = None
    strict: bool = False
    severity: Severity = "block"
    why: str

    @model_validator(mode="after")
    def _bounded(self) -> Bound:
        if self.min is None and self.max is None:
            raise ValueError(f"check '{self.name}' needs min, max or both")
        return self


class Gates(Settings):
    """The three suites; `version` names this set of bounds and is part of every verdict."""

    version: str
    snapshot: list[Bound] = Field(min_length=1)
    tokens: list[Bound] = Field(min_length=1)
    model: list[Bound] = Field(min_length=1)

    def suite(self, kind: Literal["snapshot", "tokens", "model"]) -> list[Bound]:
        """The bounds of one kind of gate."""
        bounds: list[Bound] = getattr(self, kind)
        return bounds


def totals(table: pa.Table) -> dict[str, float]:
    """`stage.metric` -> value of the rows of scope total; NaN where there was not enough data."""
    return {
        f"{row['stage']}.{row['metric']}": math.nan if row["value"] is None else row["value"]
        for row in table.to_pylist()
        if row["scope"] == "total"
    }


def judge(table: pa.Table, bounds: Sequence[Bound]) -> list[Check]:
    """One check per bound, in order."""
    values = totals(table)
    results = _validate(values, bounds)
    return [_check(bound, values, result) for bound, result in zip(bounds, results, strict=True)]


def outcome(checks: Sequence[Check]) -> Outcome:
    """error: something could not be measured; block and warn: the worst failed check; else pass."""
    if any(check.status == "error" for check in checks):
        return "error"
    failed = {check.severity for check in checks if check.status == "failed"}
    return "block" if "block" in failed else "warn" if "warn" in failed else "pass"


def _validate(values: Mapping[str, float], bounds: Sequence[Bound]) -> list[Any]:
    """Validate a one-row frame whose columns are the metrics; results in the order of `bounds`."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    import great_expectations as gx
    import pandas as pd
    from great_expectations.data_context.types.base import ProgressBarsConfig
    from great_expectations.expectations.core.expect_column_values_to_be_between import ExpectColumnValuesToBeBetween
    from great_expectations.expectations.metadata_types import FailureSeverity

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    batch = (
        context.data_sources.add_pandas(name="metrics")
        .add_dataframe_asset(name="totals")
        .add_batch_definition_whole_dataframe("whole")
        .get_batch({"dataframe": pd.DataFrame([dict(values)])})
    )
    expectations = [
        ExpectColumnValuesToBeBetween(
            column=bound.metric, min_value=bound.min, max_value=bound.max, strict_min=bound.strict,
            strict_max=bound.strict, severity=FailureSeverity(GX_SEVERITY[bound.severity]), meta={"check": number},
        )
        for number, bound in enumerate(bounds)
    ]  # fmt: skip
    suite = gx.ExpectationSuite(name="gate", expectations=expectations)
    found = batch.validate(suite, result_format="BASIC").results
    # GX groups results by column; the number in `meta` brings them back into order.
    return sorted(found, key=lambda result: int(result.expectation_config.meta["check"]))


def _check(bound: Bound, values: Mapping[str, float], result: Any) -> Check:
    status: Status
    observed: float | None = values.get(bound.metric)
    note = bound.why
    if bound.metric not in values or not result.result:
        status, note = "error", f"'{bound.metric}' could not be measured; {bound.why}"
    elif observed is None or math.isnan(observed):
        status, observed, note = "info", None, f"not enough data to judge; {bound.why}"
    else:
        status = "passed" if result.success else "failed"
    limits = {"min": bound.min, "max": bound.max, "strict": bound.strict}
    shown = {key: value for key, value in limits.items() if value is not None and value is not False}
    return Check(bound.name, bound.severity, status, observed, shown, note)
