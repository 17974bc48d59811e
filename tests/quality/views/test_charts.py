"""Charts: the picture has the figures, one colour per class of the stylesheet, and the same bytes every time."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from xml.etree import ElementTree

import pytest

from quality.views import charts, curves
from quality.views.charts import Chart
from quality.views.layout import style
from tests.quality.views.pages import PAYLOADS, Page


def every_chart(label: str = "english") -> list[Chart]:
    points = [(label, 0.2, None, None), ("b", 0.5, 0.1, 0.4), ("c", None, 0.1, 0.4)]
    return [
        charts.bars("bars", ["documents"], [(label, (3.0,)), ("de", (0.0,))]),
        charts.bars("two bars", ["before", "after"], [(label, (0.5, 0.25))], share=True),
        charts.columns("columns", ["documents"], [(label, (3.0,)), ("250", (1.0,))]),
        charts.columns("two columns", ["before", "after"], [(label, (3.0, 1.0)), ("250", (1.0, 1.0))]),
        charts.funnel("funnel", [(label, 10.0, 0.0), ("rules", 4.0, 6.0)]),
        charts.changes("changes", [(label, 0.5), ("less", -0.25)]),
        curves.trend("trend", points),
        curves.trend("one", points[:1]),
        curves.lines("lines", "step", ["loss"], [(1.0, (8.0,)), (2.0, (4.0,))]),
    ]


@pytest.mark.parametrize("chart", every_chart(), ids=lambda chart: chart.title)
def test_a_chart_is_an_image_with_a_name_and_takes_its_colours_from_the_page(chart: Chart) -> None:
    root = ElementTree.fromstring(str(chart.svg))
    assert root.get("role") == "img"
    assert [child.tag for child in root][:2] == ["title", "desc"]
    assert root[0].text == chart.title
    assert root[1].text
    classes = {name for element in root.iter() for name in (element.get("class") or "").split()} - {"chart"}
    assert classes
    assert all(f".chart .{name}" in style() for name in classes)
    assert "#0" not in str(chart.svg)
    for element in root.iter():
        assert not set(element.keys()) & {"style", "id", "clip-path", "fill", "stroke"}
        assert element.tag in ("svg", "title", "desc", "path", "text")


@pytest.mark.parametrize("chart", every_chart(), ids=lambda chart: chart.title)
def test_a_chart_has_its_figures_as_a_table(chart: Chart) -> None:
    assert chart.rows
    assert {len(row) for row in chart.rows} == {len(chart.columns)}


def test_bars_are_as_long_as_their_figures() -> None:
    chart = charts.bars("lengths", ["documents"], [("a", (4.0,)), ("b", (1.0,)), ("c", (0.0,))])
    paths = [
        e.get("d", "") for e in ElementTree.fromstring(str(chart.svg)).iter("path") if "f-blue" in e.get("class", "")
    ]
    widths = []
    for path in paths:
        across = [float(x) for x, _ in re.findall(r"(-?[\d.]+) (-?[\d.]+)", path)]
        widths.append(max(across) - min(across))
    assert widths[0] / widths[1] == pytest.approx(4, rel=0.01)
    assert widths[2] == 0
    assert chart.rows == (("a", "4"), ("b", "1"), ("c", "0"))


def test_a_value_outside_its_bounds_is_marked_and_said() -> None:
    inside = curves.trend("x", [("a", 0.2, 0.1, 0.4), ("b", 0.3, 0.1, 0.4)])
    outside = curves.trend("x", [("a", 0.2, 0.1, 0.4), ("b", 0.5, 0.1, 0.4)])
    assert "✕" not in inside.svg
    assert "never out of bounds" in inside.svg
    assert outside.svg.count("✕") == 1
    assert "out of bounds in 1" in outside.svg


def test_the_same_figures_give_the_same_picture_in_any_thread() -> None:
    first = [chart.svg for chart in every_chart()]
    for function in (charts._bars, charts._columns, charts._funnel, curves._trend):
        function.cache_clear()
    with ThreadPoolExecutor(4) as pool:
        again = list(pool.map(lambda _: [chart.svg for chart in every_chart()], range(4)))
    assert again == [first] * 4


def test_a_hostile_label_is_text() -> None:
    pages = []
    for labels in (PAYLOADS, [f"label {number}" for number in range(len(PAYLOADS))]):
        drawn = [
            charts.bars("t", ["n"], [(label, (1.0,)) for label in labels]),
            charts.columns("t", ["n"], [(label, (1.0,)) for label in labels]),
            charts.funnel("t", [(label, 1.0, 1.0) for label in labels]),
            charts.changes("t", [(label, 0.5) for label in labels]),
            *(curves.trend("t", [(label, 0.2, 0.1, 0.3), ("b", 0.2, 0.1, 0.3)]) for label in labels[11:]),
        ]
        pages.append([Page(str(chart.svg)) for chart in drawn])
    for drawn_by_rows in pages[0][:4]:
        assert "$x^2$" in drawn_by_rows.words, "no formula either"
    for found, tame in zip(*pages, strict=True):
        found.check_harmless()
        assert [tag for tag, _ in found.tags] == [tag for tag, _ in tame.tags]


def test_a_chart_of_nothing_is_drawn() -> None:
    for chart in (charts.bars("t", ["n"], []), charts.columns("t", ["n"], []), charts.funnel("t", []),
                  charts.changes("t", []), curves.lines("t", "step", ["n"], [])):  # fmt: skip
        assert chart.rows == ()
        assert chart.svg.startswith("<svg")
