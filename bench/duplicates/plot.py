"""The detection curve as SVG: what a shape promises, the range of chance around it, and what was found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gristmill.svg import COLOURS, GRID, INK, MUTED
from spark_jobs.clusters.shape import Shape

WIDTH, HEIGHT = 680, 380
LEFT, RIGHT, TOP, BOTTOM = 64, 20, 34, 52
LOW, HIGH = 0.5, 1.0


def _x(jaccard: float) -> float:
    return LEFT + (jaccard - LOW) / (HIGH - LOW) * (WIDTH - LEFT - RIGHT)


def _y(share: float) -> float:
    return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def _text(x: float, y: float, text: str, colour: str = MUTED, anchor: str = "middle") -> str:
    return f"<text x='{x:.1f}' y='{y:.1f}' text-anchor='{anchor}' fill='{colour}'>{text}</text>"


def detection(bins: Sequence[Mapping[str, Any]], shape: Shape) -> str:
    """The picture; `bins` as `quality.bins` gives them. A point stands in the middle of its bin, at the share found;
    the bar is the range that holds 99 percent of the chance at the similarities of the bin's pairs."""
    steps = [LOW + (HIGH - LOW) * i / 100 for i in range(101)]
    curve = " ".join(f"{_x(s):.1f},{_y(shape.probability(s)):.1f}" for s in steps)
    parts = [f"<rect width='{WIDTH}' height='{HEIGHT}' fill='white'/>", *_axes()]
    parts.append(f"<polyline points='{curve}' fill='none' stroke='{COLOURS[0]}' stroke-width='2'/>")
    for row in bins:
        if row["pairs"]:
            parts += _point(row)
    most = max((row["pairs"] for row in bins), default=0)
    parts += _legend(f"{shape.bands} bands of {shape.rows} rows promise", f"found, of {most:,} planted pairs a bin")
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {HEIGHT}' width='{WIDTH}' height='{HEIGHT}' "
        f"role='img' aria-label='share of pairs found by similarity' font-family='system-ui,sans-serif' "
        f"font-size='12'>{''.join(parts)}</svg>\n"
    )


def _point(row: Mapping[str, Any]) -> list[str]:
    x, half = _x((row["from"] + row["to"]) / 2), 9
    high, low = _y(row["most"] / row["pairs"]), _y(row["least"] / row["pairs"])
    colour = INK if row["inside"] else COLOURS[1]
    return [
        f"<rect x='{x - half:.1f}' y='{high - 1:.1f}' width='{2 * half}' height='{low - high + 2:.1f}' rx='2' "
        f"fill='{COLOURS[0]}' fill-opacity='0.3'/>",
        f"<circle cx='{x:.1f}' cy='{_y(row['found'] / row['pairs']):.1f}' r='3' fill='{colour}'/>",
    ]


def _axes() -> list[str]:
    parts = []
    for i in range(6):
        y = _y(i / 5)
        parts.append(f"<line x1='{LEFT}' x2='{WIDTH - RIGHT}' y1='{y:.1f}' y2='{y:.1f}' stroke='{GRID}'/>")
        parts.append(_text(LEFT - 8, y + 4, f"{i / 5:.0%}", anchor="end"))
    for i in range(11):
        jaccard = LOW + 0.05 * i
        x, end = _x(jaccard), HEIGHT - BOTTOM
        parts.append(f"<line x1='{x:.1f}' x2='{x:.1f}' y1='{end}' y2='{end + 4}' stroke='{MUTED}'/>")
        parts.append(_text(x, end + 18, f"{jaccard:.2f}"))
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, "exact Jaccard similarity of a pair", INK))
    parts.append(_text(LEFT - 40, 18, "pairs that share a band", INK, "start"))
    return parts


def _legend(curve: str, points: str) -> list[str]:
    x, y = _x(0.74), _y(0.3)
    return [
        f"<line x1='{x}' x2='{x + 24}' y1='{y}' y2='{y}' stroke='{COLOURS[0]}' stroke-width='2'/>",
        _text(x + 34, y + 4, curve, INK, "start"),
        f"<circle cx='{x + 12}' cy='{y + 22}' r='3' fill='{INK}'/>",
        _text(x + 34, y + 26, points, INK, "start"),
        f"<rect x='{x + 3}' y='{y + 36}' width='18' height='16' rx='2' fill='{COLOURS[0]}' fill-opacity='0.3'/>",
        _text(x + 34, y + 48, "where chance leaves 99 of 100 such figures", INK, "start"),
    ]
