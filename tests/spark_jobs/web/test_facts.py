"""Wishes in headers and meta tags, and captures that were cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_jobs.web.facts import HEAD_CHARS, Wishes, is_truncated, wishes_of_headers, wishes_of_page


@pytest.mark.parametrize(
    ("value", "noindex", "noai"),
    [
        ("noindex", True, False),
        ("NoFollow, NONE", True, False),
        ("nofollow", False, False),
        ("noai, noimageai", False, True),
        ("googlebot: noindex, noai", True, True),
        ("otherbot: noindex", False, False),
        ("otherbot: noindex, googlebot: noai", False, True),
        ("unavailable_after: 25 Jun 2030 15:00:00 PST, noindex", True, False),
        ("max-snippet: 20, noindex", True, False),
        ("noindexing", False, False),
        (":::,,,:", False, False),
        ("", False, False),
    ],
)
def test_robots_directives(value: str, noindex: bool, noai: bool) -> None:
    assert wishes_of_headers({"x-robots-tag": value}) == Wishes(noindex, noai)
    assert wishes_of_page(f'<head><meta content="{value}" name="Robots"></head>') == Wishes(noindex, noai)


@pytest.mark.parametrize(
    ("html", "wanted"),
    [
        ("<META NAME='googlebot' CONTENT='noindex'/>", Wishes(noindex=True)),
        ("<meta name=robots content=noai>", Wishes(noai=True)),
        ('<meta\n name="robots"\n content="no&#105;ndex">', Wishes(noindex=True)),
        ('<meta name="tdm-reservation" content="1">', Wishes(noai=True)),
        ('<meta name="tdm-reservation" content="0">', Wishes()),
        ('<meta name="robots" content="noindex"><meta name="robots" content="noai">', Wishes(True, True)),
        ('<!-- <meta name="robots" content="noindex"> -->', Wishes()),
        ('<!-- x --><meta name="robots" content="noindex">', Wishes(noindex=True)),
        ('<meta name="otherbot" content="noindex">', Wishes()),
        ('<meta property="robots" content="noindex">', Wishes()),
        ('<head></head><body><meta name="robots" content="noindex">', Wishes()),
        ("<meta>" * 9 + "<meta name=robots", Wishes()),
        (" " * HEAD_CHARS + '<meta name="robots" content="noindex">', Wishes()),
    ],
)
def test_meta_tags(html: str, wanted: Wishes) -> None:
    assert wishes_of_page(html) == wanted


def test_a_reservation_in_the_header() -> None:
    assert wishes_of_headers({"tdm-reservation": " 1 "}) == Wishes(noai=True)
    assert wishes_of_headers({"tdm-reservation": "0"}) == wishes_of_headers({}) == Wishes()


@pytest.mark.parametrize(
    "bait", ["<!--", "<meta ", "<meta a='", '<meta a="b=', "-->", "<meta a=", "<meta name=robots content="]
)
def test_bait_for_a_slow_search_is_read_to_its_end(bait: str) -> None:
    assert wishes_of_page(bait * 100_000) == Wishes()


@given(st.text(), st.text())
def test_no_text_stops_it(value: str, html: str) -> None:
    wishes_of_headers({"x-robots-tag": value, "tdm-reservation": html})
    wishes_of_page(f"<meta {html}><meta name='robots' content='{value}'>")


@pytest.mark.parametrize(
    ("headers", "http", "wanted"),
    [
        ({}, {}, False),
        ({"warc-truncated": "length"}, {}, True),
        ({}, {"content-length": "10"}, False),
        ({}, {"content-length": "11"}, True),
        ({}, {"content-length": "9"}, False),
        ({}, {"content-length": "11", "content-encoding": "gzip"}, False),
        ({}, {"content-length": "11", "transfer-encoding": "chunked"}, False),
        ({}, {"content-length": "eleven"}, False),
        ({}, {"content-length": "²"}, False),
        ({}, {"content-length": "9" * 10_000}, True),
    ],
)
def test_captures_that_were_cut(headers: dict[str, str], http: dict[str, str], wanted: bool) -> None:
    assert is_truncated(headers, http, 10) is wanted
