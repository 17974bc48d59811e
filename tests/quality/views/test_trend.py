"""The trend over all released snapshots."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from gristmill.catalogue import Catalogue
from gristmill.verdicts import Check
from quality.views import links, trend
from tests.quality.views.pages import Page, judge, released


def mixed(observed: float, bound: float) -> list[Check]:
    kept = Check("kept share", "block", "passed", 0.4, {"min": 0.02, "max": 1}, "why", "plausibility",
                 "decide.kept_share")  # fmt: skip
    return [kept, Check("mix", "warn", "passed", observed, {"max": bound}, "why", "drift", "drift.mix")]


@pytest.fixture
def three(mill: Any) -> Any:
    """Three releases; their figures and bounds differ."""
    paths = [file.path for file in mill.snapshot.files]
    for name, day, observed in (("newest", 9, 0.3), ("tiny", 4, 0.2), ("oldest", 1, 0.1)):
        if name != "tiny":
            Catalogue(mill.lake).add(name, date(2024, 3, day), paths)
        mill.edit("corpus", lambda row, title=name: row.update(title=title))
        mill.measure()
        judge(mill, "pass", mixed(observed, 0.05 * day))
        released(mill, name)
    return mill


def test_releases_are_in_the_order_of_their_dates_with_the_bounds_that_each_was_judged_by(three: Any) -> None:
    past = trend.released(three.lake)
    assert [one.snapshot for one in past] == ["oldest", "tiny", "newest"]
    [(chart, _, values)] = trend.checked(past)
    assert chart.title == "mix"
    assert values == [0.1, 0.2, 0.3]
    assert [row[1:] for row in chart.rows] == [("0.1", "– to 0.05"), ("0.2", "– to 0.2"), ("0.3", "– to 0.45")]
    assert chart.svg.count("✕") == 1


def test_a_figure_takes_the_bounds_of_the_check_of_its_metric(three: Any) -> None:
    charts = {chart.title: chart for chart, _, _ in trend.figures(trend.released(three.lake))}
    assert {row[2] for row in charts["share kept"].rows} == {"0.02 to 1"}
    assert {row[2] for row in charts["documents"].rows} == {"none"}
    assert [row[1] for row in charts["share of duplicates"].rows] == ["0.4"] * 3


def test_the_page_has_every_figure_as_a_table(three: Any) -> None:
    page = Page(trend.page(three.lake, links.files()))
    page.check_harmless()
    assert "3 released snapshots, from 2024-03-01 to 2024-03-09" in page.words
    for shown in ("newest 2024-03-09 Passed 5", "oldest 2024-03-01 Passed 5"):
        assert shown in page.words


def test_without_a_release_there_is_a_page_that_says_so(mill: Any) -> None:
    assert "Nothing is released yet" in Page(trend.page(mill.lake, links.files())).words
