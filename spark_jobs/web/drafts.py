"""What is known of a record before its text is read; it becomes a row of documents or of rejects."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from spark_jobs.web.charset import clean
from spark_jobs.web.facts import NO_WISHES, Wishes, is_truncated, wishes_of_headers
from spark_jobs.web.page import Page, Source
from spark_jobs.web.tables import Row, utc
from spark_jobs.web.urls import canonical, host_of
from spark_jobs.web.warc import Record

HTML_TYPES = frozenset({"text/html", "application/xhtml+xml"})
TEXT_TYPE = "text/plain"
_HTML_STARTS = (b"<!doctype html", b"<html", b"<head", b"<body")


@dataclass(frozen=True)
class Draft:
    """`bytes` are those of the body, or of the file where it was not read; `mime` is a type without parameters."""

    doc_id: int
    url: str | None
    canonical_url: str | None
    record_type: str
    bytes: int
    status: int | None = None
    mime: str | None = None
    captured: datetime | None = None
    truncated: bool = False
    wishes: Wishes = NO_WISHES

    def document(self, page: Page, extractor: str) -> dict[str, Any]:
        """The row of `documents`, with the text of `page`."""
        wishes = self.wishes | page.wishes
        return {
            "doc_id": self.doc_id, "url": self.url, "canonical_url": self.canonical_url,
            "host": host_of(self.url or ""), "captured": self.captured, "charset": page.charset, "text": page.text,
            "title": page.title, "published": page.published, "html_bytes": self.bytes, "extractor": extractor,
            "truncated": self.truncated, "noindex": wishes.noindex, "noai": wishes.noai,
        }  # fmt: skip

    def reject(self, reason: str) -> dict[str, Any]:
        """The row of `rejects`."""
        return {
            "doc_id": self.doc_id, "url": self.url, "record_type": self.record_type, "status": self.status,
            "mime": self.mime, "reason": reason, "bytes": self.bytes,
        }  # fmt: skip


def draft_of_record(record: Record, base: int) -> Draft:
    """`base` is the file's part of the ids."""
    url = _valid(record.url)
    size = record.stored_bytes if record.problem else len(record.body)
    return Draft(
        base | record.offset, url, _canonical(url), record.type, size, record.status, _mime(record) or None,
        utc(record.headers.get("warc-date")), is_truncated(record.headers, record.http, len(record.body)),
        wishes_of_headers(record.http),
    )  # fmt: skip


def draft_of_row(row: Row, base: int) -> Draft:
    """`base` is the file's part of the ids."""
    url = _valid(row.url)
    return Draft(base | row.offset, url, _canonical(url), "row", row.bytes, captured=row.captured)


def page_of_row(row: Row) -> Page:
    """The text that a table has, with the characters removed that no text holds."""
    text = clean(row.text).strip()
    title = " ".join(clean(row.title or "").split()) or None
    return Page(text=text, title=title, problem=None if text else "no_text")


def refusal(record: Record) -> str | None:
    """Why a record is not read any further, or None."""
    if record.problem is not None:
        return record.problem
    if record.status not in (None, 200):
        return "http_status"
    if not record.body:
        return "empty_body"
    return None if is_html(record) or is_text(record) else "not_html"


def is_html(record: Record) -> bool:
    """By the type that the header says; by the first bytes where it says none."""
    mime = _mime(record)
    return mime in HTML_TYPES if mime else record.body[:512].lstrip().lower().startswith(_HTML_STARTS)


def is_text(record: Record) -> bool:
    """Text made by a tool (WET) or stored as a resource; text that a server sent is code and logs for the most part."""
    return record.type != "response" and _mime(record) == TEXT_TYPE


def source_of(record: Record) -> Source:
    """What is parsed of a record."""
    return Source(record.body, _content_type(record), is_html(record))


def _content_type(record: Record) -> str:
    return (record.headers if record.status is None else record.http).get("content-type", "")


def _mime(record: Record) -> str:
    return _content_type(record).partition(";")[0].strip().lower()


def _valid(url: str | None) -> str | None:
    return None if url is None else url.encode("utf-8", "replace").decode()


def _canonical(url: str | None) -> str | None:
    return None if url is None else canonical(url)
