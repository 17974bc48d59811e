"""Title and publication date of a page, from the places that a parsed page notes."""

from __future__ import annotations

import html as entities
import re
from datetime import date

import numpy as np

from spark_jobs.web.charset import clean
from spark_jobs.web.dom.page import BEGIN, END, HOLDER, PARENT, SPAN_AT, TAG, TIME_SPAN, TITLE_SPAN, Page
from spark_jobs.web.dom.vocabulary import METAS, tag

TITLE_CHARS = 500
_H1 = tag("h1")
_OG_TITLE, _TWITTER_TITLE = METAS["og:title"], METAS["twitter:title"]
_DATES = (METAS["article:published_time"], METAS["datepublished"], METAS["date"])
# No part can match a quote or run past 40 characters, so that a search is linear.
_JSON_DATE = re.compile(r'"datePublished"\s{0,9}:\s{0,9}"([^"]{8,40})"')
_DAY = re.compile(r"(?<!\d)(\d{4})[-/.]?(\d{2})[-/.]?(\d{2})(?!\d)")


def title_of(source: bytes, page: Page, blocks: int) -> str | None:
    """og:title, else the first h1, else the title element, else twitter:title."""
    for found in (
        span_of(source, page, _OG_TITLE),
        _heading(page, blocks),
        span_of(source, page, TITLE_SPAN),
        span_of(source, page, _TWITTER_TITLE),
    ):
        if found:
            return found
    return None


def published_of(source: bytes, html: str, page: Page) -> date | None:
    """The first readable day of: the meta tags, JSON-LD's datePublished, itemprop, the first <time>."""
    first, item, other = (span_of(source, page, row) for row in _DATES)
    json = _JSON_DATE.search(html, at) if (at := html.find('"datePublished"')) >= 0 else None
    for found in (first, json[1] if json else "", item, other, span_of(source, page, TIME_SPAN)):
        if day := _day(found):
            return day
    return None


def span_of(source: bytes, page: Page, row: int) -> str:
    """The text of a noted span, in one line; empty where there is none."""
    start, end = page.state[SPAN_AT + 2 * row : SPAN_AT + 2 * row + 2]
    return _line(entities.unescape(source[start : min(end, start + 8 * TITLE_CHARS)].decode("utf-8", "ignore")))


def _line(text: str) -> str:
    return " ".join(clean(text).split())[:TITLE_CHARS].strip()


def _heading(page: Page, blocks: int) -> str:
    """The first block whose element, or one of the three above it, is an <h1>."""
    holders, first = page.blocks[:blocks, HOLDER], blocks
    for _ in range(4):
        found = np.flatnonzero((holders >= 0) & (page.nodes[holders, TAG] == _H1))
        first = min([first, *found[:1].tolist()])
        holders = np.where(holders >= 0, page.nodes[holders, PARENT], -1)
    if first == blocks:
        return ""
    block = page.blocks[first]
    return _line(page.text[block[BEGIN] : block[END]].tobytes().decode("utf-8", "ignore"))


def _day(text: str) -> date | None:
    found = _DAY.search(text)
    if not found:
        return None
    try:
        day = date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        return None
    return day if 1990 <= day.year <= 2100 else None
