"""Pictures: well-formed, and nothing in a label can become markup."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill import svg

# What XML can hold at all; reports pass labels through a filter that drops the rest.
labels = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"]), max_size=40)
values = st.floats(0, 1e12)
points = st.lists(st.tuples(values, values | st.sampled_from([math.nan, math.inf, -math.inf])), max_size=8)
DRAWN = {"svg", "text", "rect", "line", "polyline"}


def elements(picture: str) -> list[ET.Element]:
    return list(ET.fromstring(picture).iter())


def check(picture: str, texts: Iterable[str] = ()) -> None:
    found = elements(picture)
    assert {element.tag.rpartition("}")[2] for element in found} <= DRAWN
    assert not [name for element in found for name in element.attrib if name.startswith("on") or "href" in name]
    assert not {"nan", "inf", "-inf"} & {value for element in found for value in element.attrib.values()}
    shown = [element.text or "" for element in found]
    for text in texts:
        assert any(text == s or (text.startswith(s[:-1]) and s.endswith("…")) for s in shown), text


@given(st.lists(st.tuples(labels, values), max_size=6), labels)
def test_any_label_is_shown_as_text(rows: list[tuple[str, float]], unit: str) -> None:
    names = [label for label, _ in rows]
    check(svg.bars(rows, unit=unit), names)
    check(svg.columns(rows), names)
    check(svg.waterfall(("start", 1e13), rows, "end"), [*names, "start", "end"])


@given(st.dictionaries(labels, points, max_size=3), labels, labels)
def test_lines_with_any_name_and_any_number_are_drawn(
    series: dict[str, list[tuple[float, float]]], x: str, y: str
) -> None:
    picture = svg.lines(series, x_label=x, y_label=y)
    finite = any(math.isfinite(value) for each in series.values() for _, value in each)
    check(picture, [*series, x, y] if finite else ["no data"])


@pytest.mark.parametrize("draw", [svg.bars, svg.columns])
@pytest.mark.parametrize(
    "label", ["<script>alert(1)</script>", "' onload='x", '" onload="x', "</text><a href='x'>", "&lt;"]
)
def test_markup_in_a_label_stays_text(draw: Callable[..., str], label: str) -> None:
    picture = draw([(label, 1.0)])
    assert label not in picture
    check(picture, [label])


def test_bars_are_as_long_as_their_values() -> None:
    widths = [float(e.attrib["width"]) for e in elements(svg.bars([("a", 10), ("b", 5), ("c", 0)])) if "rx" in e.attrib]
    assert widths[0] == pytest.approx(2 * widths[1], abs=0.2)
    assert widths[2] <= 1


def test_a_waterfall_ends_with_what_is_left() -> None:
    texts = [e.text for e in elements(svg.waterfall(("in", 1000), [("short", 300), ("twin", 200)], "out"))]
    assert [t for t in texts if t] == ["in", "1,000", "short", "300", "twin", "200", "out", "500"]


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (1234567, "1,234,567"), (0.12345, "0.123"), (1234.5, "1,234.500")]
)
def test_a_figure_is_written_as_a_person_writes_it(value: float, text: str) -> None:
    assert svg.number_text(value) == text
