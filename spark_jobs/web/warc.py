"""WARC records with their exact addresses, and damage that is seen instead of passed over.

WARC readers end silently at a truncated member. So the file is cut into members (or plain records) first,
each known to be complete or damaged, and only then parsed, by FastWARC.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from fastwarc.warc import ArchiveIterator

from spark_jobs.web.http import BodyError, decode_body
from spark_jobs.web.members import Damage, Member, read_members

TYPES = frozenset({"response", "conversion", "resource"})
"""The record types that must become a document or a reject; others are passed over."""


@dataclass(frozen=True)
class Record:
    """One WARC record; `offset` is that of its gzip member (of the record itself in a plain file).

    `headers` are the WARC header fields in lower case, `http` those of the HTTP response, `body` the payload
    without transfer and content encodings. `problem` names why a record could not be read in full.
    """

    offset: int
    type: str
    headers: dict[str, str]
    status: int | None = None
    http: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    problem: str | None = None

    @property
    def url(self) -> str | None:
        """WARC-Target-URI without the angle brackets that some writers put around it."""
        url = self.headers.get("warc-target-uri", "").strip().removeprefix("<").removesuffix(">").strip()
        return url or None


def read_records(data: memoryview, max_record_bytes: int) -> Iterator[Record | Damage]:
    """All records of a WARC file (gzip by member, or plain) in file order, damage in its place."""
    for member in read_members(data, max_record_bytes):
        if isinstance(member, Damage):
            yield member
        elif member.whole:
            yield from _parse(member, max_record_bytes)
        else:
            yield _too_large(member, max_record_bytes)


def _parse(member: Member, cap: int) -> Iterator[Record | Damage]:
    """The records of one member: one, as the standard asks; more are named, since they share an address.

    Addresses stay inside the member; the last one is kept for damage.
    """
    count, last = 0, max(1, member.length - 1)
    try:
        for headers, record in _warc_records(member.data):
            if count == last:
                yield _lost(member, count, "too_many_records_in_member")
                return
            found = _record(member.offset + count, headers, record, member.data, cap, first=not count)
            yield found
            count += 1
            if found.problem == "short_record":
                return
    except (OSError, ValueError, EOFError):
        yield _lost(member, count, "bad_record")
        return
    if not count:
        yield _lost(member, 0, "no_record")


def _lost(member: Member, count: int, reason: str) -> Damage:
    """What follows the first `count` records of a member."""
    return Damage(member.offset + count, member.length - count, reason)


def _too_large(member: Member, cap: int) -> Record | Damage:
    """The record that exceeds the cap; damage where the member exceeds it with many records."""
    try:
        headers, record = next(_warc_records(member.data))
    except (OSError, ValueError, EOFError, StopIteration):
        return _lost(member, 0, "bad_record")
    if _block_start(member.data, record.stream_pos) + record.content_length <= cap:
        return _lost(member, 0, "too_many_records_in_member")
    return Record(member.offset, _kind(headers), headers, problem="too_large")


def _warc_records(data: bytes) -> Iterator[tuple[dict[str, str], Any]]:
    """(header fields in lower case, FastWARC record) of each record; ValueError for what is none."""
    for record in ArchiveIterator(io.BytesIO(data), parse_http=False, fsspec_args=False):
        headers = {name.lower(): value for name, value in record.headers.items()}
        if "warc-type" not in headers or "content-length" not in headers:
            raise ValueError("not a WARC record")
        yield headers, record


def _kind(headers: dict[str, str]) -> str:
    return headers["warc-type"].strip().lower() or "unknown"


def _record(offset: int, headers: dict[str, str], record: Any, data: bytes, cap: int, first: bool) -> Record:
    """One record; HTTP framing and encodings are removed where there are any."""
    kind = _kind(headers)
    if kind not in TYPES:
        return Record(offset, kind, headers)
    if not first:
        return Record(offset, kind, headers, problem="not_seekable")
    if _block_start(data, record.stream_pos) + record.content_length > len(data):
        return Record(offset, kind, headers, problem="short_record")
    if kind != "response" and "application/http" not in headers.get("content-type", ""):
        return Record(offset, kind, headers, body=bytes(record.reader.read()))
    try:
        # Some old crawlers stored headers with bare line feeds.
        record.parse_http(auto_decode="none", quirks_mode=True)
        fields = record.http_headers
        if fields is None or fields.status_code is None:
            return Record(offset, kind, headers, problem="bad_http")
        http = {name.lower(): value for name, value in fields.items()}
        body = decode_body(bytes(record.reader.read()), http, cap)
        return Record(offset, kind, headers, int(fields.status_code), http, body)
    except BodyError as error:
        return Record(offset, kind, headers, int(fields.status_code), http, problem=error.reason)
    except (OSError, ValueError, EOFError):
        return Record(offset, kind, headers, problem="bad_http")


def _block_start(data: bytes, start: int) -> int:
    """Where the block of the record at `start` begins: after the empty line that ends its header."""
    return data.index(b"\r\n\r\n", start) + 4
