"""The bytes of a page to its text and facts: what runs inside the parsing process."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from spark_jobs.web.charset import charset_of, clean, decode
from spark_jobs.web.engines import Engine, ExtractionError
from spark_jobs.web.facts import NO_WISHES, Wishes, wishes_of_page


@dataclass(frozen=True)
class Source:
    """A body without encodings and its content type as the header has it; `html`: whether it has markup."""

    body: bytes
    content_type: str
    html: bool = True


@dataclass(frozen=True)
class Page:
    """`problem` names why there is no text; `charset` is a codec of Python's."""

    charset: str | None = None
    text: str = ""
    title: str | None = None
    published: date | None = None
    wishes: Wishes = NO_WISHES
    problem: str | None = None


def read_page(source: Source, engine: Engine) -> Page:
    """Main text, title, date and wishes of an HTML page; of plain text, the text."""
    text, charset = decode(source.body, charset_of(source.body, source.content_type))
    if not source.html:
        text = clean(text).strip()
        return Page(charset, text, problem=None if text else "no_text")
    try:
        content = engine.extract(text)
    except ExtractionError as error:
        return Page(charset, problem=error.reason)
    if not content.text:
        return Page(charset, problem="no_text")
    return Page(charset, content.text, content.title, content.published, wishes_of_page(text))
