"""matplotlib figures as SVG that takes its colours from the page, so that one picture serves light and dark.

A picture is drawn in marker colours; each becomes a class (`f-` for fill, `s-` for stroke) that the stylesheet
colours. Same data, same bytes: no date, no random ids, coordinates to a tenth of a point.
"""

from __future__ import annotations

import io
import re
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from xml.etree import ElementTree

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

INK, MUTED, GRID, BLUE, ORANGE, GREEN, RED = (f"#0{n}0{n}0{n}" for n in range(1, 8))
_CLASSES = {INK: "ink", MUTED: "muted", GRID: "grid", BLUE: "blue", ORANGE: "orange", GREEN: "green", RED: "red"}
_KEPT = {"stroke-width", "stroke-dasharray", "text-anchor", "fill-opacity", "opacity"}
_PIXELS = re.compile(r"(\d+(?:\.\d+)?)px")
_NUMBER = re.compile(r"-?\d+\.\d+")
_DRAWING = threading.Lock()
"""matplotlib's settings and fonts are not made for several threads."""

mpl.use("svg")
mpl.rcParams.update({
    "svg.fonttype": "none", "svg.hashsalt": "gristmill", "text.parse_math": False, "text.usetex": False,
    "font.family": "DejaVu Sans", "font.size": 12, "text.color": INK, "axes.edgecolor": GRID,
    "axes.labelcolor": MUTED, "xtick.color": MUTED, "ytick.color": INK, "axes.spines.top": False,
    "axes.spines.right": False, "xtick.major.size": 0, "ytick.major.size": 0, "axes.axisbelow": True,
    "grid.color": GRID, "path.simplify": True, "figure.facecolor": "none", "axes.facecolor": "none",
})  # fmt: skip


@contextmanager
def canvas(width: int, height: int) -> Iterator[Figure]:
    """A figure of `width` x `height` points; one thread draws at a time."""
    with _DRAWING, warnings.catch_warnings():
        # A label may hold letters that the measuring font lacks; the reader's browser has them.
        warnings.simplefilter("ignore")
        yield Figure(figsize=(width / 72, height / 72))


def to_svg(figure: Figure, title: str, description: str) -> Markup:
    """The figure as inline SVG with its name and description; call it inside `canvas`."""
    stream = io.StringIO()
    canvas: Any = FigureCanvasSVG(figure)
    canvas.print_svg(stream, metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    source = ElementTree.fromstring(stream.getvalue())  # noqa: S314 (our own drawing; its labels are escaped)
    box = source.get("viewBox", "").split()
    picture = ElementTree.Element("svg", {"class": "chart", "role": "img", "viewBox": " ".join(box)})
    ElementTree.SubElement(picture, "title").text = title
    ElementTree.SubElement(picture, "desc").text = description
    for child in source:
        _copy(child, picture)
    return Markup(ElementTree.tostring(picture, encoding="unicode"))  # noqa: S704 (serialised, so escaped)


def _copy(element: ElementTree.Element, parent: ElementTree.Element) -> None:
    """What is drawn, without groups, ids, clips, definitions and inline styles."""
    name = element.tag.rpartition("}")[2]
    if name == "g":
        for child in element:
            _copy(child, parent)
    elif name in ("path", "text"):
        style = element.get("style", "")
        found = _presentation(style)
        if name == "text" and (height := _PIXELS.search(style)):
            found["font-size"] = height[1]
        if name == "path" and not {"f", "s"} & {part[0] for part in found.get("class", "").split()}:
            return
        for key in ("d", "x", "y", "transform"):
            if value := element.get(key):
                found[key] = _NUMBER.sub(_rounded, " ".join(value.split()))
        if found.get("transform", "").startswith("rotate(-0"):
            del found["transform"]
        ElementTree.SubElement(parent, name, found).text = element.text


def _presentation(style: str) -> dict[str, str]:
    """An inline style as attributes; colours as classes."""
    declared = dict(_pair(part) for part in style.split(";") if ":" in part)
    classes = [
        f"{prefix}-{_CLASSES[declared[key]]}"
        for key, prefix in (("fill", "f"), ("stroke", "s"))
        if declared.get(key) in _CLASSES
    ]
    kept = {key: value for key, value in declared.items() if key in _KEPT}
    return {**kept, "class": " ".join(classes)} if classes else kept


def _pair(part: str) -> tuple[str, str]:
    key, _, value = part.partition(":")
    return key.strip(), value.strip()


def _rounded(found: re.Match[str]) -> str:
    return f"{float(found[0]):.1f}".removesuffix(".0")


def legend(figure: Figure, names: Sequence[tuple[str, str]]) -> None:
    """(name, colour) of each series, in one line at the top."""
    width, height = (72 * side for side in figure.get_size_inches())
    x = 0.03 * width
    for name, colour in names:
        y = height - 12
        figure.add_artist(Rectangle((x / width, (y - 5) / height), 11 / width, 11 / height, color=colour, linewidth=0,
                                    transform=figure.transFigure))  # fmt: skip
        figure.text((x + 17) / width, y / height, name, va="center", color=INK)
        x += 17 + 8.0 * len(name) + 18


def quiet_axes(figure: Figure, place: tuple[float, float, float, float]) -> Any:
    """Axes at `place` (left, bottom, width, height, as shares of the figure), without a frame."""
    axes = figure.add_axes(place)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
    return axes
