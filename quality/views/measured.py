"""A snapshot's metrics table as pages want it: totals by name, and series by scope and name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow.compute as pc

from gristmill.lake import Lake

Series = Sequence[tuple[str, float]]
Totals = Mapping[str, float | None]
REST = "(rest)"

_TOTALS: dict[str, Totals] = {}
"""Digest -> totals: a table never changes, so that it is read once."""
_MAX_TOTALS = 4096


@dataclass(frozen=True)
class Measured:
    """`totals`: `stage.metric` -> value; `scopes`: scope -> `stage.metric` -> (key, value) in the table's order."""

    totals: Totals = field(default_factory=dict)
    scopes: Mapping[str, Mapping[str, Series]] = field(default_factory=dict)

    def total(self, name: str) -> float | None:
        """None where it was not measured."""
        return self.totals.get(name)

    def series(self, scope: str, name: str, limit: int | None = None) -> Series:
        """Empty where it was not measured."""
        return self.scopes.get(scope, {}).get(name, [])[:limit]

    def shares(self, scope: str, name: str) -> dict[str, float]:
        """key -> its share of the sum of the series, `(rest)` included."""
        found = self.series(scope, name)
        whole = sum(value for _, value in found)
        return {key: value / whole for key, value in found} if whole else {}


def measured(lake: Lake, digest: str | None) -> Measured:
    """The table of this digest; nothing at all without one."""
    if digest is None:
        return Measured()
    totals: dict[str, float | None] = {}
    scopes: dict[str, dict[str, list[tuple[str, float]]]] = {}
    for row in lake.read(digest).to_pylist():
        name = f"{row['stage']}.{row['metric']}"
        if row["scope"] == "total":
            totals[name] = row["value"]
        elif row["value"] is not None:
            scopes.setdefault(row["scope"], {}).setdefault(name, []).append((row["key"], row["value"]))
    return Measured(totals, scopes)


def totals_of(lake: Lake, digest: str) -> Totals:
    """The totals alone, kept in memory."""
    if digest not in _TOTALS:
        if len(_TOTALS) >= _MAX_TOTALS:
            _TOTALS.clear()
        table = lake.read(digest)
        rows = table.filter(pc.equal(table.column("scope"), "total")).to_pylist()
        _TOTALS[digest] = {f"{row['stage']}.{row['metric']}": row["value"] for row in rows}
    return _TOTALS[digest]
