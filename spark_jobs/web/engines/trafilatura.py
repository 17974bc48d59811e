"""Main content by trafilatura in its fast mode. Its own duplicate filter remembers earlier pages, so it stays off."""

from __future__ import annotations

from datetime import date

from trafilatura import bare_extraction

from spark_jobs.web.charset import clean
from spark_jobs.web.engines.content import Content, ExtractionError

MAX_TAGS = 100_000
"""Its tree is walked many times; a page with more tags is refused."""


class TrafilaturaEngine:
    """Raises too_deep for pages of more than MAX_TAGS tags."""

    name = "trafilatura"
    version = 1

    def extract(self, html: str) -> Content:
        if html.count("<") > MAX_TAGS:
            raise ExtractionError("too_deep")
        try:
            found = bare_extraction(
                clean(html), fast=True, deduplicate=False, include_comments=False, with_metadata=True
            )
        except MemoryError:
            # The page's cost, not its form: the caller accounts for it.
            raise
        except Exception:
            raise ExtractionError("bad_html") from None
        text = clean(getattr(found, "text", None) or "").strip()
        if not text:
            raise ExtractionError("no_text")
        title = " ".join(clean(getattr(found, "title", None) or "").split()) or None
        return Content(text, title, _date(getattr(found, "date", None)))


def _date(value: str | None) -> date | None:
    try:
        return date.fromisoformat((value or "")[:10])
    except ValueError:
        return None
