"""The charts of the pages: a picture, and its figures as a table for whoever does not see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from markupsafe import Markup

from quality.views import drawing
from quality.views.drawing import BLUE, GREEN, GRID, MUTED, ORANGE
from quality.views.words import figure, percent, safe

WIDTH = 480
ROW = 24
LABEL = 26
"""Characters of a label."""

Rows = tuple[tuple[str, tuple[float, ...]], ...]


@dataclass(frozen=True)
class Chart:
    """`svg` shows `rows` under `columns`; a row is a label and its figures as words."""

    title: str
    svg: Markup
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def bars(title: str, names: Sequence[str], values: Sequence[tuple[str, Sequence[float]]], share: bool = False) -> Chart:
    """Horizontal bars in the given order: per label one value >= 0 for each of `names` (one or two)."""
    rows = tuple((safe(label, LABEL) or "(none)", tuple(map(float, each))) for label, each in values)
    return _bars(title, tuple(names), rows, share)


@lru_cache(maxsize=256)
def _bars(title: str, names: tuple[str, ...], rows: Rows, share: bool) -> Chart:
    write = percent if share else figure
    height = ROW * max(1, len(rows)) * (1.0 if len(names) == 1 else 1.45) + 10 + (22 if len(names) > 1 else 0)
    top = max((value for _, each in rows for value in each), default=0.0) or 1.0
    with drawing.canvas(WIDTH, round(height)) as canvas:
        legend = 22 / height if len(names) > 1 else 0.0
        axes = drawing.quiet_axes(canvas, (0.36, 0.01, 0.48, 0.98 - legend))
        thick = 0.68 / len(names)
        for series, colour in zip(range(len(names)), (BLUE, GREEN), strict=False):
            middles = [row + (series - (len(names) - 1) / 2) * thick for row in range(len(rows))]
            lengths = [each[series] for _, each in rows]
            axes.barh(middles, lengths, height=thick * 0.92, color=colour, clip_on=False, linewidth=0)
            for middle, length in zip(middles, lengths, strict=True):
                axes.text(length + top * 0.02, middle, write(length), va="center", color=MUTED)
        axes.set_xlim(0, top)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xticks([])
        axes.set_yticks(range(len(rows)), [label for label, _ in rows])
        if len(names) > 1:
            drawing.legend(canvas, list(zip(names, (BLUE, GREEN), strict=False)))
        svg = drawing.to_svg(canvas, title, f"Bar chart of {len(rows)} rows; the table below has the figures.")
    table = tuple((label, *(write(value) for value in each)) for label, each in rows)
    return Chart(title, svg, ("", *names), table)


def columns(title: str, names: Sequence[str], values: Sequence[tuple[str, Sequence[float]]]) -> Chart:
    """A histogram: a column per label and name, in the given order."""
    rows = tuple((safe(label, 12), tuple(map(float, each))) for label, each in values)
    return _columns(title, tuple(names), rows)


@lru_cache(maxsize=256)
def _columns(title: str, names: tuple[str, ...], rows: Rows) -> Chart:
    height = 190
    with drawing.canvas(WIDTH, height) as canvas:
        axes = drawing.quiet_axes(canvas, (0.02, 0.14, 0.96, 0.68))
        thick = 0.8 / len(names)
        for series, colour in zip(range(len(names)), (BLUE, GREEN), strict=False):
            middles = [row + (series - (len(names) - 1) / 2) * thick for row in range(len(rows))]
            tall = [each[series] for _, each in rows]
            axes.bar(middles, tall, width=thick * 0.94, color=colour, clip_on=False, linewidth=0)
            if len(rows) * len(names) <= 12:
                for middle, value in zip(middles, tall, strict=True):
                    axes.text(middle, value, figure(value), ha="center", va="bottom", color=MUTED, fontsize=10)
        axes.set_ylim(0, max((value for _, each in rows for value in each), default=0.0) or 1.0)
        axes.set_xlim(-0.5, max(1, len(rows)) - 0.5)
        axes.set_yticks([])
        axes.set_xticks(range(len(rows)), [label for label, _ in rows], fontsize=11)
        axes.axhline(0, color=GRID, linewidth=1, clip_on=False)
        if len(names) > 1:
            drawing.legend(canvas, list(zip(names, (BLUE, GREEN), strict=False)))
        svg = drawing.to_svg(canvas, title, f"Histogram of {len(rows)} classes; the table below has the figures.")
    return Chart(title, svg, ("from", *names), tuple((label, *map(figure, each)) for label, each in rows))


def funnel(title: str, steps: Sequence[tuple[str, float, float]], losses: str = "removed") -> Chart:
    """What came in and what each step took: (label, what is left after it, what it took)."""
    return _funnel(title, tuple((safe(label, LABEL), float(left), float(took)) for label, left, took in steps), losses)


@lru_cache(maxsize=64)
def _funnel(title: str, steps: tuple[tuple[str, float, float], ...], losses: str) -> Chart:
    top = max((left + took for _, left, took in steps), default=0.0) or 1.0
    height = ROW * max(1, len(steps)) + 32
    with drawing.canvas(WIDTH, height) as canvas:
        axes = drawing.quiet_axes(canvas, (0.36, 0.01, 0.4, 0.98 - 22 / height))
        for row, (_, left, took) in enumerate(steps):
            axes.barh(row, left, height=0.7, color=BLUE, clip_on=False, linewidth=0)
            axes.barh(row, took, left=left, height=0.7, color=ORANGE, clip_on=False, linewidth=0)
            words = f"{figure(left)} (−{figure(took)})" if took else figure(left)
            axes.text(left + took + top * 0.012, row, words, va="center", color=MUTED)
        axes.set_xlim(0, top)
        axes.set_ylim(len(steps) - 0.5, -0.5)
        axes.set_xticks([])
        axes.set_yticks(range(len(steps)), [label for label, _, _ in steps])
        drawing.legend(canvas, [("left", BLUE), (losses, ORANGE)])
        svg = drawing.to_svg(canvas, title, "Bars of what each step left and took; the table below has the figures.")
    table = tuple((label, figure(left), figure(took)) for label, left, took in steps)
    return Chart(title, svg, ("", "left", losses), table)


def changes(title: str, values: Sequence[tuple[str, float]]) -> Chart:
    """Changes as shares: bars to the left for less, to the right for more."""
    rows = [(safe(label, LABEL), float(value)) for label, value in values]
    low = min((value for _, value in rows if value < 0), default=0.0)
    high = max((value for _, value in rows if value > 0), default=0.0)
    if low == high:
        high = 1.0
    height = ROW * max(1, len(rows)) + 10
    with drawing.canvas(WIDTH, height) as canvas:
        axes = drawing.quiet_axes(canvas, (0.53, 0.01, 0.33, 0.98))
        for row, (_, value) in enumerate(rows):
            axes.barh(row, value, height=0.68, color=BLUE if value >= 0 else ORANGE, clip_on=False, linewidth=0)
            side = 1 if value >= 0 else -1
            axes.text(value + side * (high - low) * 0.02, row, _signed(value), va="center", color=MUTED,
                      ha="left" if side > 0 else "right")  # fmt: skip
        axes.axvline(0, color=GRID, linewidth=1.5, clip_on=False)
        axes.set_xlim(low, high)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xticks([])
        axes.set_yticks(range(len(rows)), [label for label, _ in rows])
        axes.tick_params(axis="y", pad=58 if low < 0 else 4)
        svg = drawing.to_svg(canvas, title, f"Bars of {len(rows)} changes; the table below has the figures.")
    return Chart(title, svg, ("", "change"), tuple((label, _signed(value)) for label, value in rows))


def _signed(value: float) -> str:
    return f"{'+' if value > 0 else '−' if value < 0 else ''}{percent(abs(value))}"
