"""WARC records with their exact addresses, and damage that is seen instead of passed over.

WARC readers end silently at a truncated member. So the file is cut into members (or plain records) here,
each is known to be complete or damaged, and only then is it parsed, by FastWARC.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from fastwarc.warc import ArchiveIterator

GZIP_MAGIC = b"\x1f\x8b\x08"
CHUNK = 1 << 16

TYPES = frozenset({"response", "conversion", "resource"})
"""The record types that must become a document or a reject; others are only counted."""


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


@dataclass(frozen=True)
class Damage:
    """`bytes` of the file from `offset` on that hold no readable record."""

    offset: int
    bytes: int
    reason: str


@dataclass(frozen=True)
class _Member:
    """Decompressed bytes of one member; `data` is None where it exceeds the cap."""

    offset: int
    end: int
    data: bytes | None


Buffer = memoryview


def read_records(data: Buffer, max_record_bytes: int) -> Iterator[Record | Damage]:
    """All records of a WARC file (gzip by member, or plain) in file order, damage in its place."""
    members = _gzip_members if bytes(data[:2]) == GZIP_MAGIC[:2] else _plain_records
    for member in members(data, max_record_bytes):
        if isinstance(member, Damage):
            yield member
        elif member.data is None:
            yield Record(member.offset, "response", {}, problem="too_large")
        else:
            yield from _parse(member.offset, member.data, member.end - member.offset)


def _gzip_members(data: Buffer, cap: int) -> Iterator[_Member | Damage]:
    offset = 0
    while offset < len(data):
        member = _inflate(data, offset, cap)
        if member is None:
            end = _next_member(data, offset + 1)
            yield Damage(offset, end - offset, "truncated" if end == len(data) else "corrupt")
            offset = end
        else:
            yield member
            offset = member.end


def _inflate(data: Buffer, offset: int, cap: int) -> _Member | None:
    """The member at `offset`, or None when it is damaged. Holds no more than `cap` bytes of it."""
    inflater = zlib.decompressobj(31)
    parts: list[bytes] = []
    size, position = 0, offset
    pending = b""
    try:
        while not inflater.eof:
            if not pending:
                pending = bytes(data[position : position + CHUNK])
                if not pending:
                    return None
                position += len(pending)
            part = inflater.decompress(pending, cap)
            pending = inflater.unconsumed_tail
            size += len(part)
            if size <= cap:
                parts.append(part)
            else:
                parts.clear()
    except zlib.error:
        return None
    end = position - len(inflater.unused_data)
    return _Member(offset, end, b"".join(parts) if size <= cap else None)


def _next_member(data: Buffer, start: int) -> int:
    """Offset of the next gzip member that starts a WARC record, or the end of the file."""
    position = start
    while position < len(data):
        window = bytes(data[position : position + CHUNK])
        found = window.find(GZIP_MAGIC)
        if found < 0:
            position += max(1, len(window) - len(GZIP_MAGIC) + 1)
            continue
        position += found
        try:
            if zlib.decompressobj(31).decompress(bytes(data[position : position + 4096]), 5) == b"WARC/":
                return position
        except zlib.error:
            pass
        position += 1
    return len(data)


def _plain_records(data: Buffer, cap: int) -> Iterator[_Member | Damage]:
    offset = 0
    while offset < len(data):
        end = _record_end(data, offset)
        if end is None:
            following = _next_record(data, offset + 1)
            yield Damage(offset, following - offset, "truncated" if following == len(data) else "corrupt")
            offset = following
        else:
            yield _Member(offset, end, bytes(data[offset:end]) if end - offset <= cap else None)
            offset = end


def _record_end(data: Buffer, offset: int) -> int | None:
    """End of the plain record at `offset` by its Content-Length, or None when it is not whole."""
    head = bytes(data[offset : offset + CHUNK])
    stop = head.find(b"\r\n\r\n")
    if not head.startswith(b"WARC/") or stop < 0:
        return None
    for line in head[:stop].split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length" and value.strip().isdigit():
            end = offset + stop + 4 + int(value)
            if end > len(data):
                return None
            while data[end : end + 2] == b"\r\n":
                end += 2
            return end
    return None


def _next_record(data: Buffer, start: int) -> int:
    position = start
    while position < len(data):
        window = bytes(data[position : position + CHUNK])
        found = window.find(b"\r\n\r\nWARC/1")
        if found >= 0:
            return position + found + 4
        position += max(1, len(window) - 9)
    return len(data)


def _parse(offset: int, data: bytes, length: int) -> Iterator[Record | Damage]:
    """The records of one member: one, as the standard asks; more are named, since they share an address."""
    count = 0
    try:
        for record in ArchiveIterator(io.BytesIO(data), parse_http=False, fsspec_args=False):
            headers = {name.lower(): value for name, value in record.headers.items()}
            kind = headers.get("warc-type", "").strip().lower() or "unknown"
            if count >= length:
                yield Damage(offset, length, "too_many_records_in_member")
                return
            if count and kind in TYPES:
                yield Record(offset + count, kind, headers, problem="not_seekable")
            elif kind in TYPES:
                yield _read(offset, kind, headers, record)
            else:
                yield Record(offset + count, kind, headers)
            count += 1
    except (OSError, ValueError, EOFError):
        yield Damage(offset, length, "bad_record")
        return
    if not count:
        yield Damage(offset, length, "no_record")


def _read(offset: int, kind: str, headers: dict[str, str], record: object) -> Record:
    """Payload of one record; HTTP framing is removed where there is any."""
    reader = record.reader  # type: ignore[attr-defined]
    declared = record.content_length  # type: ignore[attr-defined]
    is_http = kind == "response" or "application/http" in headers.get("content-type", "")
    try:
        if not is_http:
            body = bytes(reader.read())
            return Record(offset, kind, headers, None, {}, body, "short_record" if len(body) < declared else None)
        record.parse_http(auto_decode="all")  # type: ignore[attr-defined]
        fields = record.http_headers  # type: ignore[attr-defined]
        if fields is None or fields.status_code is None:
            return Record(offset, kind, headers, problem="bad_http")
        http = {name.lower(): value for name, value in fields.items()}
        return Record(offset, kind, headers, int(fields.status_code), http, bytes(reader.read()))
    except (OSError, ValueError, EOFError):
        return Record(offset, kind, headers, problem="bad_http")
