"""Two reports side by side."""

from __future__ import annotations

from typing import Any

import pytest

from quality import archive
from quality.views import compare, links
from quality.views.compare import NoSuchReport
from tests.quality.views.pages import PAYLOADS, Page, judge, released

WEB = links.web("/quality")


def report(mill: Any, run_id: str, policy: str = "default") -> str:
    """A report of the mill as it is; its reference."""
    archive.publish(mill.lake, "tiny", run_id, "page", {}, facts={"metrics": mill.digests["metrics"], "policy": policy})
    return f"tiny/{archive.pointer_key(run_id)}"


@pytest.fixture
def pair(mill: Any) -> tuple[str, str]:
    """The same snapshot under two policies: the second keeps the short document, too."""
    first = report(mill, "one")

    def keep(row: dict[str, Any]) -> None:
        row.update(kept=True, reason=None) if row["reason"] == "too_short" else None

    mill.edit("decisions", keep)
    mill.measure()
    return first, report(mill, "two", "lenient")


def test_two_policies_of_one_snapshot_differ_where_they_decide_differently(mill: Any, pair: tuple[str, str]) -> None:
    words = Page(compare.page(mill.lake, *pair, WEB)).words
    assert "(policy default) and then" in words
    assert "(policy lenient)" in words
    assert "share kept 40.0 % 60.0 % +20.0 points" in words
    assert "documents 5 5 0" in words
    assert "tiny, first" in words


def test_a_snapshot_alone_names_its_release_or_its_newest_report(mill: Any) -> None:
    report(mill, "one", "of the report")
    assert compare.side(mill.lake, archive.pointers(mill.lake), "tiny").policy == "of the report"
    judge(mill)
    released(mill)
    assert compare.side(mill.lake, archive.pointers(mill.lake), "tiny").policy == ""


def test_without_two_sides_the_page_asks_for_them(mill: Any) -> None:
    assert "There is no report with measurements yet" in Page(compare.page(mill.lake, "", "", WEB)).words
    reference = report(mill, "one")
    page = Page(compare.page(mill.lake, reference, "", WEB))
    assert "Choose two reports" in page.words
    assert page.values("form", "action") == ["/quality/compare"]
    assert len([tag for tag, _ in page.tags if tag == "option"]) == 2
    page.check_harmless()


def test_a_plain_file_has_no_form(mill: Any) -> None:
    side = compare.Side("tiny", mill.digests["metrics"], "")
    page = Page(compare.plain_page(mill.lake, side, side, links.files()))
    assert not [tag for tag, _ in page.tags if tag in ("form", "select", "input")]
    page.check_harmless()


@pytest.mark.parametrize("reference", ["unknown", "tiny/unknown", "../tiny", "/", PAYLOADS[0]])
def test_what_was_never_reported_is_an_error_that_says_what_to_do(mill: Any, reference: str) -> None:
    report(mill, "one")
    with pytest.raises(NoSuchReport, match="choose two from the list"):
        compare.side(mill.lake, archive.pointers(mill.lake), reference)


def test_hostile_names_are_text(mill: Any) -> None:
    found = compare.compared(mill.lake, *[compare.Side(PAYLOADS[0], mill.digests["metrics"], "")] * 2)
    for payload in PAYLOADS:
        side = compare.Side(payload, "", payload)
        Page(compare.render(side, side, found, WEB, [payload], payload, payload + "x")).check_harmless()


def test_differences_are_those_of_the_figures(mill: Any, pair: tuple[str, str]) -> None:
    known = archive.pointers(mill.lake)
    left, right = (compare.side(mill.lake, known, reference) for reference in pair)
    found = compare.compared(mill.lake, left, right)
    moved = dict(found["moved"].rows)
    assert moved["documents"] == "0.0 %"
    assert "share kept" not in moved, "a share of a share is not shown beside points"
    [rules] = [chart for chart in found["charts"] if chart.title.startswith("Removed")]
    assert ("too_short", "20.0 %", "20.0 %") in rules.rows, "the accounts of the two are the same"
