"""The headers of WARC records: odd ones are read as they were meant, unusable ones are named."""

from __future__ import annotations

import gzip
from hashlib import sha1
from typing import Any

import pytest

from spark_jobs.web.archives import read_archive
from spark_jobs.web.caps import Caps
from spark_jobs.web.warc import Damage, Record

PAGES = [f"<html><body>page {i} {'lorem ipsum dolor ' * i}</body></html>".encode() for i in range(3)]


def read(data: bytes) -> list[Record | Damage]:
    return list(read_archive(memoryview(data), Caps(1 << 20)))


def records(data: bytes) -> list[Record]:
    return [item for item in read(data) if isinstance(item, Record)]


def edited(warc: Any, *changes: tuple[bytes, bytes]) -> bytes:
    """A response whose bytes are changed after it was written."""
    data: bytes = warc.response(PAGES[1])
    for old, new in changes:
        assert old in data
        data = data.replace(old, new, 1)
    return data


@pytest.mark.parametrize(
    "change",
    [
        (b"WARC-Type", b"warc-type"), (b"WARC-Type: response", b"WARC-Type:response  "),
        (b"WARC-Type: response", b"WARC-Type:\r\n response"), (b"WARC-Type: response", b"WARC-Type: Response"),
        (b"WARC/1.0\r\n", b"WARC/1.1\r\n"), (b"WARC/1.0\r\n", b"WARC/0.18\r\n"), (b"WARC/1.0\r\n", b"WARC/1.0\n"),
        (b"WARC-Date: 2026-01-05T10:00:00Z\r\n", b""), (b"WARC-Type: response\r\n", b"WARC-Type: response\n"),
        (b"HTTP/1.1 200 OK", b"HTTP/1.1 200   "), (b"WARC-Type", b"\xff: \xfe\r\nWARC-Type"),
        (b"WARC-Type", b"Content-Length: 1\r\nWARC-Type"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_headers_are_read_as_their_writers_meant_them(warc: Any, change: tuple[bytes, bytes], compress: Any) -> None:
    data = edited(warc, change)
    found = records(compress(data) + compress(warc.response(PAGES[2])))
    assert [(r.type, r.body, r.problem) for r in found] == [("response", page, None) for page in PAGES[1:3]]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ((b"WARC-Type: response\r\n", b""), "no_type"), ((b"Content-Length", b"Content-Size"), "no_length"),
        ((b"Content-Length: ", b"Content-Length: -"), "no_length"),
        ((b"Content-Length: ", b"Content-Length: x"), "no_length"),
        ((b"WARC-Type", b"A: " + b"b" * 70_000 + b"\r\nWARC-Type"), "header_too_large"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_a_record_without_what_it_needs_is_damage_with_a_name(
    warc: Any, change: tuple[bytes, bytes], reason: str, compress: Any
) -> None:
    broken, good = compress(edited(warc, change)), compress(warc.response(PAGES[2]))
    before, lost, after = read(good + broken + good)
    assert lost == Damage(len(good), len(broken), reason)
    assert isinstance(before, Record)
    assert isinstance(after, Record)
    assert before.body == after.body == PAGES[2]


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        (b"WARC-Block-Digest: sha1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\r\n", "bad_digest"),
        (b"WARC-Payload-Digest: sha1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\r\n", "bad_digest"),
        (b"WARC-Payload-Digest: sha1:" + sha1(PAGES[1]).hexdigest().encode() + b"\r\n", None),
        (b"WARC-Segment-Number: 1\r\n", "segmented"), (b"WARC-Truncated: length\r\n", None),
    ],
)  # fmt: skip
def test_digests_segments_and_truncation_are_seen(warc: Any, fields: bytes, problem: str | None) -> None:
    (record,) = records(edited(warc, (b"WARC-Type", fields + b"WARC-Type")))
    assert (record.problem, record.body) == (problem, b"" if problem else PAGES[1])
    assert fields.split(b":")[0].decode().lower() in record.headers


def test_other_types_are_passed_on_without_their_block(warc: Any) -> None:
    for kind in ("revisit", "request", "metadata", "continuation", "warcinfo"):
        (record,) = records(warc.response(PAGES[1], kind=kind))
        assert (record.type, record.body, record.status, record.problem) == (kind, b"", None, None)


def test_conversion_and_resource_records_are_their_blocks(warc: Any) -> None:
    for kind in ("conversion", "resource"):
        (record,) = records(warc.record(PAGES[1], kind=kind, content_type="text/plain"))
        assert (record.type, record.body, record.status) == (kind, PAGES[1], None)
    (record,) = records(warc.response(PAGES[1], kind="resource"))
    assert (record.body, record.status) == (PAGES[1], 200)
