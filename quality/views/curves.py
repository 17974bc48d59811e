"""Curves: a value over snapshots inside the bounds that each was judged by, and a run's figures over its steps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from quality.views import drawing
from quality.views.charts import LABEL, WIDTH, Chart
from quality.views.drawing import BLUE, GREEN, MUTED, ORANGE, RED
from quality.views.words import compact, figure, safe

SMALL = 360
"""Points of width of one of many small charts."""

Point = tuple[str, float | None, float | None, float | None]
"""Label, value, least and greatest that is allowed."""


def trend(title: str, points: Sequence[Point]) -> Chart:
    """A value over snapshots, oldest first, inside the bounds that each was judged by; marked where it leaves them."""
    return _trend(title, tuple((safe(label, LABEL), value, low, high) for label, value, low, high in points))


@lru_cache(maxsize=512)
def _trend(title: str, points: tuple[Point, ...]) -> Chart:
    table = tuple((label, figure(value), _range(low, high)) for label, value, low, high in points)
    values = [math.nan if value is None else value for _, value, _, _ in points]
    low, high = _span(points)
    with drawing.canvas(SMALL, 150) as canvas:
        axes = drawing.quiet_axes(canvas, (0.17, 0.17, 0.8, 0.76))
        at = list(range(len(points)))
        under = [low if least is None else max(low, least) for _, _, least, _ in points]
        over = [high if most is None else min(high, most) for _, _, _, most in points]
        for edge, given in ((under, 2), (over, 3)):
            if any(point[given] is not None for point in points):
                axes.plot(at, edge, color=MUTED, linewidth=1, dashes=(4, 3), clip_on=False)
        axes.plot(at, values, color=BLUE, linewidth=2, clip_on=False)
        if len(points) == 1:
            axes.bar(at, [(high - low) * 0.03], 0.03, [v - (high - low) * 0.015 for v in values], color=BLUE)
        for x, (_, value, least, most) in enumerate(points):
            if _outside(value, least, most):
                axes.text(x, value, "✕", color=RED, ha="center", va="center", clip_on=False)
        _scale(axes, low, high)
        axes.set_xticks([0, max(0, len(points) - 1)], [points[0][0], points[-1][0] if len(points) > 1 else ""])
        _ends(axes)
        svg = drawing.to_svg(canvas, title, _trend_words(points))
    return Chart(title, svg, ("snapshot", "value", "bounds"), table)


def _outside(value: float | None, low: float | None, high: float | None) -> bool:
    return value is not None and ((low is not None and value < low) or (high is not None and value > high))


def _scale(axes: Any, low: float, high: float) -> None:
    """The axis from `low` to `high`, with its least, middle and greatest figure on faint lines."""
    axes.set_ylim(low, high)
    pad = 0.08 * (high - low)
    ticks = [low + pad, (low + high) / 2, high - pad]
    axes.set_yticks(ticks, [compact(tick) for tick in ticks])
    axes.grid(axis="y", linewidth=1)
    axes.tick_params(axis="y", labelcolor=MUTED, labelsize=11)
    axes.tick_params(axis="x", labelsize=11)


def _ends(axes: Any) -> None:
    """The first label of the x axis begins at its start, the last ends at its end."""
    labels = axes.get_xticklabels()
    for label, side in zip((labels[0], labels[-1]), ("left", "right"), strict=True):
        label.set_horizontalalignment(side)


def _range(low: float | None, high: float | None) -> str:
    if low is None and high is None:
        return "none"
    return f"{figure(low)} to {figure(high)}"


def _span(points: Sequence[Point]) -> tuple[float, float]:
    """Of the axis: the values, and what of their bounds is near enough to be shown with them."""
    values = [value for _, value, _, _ in points if value is not None and math.isfinite(value)] or [0.0]
    low, high = min(values), max(values)
    reach = max(high - low, 0.1 * max(abs(low), abs(high)), 1e-9)
    edges = [edge for _, _, *both in points for edge in both if edge is not None]
    low = min([low, *(e for e in edges if low - 3 * reach <= e)])
    high = max([high, *(e for e in edges if e <= high + 3 * reach)])
    pad = 0.06 * max(high - low, reach)
    return low - pad, high + pad


def _trend_words(points: Sequence[Point]) -> str:
    outside = [label for label, value, low, high in points if _outside(value, low, high)]
    known = [value for _, value, _, _ in points if value is not None]
    if not known:
        return "Not measured in any snapshot."
    said = f"From {figure(known[0])} to {figure(known[-1])} over {len(points)} snapshots; "
    return said + (f"out of bounds in {len(outside)}." if outside else "never out of bounds.")


def lines(
    title: str, x_label: str, names: Sequence[str], points: Sequence[tuple[float, Sequence[float]]], shown: int = 12
) -> Chart:
    """One line per name over x; the table has `shown` of the points."""
    rows = [(float(x), tuple(map(float, each))) for x, each in points]
    with drawing.canvas(WIDTH, 220) as canvas:
        axes = drawing.quiet_axes(canvas, (0.15, 0.19, 0.81, 0.68))
        for series, (name, colour) in enumerate(zip(names, (BLUE, ORANGE, GREEN), strict=False)):
            line = [each[series] for _, each in rows]
            axes.plot([x for x, _ in rows], line, color=colour, linewidth=2, clip_on=False, label=name)
        finite = [value for _, each in rows for value in each if math.isfinite(value)] or [0.0]
        low, high = min(finite), max(finite)
        pad = 0.05 * ((high - low) or 1.0)
        _scale(axes, low - pad, high + pad)
        if rows:
            axes.set_xlim(rows[0][0], rows[-1][0] if len(rows) > 1 else rows[0][0] + 1)
            axes.set_xticks([rows[0][0], rows[-1][0]], [figure(rows[0][0]), figure(rows[-1][0])])
        axes.set_xlabel(x_label)
        _ends(axes)
        drawing.legend(canvas, list(zip(names, (BLUE, ORANGE, GREEN), strict=False)))
        svg = drawing.to_svg(canvas, title, f"Line chart over {len(rows)} points; the table below has some of them.")
    step = max(1, math.ceil(len(rows) / shown))
    chosen = sorted({*range(0, len(rows), step), *([len(rows) - 1] if rows else [])})
    table = tuple((figure(rows[row][0]), *map(figure, rows[row][1])) for row in chosen)
    return Chart(title, svg, (x_label, *names), table)
