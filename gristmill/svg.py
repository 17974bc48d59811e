"""Small pictures as SVG text: no script, no font to load, safe to embed. Labels are escaped."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

INK, MUTED, GRID = "#1d2a33", "#5c6b75", "#dde3e7"
COLOURS = ("#2f6f8f", "#c4692b", "#5b8c4a", "#8a5a9e", "#b8903a")
_FONT = "font-family='system-ui,sans-serif' font-size='12'"


def bars(values: Sequence[tuple[str, float]], *, width: int = 640, unit: str = "", colour: str = COLOURS[0]) -> str:
    """Horizontal bars, one per (label, value >= 0), in the given order."""
    row, left = 24, 190
    top = max((value for _, value in values), default=0.0) or 1.0
    parts = []
    for number, (label, value) in enumerate(values):
        y = number * row
        length = (width - left - 110) * value / top
        parts.append(
            f"<text x='{left - 8}' y='{y + 16}' text-anchor='end' fill='{INK}'>{_short(label, 28)}</text>"
            f"<rect x='{left}' y='{y + 4}' width='{max(1.0, length):.1f}' height='16' rx='2' fill='{colour}'/>"
            f"<text x='{left + length + 6:.1f}' y='{y + 16}' fill='{MUTED}'>{number_text(value)}{escape(unit)}</text>"
        )
    return _frame(width, max(row, row * len(values)), parts, "bar chart")


def columns(values: Sequence[tuple[str, float]], *, width: int = 640, height: int = 180) -> str:
    """A histogram: one column per (label, value >= 0)."""
    top = max((value for _, value in values), default=0.0) or 1.0
    step = width / max(1, len(values))
    parts = []
    for number, (label, value) in enumerate(values):
        tall = (height - 44) * value / top
        middle = (number + 0.5) * step
        parts.append(
            f"<rect x='{number * step + 3:.1f}' y='{height - 22 - tall:.1f}' width='{step - 6:.1f}' "
            f"height='{tall:.1f}' rx='2' fill='{COLOURS[0]}'/>"
            f"<text x='{middle:.1f}' y='{height - 6}' text-anchor='middle' fill='{MUTED}'>{_short(label, 9)}</text>"
            f"<text x='{middle:.1f}' y='{height - 26 - tall:.1f}' text-anchor='middle' fill='{INK}'>"
            f"{number_text(value)}</text>"
        )
    return _frame(width, height, parts, "histogram")


def waterfall(start: tuple[str, float], losses: Sequence[tuple[str, float]], end: str, *, width: int = 760) -> str:
    """What came in, what each step took away, what is left."""
    row, left = 26, 190
    top = start[1] or 1.0
    scale = (width - left - 110) / top
    parts, remaining = [], start[1]
    steps = [(start[0], 0.0, start[1], COLOURS[0])]
    for label, value in losses:
        steps.append((label, remaining - value, value, COLOURS[1]))
        remaining -= value
    steps.append((end, 0.0, remaining, COLOURS[2]))
    for number, (label, begin, value, colour) in enumerate(steps):
        y = number * row
        x = left + begin * scale
        parts.append(
            f"<text x='{left - 8}' y='{y + 17}' text-anchor='end' fill='{INK}'>{_short(label, 28)}</text>"
            f"<rect x='{x:.1f}' y='{y + 4}' width='{max(1.0, value * scale):.1f}' height='18' rx='2' fill='{colour}'/>"
            f"<text x='{x + value * scale + 6:.1f}' y='{y + 17}' fill='{MUTED}'>{number_text(value)}</text>"
        )
    return _frame(width, row * len(steps), parts, "waterfall chart")


def lines(
    series: Mapping[str, Sequence[tuple[float, float]]],
    *,
    width: int = 640,
    height: int = 240,
    x_label: str,
    y_label: str,
) -> str:
    """One line per named series of (x, y), with axes."""
    points = [point for values in series.values() for point in values if math.isfinite(point[1])]
    if not points:
        return _frame(width, 30, [f"<text x='8' y='20' fill='{MUTED}'>no data</text>"], "empty chart")
    (x0, x1), (y0, y1) = (_range([p[axis] for p in points]) for axis in (0, 1))
    left, bottom = 56, height - 36

    def place(x: float, y: float) -> str:
        across = (x - x0) / (x1 - x0) * (width - left - 12)
        up = (y - y0) / (y1 - y0) * (bottom - 14)
        return f"{left + across:.1f},{bottom - up:.1f}"

    parts = []
    for tick in range(5):
        value = y0 + (y1 - y0) * tick / 4
        y = place(x0, value).split(",")[1]
        parts.append(
            f"<line x1='{left}' x2='{width - 12}' y1='{y}' y2='{y}' stroke='{GRID}'/>"
            f"<text x='{left - 6}' y='{float(y) + 4:.1f}' text-anchor='end' fill='{MUTED}'>{value:.3g}</text>"
        )
    for number, (name, values) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        path = " ".join(place(x, y) for x, y in values if math.isfinite(y))
        parts.append(
            f"<polyline points='{path}' fill='none' stroke='{colour}' stroke-width='2'/>"
            f"<text x='{width - 16}' y='{24 + 16 * number}' text-anchor='end' fill='{colour}'>{escape(name)}</text>"
        )
    middle = (width + left) / 2
    parts.append(
        f"<text x='{left}' y='{height - 18}' fill='{MUTED}'>{x0:g}</text>"
        f"<text x='{width - 12}' y='{height - 18}' text-anchor='end' fill='{MUTED}'>{x1:g}</text>"
        f"<text x='{middle}' y='{height - 4}' text-anchor='middle' fill='{INK}'>{escape(x_label)}</text>"
        f"<text x='{left}' y='11' fill='{INK}'>{escape(y_label)}</text>"
    )
    return _frame(width, height, parts, f"{y_label} over {x_label}")


def number_text(value: float) -> str:
    """A figure as a person writes it."""
    return f"{value:,.0f}" if value == int(value) else f"{value:,.3f}"


def _range(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _short(label: str, length: int) -> str:
    return escape(label if len(label) <= length else label[: length - 1] + "…")


def _frame(width: int, height: int, parts: Sequence[str], title: str) -> str:
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' width='{width}' height='{height}' "
        f"role='img' aria-label='{escape(title)}' {_FONT}>{''.join(parts)}</svg>"
    )
