"""All released snapshots in the order of their dates: what was measured, inside the bounds that each was judged by."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from gristmill import release, verdicts
from gristmill.lake import Lake
from gristmill.verdicts import Check, Verdict
from quality.views.charts import Chart
from quality.views.curves import trend
from quality.views.judgement import state_of
from quality.views.layout import page as layout
from quality.views.links import Links
from quality.views.measured import Totals, totals_of
from quality.views.words import figure, percent, size

MAX_CHECKS = 16
"""Charts of checks, beside those of FIGURES."""

Number = float | None


@dataclass(frozen=True)
class Figure:
    """A figure that every snapshot has: how it is made of the totals, and which metric's bounds apply to it."""

    words: str
    value: Callable[[Totals], Number]
    write: Callable[[object], str] = figure
    metric: str = ""


def _share(part: str, whole: str) -> Callable[[Totals], Number]:
    def value(totals: Totals) -> Number:
        above, below = totals.get(part), totals.get(whole)
        return above / below if above is not None and below else None

    return value


def _total(name: str) -> Callable[[Totals], Number]:
    return lambda totals: totals.get(name)


FIGURES = (
    Figure("documents", _total("extract.out"), metric="extract.out"),
    Figure("kept documents", _total("curate.documents"), metric="curate.documents"),
    Figure("share kept", _total("decide.kept_share"), percent, "decide.kept_share"),
    Figure("text in the corpus", _total("curate.bytes"), size, "curate.bytes"),
    Figure("share of duplicates", _share("decide.duplicates_removed", "extract.out"), percent),
    Figure("share of unknown language", _total("annotate.unknown_language_share"), percent,
           "annotate.unknown_language_share"),
    Figure("share of bytes lost", _total("extract.lost_share"), percent, "extract.lost_share"),
)  # fmt: skip


@dataclass(frozen=True)
class Past:
    """One release as the page needs it."""

    snapshot: str
    day: date
    state: str
    totals: Totals
    checks: Mapping[str, Check]


def page(lake: Lake, links: Links) -> str:
    """The page of all current releases."""
    past = released(lake)
    found = [*figures(past), *checked(past)] if past else []
    rows = [
        (each, [write(value) for _, write, values in found for value in [values[place]]])
        for place, each in enumerate(past)
    ]
    charts = [chart for chart, _, _ in found]
    return layout("trend.html", "Trend: data quality", links, "trend", charts=charts, rows=rows[::-1], past=past)


Column = tuple[Chart, Callable[[object], str], Sequence[Number]]
"""A chart over all releases, how its figures are written, and the figures."""


def released(lake: Lake) -> list[Past]:
    """All current releases, oldest first, with the verdict that each was released by."""
    found = []
    for each in release.releases(lake):
        verdict = verdicts.latest(lake, each.digest)
        checks = {check.name: check for check in verdict.checks} if verdict else {}
        totals = totals_of(lake, each.datasets["metrics"])
        found.append(Past(each.snapshot, each.partition_date, _state(lake, verdict), totals, checks))
    return found


def _state(lake: Lake, verdict: Verdict | None) -> str:
    if verdict is None:
        return "none"
    return state_of(verdict, verdicts.answer_to(lake, verdict) if verdict.outcome == "warn" else None)


def figures(past: Sequence[Past]) -> list[Column]:
    """The charts of FIGURES, with the bounds of the check that judged the same metric."""
    found: list[Column] = []
    for each in FIGURES:
        values = [each.value(one.totals) for one in past]
        judged = [_judge_of(one, each.metric) for one in past]
        if any(value is not None for value in values):
            found.append((_chart(each.words, past, values, judged), each.write, values))
    return found


def checked(past: Sequence[Past]) -> list[Column]:
    """The charts of the checks whose figure moves, and which no chart of FIGURES shows."""
    known = {each.metric for each in FIGURES if each.metric}
    names: dict[str, None] = {}
    for one in past:
        names |= dict.fromkeys(name for name, check in one.checks.items() if check.metric not in known)
    found: list[Column] = []
    for name in names:
        judged = [one.checks.get(name) for one in past]
        values = [_observed(check) for check in judged]
        if len({value for value in values if value is not None}) > 1 and len(found) < MAX_CHECKS:
            found.append((_chart(name, past, values, judged), figure, values))
    return found


def _judge_of(one: Past, metric: str) -> Check | None:
    """The check of a metric; one with bounds from history rather than one with fixed bounds."""
    mine = [check for check in one.checks.values() if metric and check.metric == metric]
    return max(mine, key=lambda check: len(check.history), default=None)


def _observed(check: Check | None) -> Number:
    return float(check.observed) if check and isinstance(check.observed, int | float) else None


def _chart(title: str, past: Sequence[Past], values: Sequence[Number], judged: Sequence[Check | None]) -> Chart:
    points = [
        (one.snapshot, value, check.bound.get("min") if check else None, check.bound.get("max") if check else None)
        for one, value, check in zip(past, values, judged, strict=True)
    ]
    return trend(title, points)
