"""One crawl file to documents and rejects: every record becomes one or the other."""

from __future__ import annotations

import hashlib
import mmap
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
from pydantic import Field

from gristmill.lake import Account
from gristmill.schemas import OFFSET_BITS, SCHEMAS
from gristmill.settings import Settings
from spark_jobs.web.html import EXTRACTOR, extract
from spark_jobs.web.members import Damage
from spark_jobs.web.warc import TYPES, Record, read_records

HTML_TYPES = frozenset({"text/html", "application/xhtml+xml"})
DAMAGE_REASON = "corrupt"


class ExtractConfig(Settings):
    """`max_record_bytes`: a record that inflates to more is quarantined."""

    max_record_bytes: int = Field(default=16 << 20, ge=1 << 10, le=1 << 30)


@dataclass
class Extraction:
    """Result of one file of `bytes`."""

    documents: pa.Table
    rejects: pa.Table
    sha256: str
    bytes: int
    account: Account


@dataclass
class _Rows:
    documents: list[dict[str, Any]] = field(default_factory=list)
    rejects: list[dict[str, Any]] = field(default_factory=list)
    read: int = 0
    quarantined: int = 0


def extract_file(path: str, file_index: int, config: ExtractConfig) -> Extraction:
    """Read a WARC file once. Memory is bounded by the record cap and the extracted text, not by the file."""
    size = Path(path).stat().st_size
    rows, digest = _Rows(), hashlib.sha256()
    if size:
        with (
            Path(path).open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
            memoryview(mapped) as view,
        ):
            digest.update(view)
            for item in read_records(view, config.max_record_bytes):
                # Counted here, not from the rows, so that the balance shows a record that became none.
                rows.read += isinstance(item, Damage) or item.type in TYPES
                _take(rows, item, file_index << OFFSET_BITS)
    removed = Counter(row["reason"] for row in rows.rejects)
    # Damage and oversized records are quarantined, not judged.
    for reason in (DAMAGE_REASON, "too_large"):
        removed.pop(reason, None)
    account = Account(rows.read, len(rows.documents), dict(sorted(removed.items())), rows.quarantined)
    return Extraction(
        _table("documents", rows.documents), _table("rejects", rows.rejects), digest.hexdigest(), size, account
    )


def _take(rows: _Rows, item: Record | Damage, base: int) -> None:
    if isinstance(item, Damage):
        rows.quarantined += 1
        rows.rejects.append(_reject(base | item.offset, None, item.reason, None, None, DAMAGE_REASON, item.bytes))
        return
    if item.type not in TYPES:
        return
    document, reason = _document(item, base)
    if document is not None:
        rows.documents.append(document)
        return
    rows.quarantined += reason == "too_large"
    mime = _mime(item) or None
    rows.rejects.append(_reject(base | item.offset, item.url, item.type, item.status, mime, reason, len(item.body)))


def _document(record: Record, base: int) -> tuple[dict[str, Any] | None, str]:
    """(document, "") or (None, reason)."""
    if record.problem is not None:
        return None, record.problem
    if record.url is None:
        return None, "no_url"
    if record.status is None:
        return None, "not_http"
    if record.status != 200:
        return None, "http_status"
    if not record.body:
        return None, "empty_body"
    if not _is_html(record):
        return None, "not_html"
    found = extract(record.body, record.http.get("content-type", ""))
    if found.problem is not None:
        return None, found.problem
    return {
        "doc_id": base | record.offset, "url": record.url, "host": _host(record.url),
        "captured": _captured(record.headers.get("warc-date", "")), "charset": found.charset, "text": found.text,
        "title": found.title, "html_bytes": len(record.body), "extractor": EXTRACTOR,
    }, ""  # fmt: skip


def _is_html(record: Record) -> bool:
    mime = _mime(record)
    if mime:
        return mime in HTML_TYPES
    head = record.body[:512].lstrip().lower()
    return head.startswith((b"<!doctype html", b"<html", b"<head", b"<body"))


def _mime(record: Record) -> str:
    return record.http.get("content-type", "").split(";")[0].strip().lower()


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""


def _captured(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None


def _reject(
    doc_id: int, url: str | None, record_type: str, status: int | None, mime: str | None, reason: str, size: int
) -> dict[str, Any]:
    return {
        "doc_id": doc_id, "url": url, "record_type": record_type, "status": status, "mime": mime, "reason": reason,
        "bytes": size,
    }  # fmt: skip


def _table(dataset: str, rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(sorted(rows, key=lambda row: int(row["doc_id"])), schema=SCHEMAS[dataset])
