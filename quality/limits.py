"""From bounds and history to limits: which values are judged, and from where to where."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

import pyarrow as pa
from scipy.special import betainc, btdtrib

from quality.bounds import Allowed, Bound, Spread

NORMAL = 1.4826
"""Median absolute deviation times this is the standard deviation of a normal distribution."""

MAX_OWN_LIMITS = 100
"""Keys with limits of their own, those that rest on most documents."""

KEPT_CHANCE = 3.2e-5
"""Probability by which chance may explain a key below the part of its median that it should keep; that of four
standard errors to one side."""

KEPT_HOSTS = 20
"""With fewer clusters their variance is not to be trusted (Cameron and Miller, A practitioner's guide to
cluster-robust inference, 2015, section VI)."""

ALIKE = 10
"""Of a crawl of fewer than KEPT_HOSTS hosts, so many documents are taken for one: how alike its pages are cannot be
learned from it, and a language of one host comes and goes as one."""

Row = tuple[float, int]
"""(value, documents that it rests on); the value is NaN where there was not enough data"""


class Figures:
    """The rows of a metrics table by metric, scope and key."""

    def __init__(self, table: pa.Table) -> None:
        self._rows: dict[str, dict[str, dict[str, Row]]] = {}
        columns = (table.column(name).to_pylist() for name in ("stage", "metric", "scope", "key", "value", "count"))
        for stage, metric, scope, key, value, count in zip(*columns, strict=True):
            row = (math.nan if value is None else value, count)
            self._rows.setdefault(f"{stage}.{metric}", {}).setdefault(scope, {})[key] = row

    def measured(self, metric: str) -> bool:
        """Whether the metric has a row of any scope."""
        return metric in self._rows

    def of(self, metric: str, scope: str) -> Mapping[str, Row]:
        """key -> (value, count); a total has the key ""."""
        return self._rows.get(metric, {}).get(scope, {})

    def total(self, metric: str) -> Row:
        """The total; (NaN, 0) where there is none."""
        return self.of(metric, "total").get("", (math.nan, 0))


@dataclass(frozen=True)
class Judged:
    """Values under one pair of limits: one column of what Great Expectations is given."""

    keys: tuple[str, ...]
    values: tuple[float, ...]
    least: float | None
    most: float | None
    history: Mapping[str, float] = field(default_factory=dict)
    centre: float | None = None


Pasts = Mapping[str, Figures]
"""Snapshot -> the figures of its release, oldest first."""


def limits(bound: Bound, now: Figures, past: Pasts, allowed: Sequence[Allowed]) -> list[Judged]:
    """What is judged of a bound; nothing where there is too little data or history. Exceptions only ever widen."""
    rows = {key: row for key, row in now.of(bound.metric, bound.scope).items() if key != "(rest)"}
    if bound.history is None:
        enough = [(key, value) for key, (value, count) in rows.items() if count >= bound.least and value == value]
        if not enough:
            return []
        keys, values = zip(*enough, strict=True)
        found = [Judged(keys, values, bound.min, bound.max)]
    else:
        found = _by_history(bound, bound.history, rows, now, past)
    return [_widened(judged, allowed) for judged in found]


def _by_history(bound: Bound, spread: Spread, rows: Mapping[str, Row], now: Figures, past: Pasts) -> list[Judged]:
    then = {snapshot: each.of(bound.metric, bound.scope) for snapshot, each in past.items()}
    # A release of an earlier version may lack the metric: it says nothing. One that has it and not the key says 0.
    then = {snapshot: found for snapshot, found in then.items() if found or _no_keys(past[snapshot], bound)}
    exposure = _exposure(bound.metric, now, [past[snapshot] for snapshot in then])
    keys = list(rows)
    if spread.absent is not None:
        keys += sorted({key for found in then.values() for key in found if key != "(rest)"} - set(rows))
    # A key that has become rare is judged by what it was, and one that was always rare not at all.
    keys.sort(key=lambda key: -max([found[key][1] for found in (rows, *then.values()) if key in found]))
    judged = []
    for key in keys[:MAX_OWN_LIMITS]:
        here = rows.get(key, (_or_nan(spread.absent), now.total(bound.metric)[1]))
        before = {
            snapshot: found.get(key, (_or_nan(spread.absent), past[snapshot].total(bound.metric)[1]))
            for snapshot, found in then.items()
        }
        before = {snapshot: row for snapshot, row in before.items() if row[0] == row[0]}
        counts = [found[key][1] if key in found else 0 for found in (then[snapshot] for snapshot in before)]
        if here[0] == here[0] and before and max(rows.get(key, (0, 0))[1], median(counts)) >= bound.least:
            error = now.of(f"{bound.metric}_error", bound.scope).get(key)
            if (limit := _limits(spread, here, before, error, exposure)) is not None:
                values = {snapshot: row[0] for snapshot, row in before.items()}
                judged.append(Judged((key,), (here[0],), limit[0], limit[1], values, limit[2]))
    return judged


def _no_keys(figures: Figures, bound: Bound) -> bool:
    return bound.scope != "total" and figures.measured(bound.metric)


@dataclass(frozen=True)
class _Exposure:
    """`size`: how large the crawl is beside those of the past, at most 1; `alike`: documents that count as one."""

    size: float
    alike: int


def _exposure(metric: str, now: Figures, past: Sequence[Figures]) -> _Exposure:
    """By what the totals of the metric rest on, and by the hosts now and of the median crawl that tells them."""
    if not past:
        return _Exposure(1.0, ALIKE)
    before = median(each.total(metric)[1] for each in past)
    known = [hosts for hosts in (each.total("extract.hosts")[0] for each in past) if hosts == hosts]
    enough = known and now.total("extract.hosts")[0] >= KEPT_HOSTS and median(known) >= KEPT_HOSTS
    return _Exposure(
        min(1.0, now.total(metric)[1] / before) if before else 1.0,
        1 if enough else ALIKE,
    )


def _limits(
    spread: Spread, here: Row, before: Mapping[str, Row], error: Row | None, exposure: _Exposure
) -> tuple[float | None, float | None, float] | None:
    """(least, most, median), rounded to 1e-6; None where there is too little history."""
    values = [value for value, _ in before.values()]
    centre = median(values)
    few = len(values) < spread.enough
    if few and spread.wide is None:
        return None
    deviation = NORMAL * median(abs(value - centre) for value in values)
    floor = spread.wide if few and spread.wide is not None else spread.floor
    usual = 0 if few else spread.widths * deviation
    noise = spread.noise * _standard_error(centre, here, before, error)
    half = max(floor, spread.relative * abs(centre), usual, noise)
    lowest = centre - half
    if spread.keep and centre >= spread.material:
        chance = least_by_chance(centre, median(count for _, count in before.values()) / exposure.alike, exposure.size)
        # Of few releases no deviation is known: what one of them had is usual.
        usual_low = min(values) if few else centre - usual
        lowest = max(lowest, min(spread.keep * centre, usual_low, chance))
    least = None if spread.side == "max" else round(lowest, 6)
    most = None if spread.side == "min" else round(centre + half, 6)
    return least, most, round(centre, 6)


def _standard_error(centre: float, here: Row, before: Mapping[str, Row], error: Row | None) -> float:
    """Of the difference of two means with an `error` of their own, else of two shares; the share is drawn towards one
    half, as Agresti and Coull (1998) do."""
    if error is not None:
        # Relative to the mean: what makes every value larger must not hide behind its own larger error.
        return math.sqrt(2) * error[0] * (abs(centre / here[0]) if here[0] else 1.0)
    now, then = max(1, here[1]), max(1.0, median(count for _, count in before.values()))
    count = 1 / (1 / now + 1 / then)
    share = (min(max(centre, 0), 1) * count + 2) / (count + 4)
    return math.sqrt(share * (1 - share) / count)


def least_by_chance(share: float, count: float, size: float) -> float:
    """The least share to which chance takes one that rested on `count` documents, in a crawl `size` times as large.

    Of a key that had e = share x count effective documents then and has x now, at an equal rate x is binomial given
    both together (Przyborowski and Wilenski, 1940): of e + x, each is of now with probability size / (1 + size). The
    tail up to x is the incomplete beta function at (e, x + 1); the limit is the x at which it is KEPT_CHANCE, and 0
    where even none at all is likelier. Of one that lives on hosts of its own, e is the effective number of its hosts.
    """
    had = min(max(share, 0.0), 1.0) * count
    if not had or not size or betainc(had, 1, 1 / (1 + size)) >= KEPT_CHANCE:
        return 0.0
    return float(btdtrib(had, KEPT_CHANCE, 1 / (1 + size)) - 1) / (count * size)


def _widened(judged: Judged, allowed: Sequence[Allowed]) -> Judged:
    least, most = judged.least, judged.most
    for each in allowed:
        least = None if least is None else least if each.min is None else min(least, each.min)
        most = None if most is None else most if each.max is None else max(most, each.max)
    return Judged(judged.keys, judged.values, least, most, judged.history, judged.centre)


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value
