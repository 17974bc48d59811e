"""What an archive holds: records, each at its address, and damage that is seen instead of passed over."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from spark_jobs.web.caps import Caps
from spark_jobs.web.digests import is_damaged
from spark_jobs.web.http import BodyError, Message, decode_body, parse_message, without_chunks

TYPES = frozenset({"response", "conversion", "resource"})
"""The record types that must become a document or a reject; others are passed over."""


@dataclass(frozen=True)
class Damage:
    """`bytes` from `offset` on that hold no readable record."""

    offset: int
    bytes: int
    reason: str

    @property
    def end(self) -> int:
        return self.offset + self.bytes


@dataclass(frozen=True)
class Record:
    """One record. `offset` is its address in the file or in the decompressed stream, as the file's layout says.

    `headers` are the WARC header fields in lower case (those of an ARC record under the names that WARC gives
    them), `http` those of the HTTP response, `body` the payload without transfer and content encodings. `problem`
    names why a record could not be read in full. `stored_bytes` is what it takes of the space of addresses.
    """

    offset: int
    type: str
    headers: dict[str, str]
    status: int | None = None
    http: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    problem: str | None = None
    stored_bytes: int = 0

    @property
    def url(self) -> str | None:
        """WARC-Target-URI without the angle brackets that some writers put around it."""
        url = self.headers.get("warc-target-uri", "").strip().removeprefix("<").removesuffix(">").strip()
        return url or None


def record_of(
    offset: int, stored: int, headers: dict[str, str], block: bytes, problem: str | None, caps: Caps
) -> Record:
    """The record with this block; of those in TYPES the digests are checked and HTTP is taken off."""
    kind = headers["warc-type"].strip().lower() or "unknown"
    if kind not in TYPES or problem:
        return Record(offset, kind, headers, problem=problem, stored_bytes=stored)
    if "warc-segment-number" in headers:
        return Record(offset, kind, headers, problem="segmented", stored_bytes=stored)
    if kind != "response" and "application/http" not in headers.get("content-type", ""):
        damaged = "bad_digest" if is_damaged(headers, block, lambda: [block]) else None
        return Record(offset, kind, headers, body=b"" if damaged else block, problem=damaged, stored_bytes=stored)
    message = parse_message(block)
    if message is None:
        # Nobody can tell where its payload begins.
        damaged = "bad_digest" if is_damaged(headers, block, list) else "bad_http"
        return Record(offset, kind, headers, problem=damaged, stored_bytes=stored)
    body = b""
    try:
        body = decode_body(message.body, message.headers, caps)
    except BodyError as error:
        problem = error.reason
    if problem is None and is_damaged(headers, block, _payloads(message, body)):
        problem = "bad_digest"
    return Record(offset, kind, headers, message.status, message.headers, b"" if problem else body, problem, stored)


def _payloads(message: Message, body: bytes) -> Callable[[], Iterable[bytes]]:
    """The bytes that a payload digest may be of."""

    def payloads() -> Iterator[bytes]:
        yield message.body
        with contextlib.suppress(BodyError):
            yield without_chunks(message.body)
        yield body

    return payloads
