"""The rows of a metrics table, in long form: (stage, metric, scope, key, value, count)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from gristmill.schemas import SCHEMAS

MAX_KEYS = 1000
"""Keys of one metric and scope, so that the table stays small for any crawl."""

MAX_ROWS = 50_000
"""Rows of a whole table: fewer than 49 metrics have keys."""

WORST = 20
"""Files and shards that are named, the worst ones."""


class Metrics:
    """Collects rows: totals, figures per key, and series. Beyond MAX_KEYS keys only the sum of the rest is kept."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def total(self, stage: str, metric: str, value: float | None, count: int = 1) -> None:
        """One figure of a stage; None where there is not enough data to measure it."""
        self._add(stage, metric, "total", "", value, count)

    def per_key(self, stage: str, metric: str, scope: str, values: Mapping[str, float]) -> None:
        """One figure per key, most first."""
        self.series(stage, metric, scope, sorted(values.items(), key=lambda item: (-item[1], item[0])))

    def series(self, stage: str, metric: str, scope: str, values: Sequence[tuple[str, float]]) -> None:
        """Figures in their own order, such as quantiles and bins."""
        for key, value in values[:MAX_KEYS]:
            self._add(stage, metric, scope, key, value, 1)
        if rest := values[MAX_KEYS:]:
            self._add(stage, metric, scope, "(rest)", sum(value for _, value in rest), len(rest))

    def shares(self, stage: str, metric: str, scope: str, values: Sequence[tuple[str, float, int]]) -> None:
        """(key, share, documents that it rests on), in their own order; what is beyond MAX_KEYS is not kept."""
        for key, value, count in values[:MAX_KEYS]:
            self._add(stage, metric, scope, key, value, count)

    def _add(self, stage: str, metric: str, scope: str, key: str, value: float | None, count: int) -> None:
        rounded = None if value is None or math.isnan(value) else round(float(value), 6)
        self.rows.append(
            {"stage": stage, "metric": metric, "scope": scope, "key": key, "value": rounded, "count": count}
        )

    def table(self) -> pa.Table:
        """The rows, sorted, under the declared schema."""
        rows = sorted(self.rows, key=lambda row: (row["stage"], row["metric"], row["scope"]))
        return pa.Table.from_pylist(rows, schema=SCHEMAS["metrics"])
