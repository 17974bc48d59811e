"""The frame of all pages and where its links lead."""

from __future__ import annotations

from quality.views import layout, links
from tests.quality.views.pages import PAYLOADS, Page


def test_every_page_has_a_skip_link_landmarks_a_title_and_one_heading() -> None:
    page = Page(layout.page("failed.html", "failed", links.files(), "trend", error="why"))
    page.check_harmless()
    tags = [tag for tag, _ in page.tags]
    for tag in ("header", "nav", "main", "footer", "h1", "title"):
        assert tags.count(tag) == 1
    assert page.values("a", "href")[0] == "#content"
    assert page.values("main", "id") == ["content"]
    assert page.values("html", "lang") == ["en"]
    assert page.values("a", "aria-current") == ["page"]


def test_a_stored_page_gets_the_menu_of_where_it_is_shown() -> None:
    stored = layout.page("failed.html", "failed", links.files(), "report", error='<nav id="pages">x</nav>')
    shown = layout.reframe(stored, links.web("/quality", "tiny", "a key", samples=True))
    assert Page(shown).values("a", "href")[1:] == [
        "/quality/", "/quality/reports/tiny/a%20key", "/quality/samples/tiny/a%20key", "/quality/compare",
        "/quality/trend", "/quality/runs",
    ]  # fmt: skip
    assert shown.count("<nav") == 1
    assert layout.reframe(shown, links.files()) == stored


def test_hostile_ids_stay_one_part_of_an_address() -> None:
    for payload in (*PAYLOADS[:-2], "../../x", "a/b?c#d", "%2e%2e"):
        web = links.web("/quality", payload, payload, samples=True)
        for href in (web.report, web.samples, web.snapshot(payload, payload), web.run(payload)):
            assert href.startswith("/quality/")
            assert set(href) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789%/-_.~")
            assert href.count("/") in (3, 4)
        assert "/" not in links.files().snapshot(payload, "").removeprefix("../").removesuffix("/report.html")
