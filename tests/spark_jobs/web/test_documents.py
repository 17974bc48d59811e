"""A crawl file becomes documents and rejects, and each record is one of them."""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.lake import encode_table
from gristmill.profile import PROJECT
from gristmill.schemas import OFFSET_BITS
from spark_jobs.web import documents
from spark_jobs.web.documents import ExtractConfig, Extraction, extract_file
from spark_jobs.web.members import Damage
from spark_jobs.web.warc import TYPES, read_records

CONFIG = ExtractConfig()
TEXT = "A paragraph that has enough words in it to be found as the content of the page."


def extract_bytes(folder: Path, data: bytes, config: ExtractConfig = CONFIG, file_index: int = 0) -> Extraction:
    path = folder / "crawl.warc.gz"
    path.write_bytes(data)
    return extract_file(str(path), file_index, config)


def check_balance(found: Extraction) -> None:
    """Every record is a document or a reject with a reason, under an address of its own, and both can be stored."""
    account = found.account
    assert account.residual == 0
    assert account.records_in == found.documents.num_rows + found.rejects.num_rows
    assert account.out == found.documents.num_rows
    reasons = Counter(found.rejects.column("reason").to_pylist())
    assert None not in reasons
    quarantined = reasons.pop("corrupt", 0) + reasons.pop("too_large", 0)
    assert account.quarantined == quarantined
    assert account.removed == reasons
    ids = [*found.documents.column("doc_id").to_pylist(), *found.rejects.column("doc_id").to_pylist()]
    assert len(set(ids)) == len(ids)
    assert found.documents.column("doc_id").to_pylist() == sorted(found.documents.column("doc_id").to_pylist())
    for dataset, table in (("documents", found.documents), ("rejects", found.rejects)):
        encode_table(dataset, table)


def responses_by_zlib(data: bytes) -> list[tuple[int, str, bytes, bytes]]:
    """(offset, url, status line, content type) of each response, by the standard library alone."""
    found, start = [], 0
    while start < len(data):
        inflater = zlib.decompressobj(31)
        content = inflater.decompress(data[start:])
        head, _, block = content.partition(b"\r\n\r\n")
        fields = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
        if fields[b"WARC-Type"] == b"response":
            lines = block.partition(b"\r\n\r\n")[0].split(b"\r\n")
            types = [line.split(b":", 1)[1].strip() for line in lines if line.lower().startswith(b"content-type:")]
            url = fields[b"WARC-Target-URI"].strip(b"<>").decode()
            found.append((start, url, lines[0], types[0] if types else b""))
        start = len(data) - len(inflater.unused_data)
    return found


@pytest.mark.parametrize("letter", ["A", "B"])
def test_the_balance_of_the_embedded_crawl_closes_against_an_independent_parser(
    embedded: dict[str, list[Path]], letter: str
) -> None:
    manifest = PROJECT / "data" / "crawl" / "embedded" / f"snapshot-{letter}.manifest.jsonl"
    listed = {(row["file"], row["url"]): row for row in map(json.loads, manifest.read_text().splitlines())}
    seen = set()
    for index, path in enumerate(embedded[letter]):
        found = extract_file(str(path), index, CONFIG)
        check_balance(found)
        assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
        wanted = responses_by_zlib(path.read_bytes())
        rows = [*found.documents.to_pylist(), *found.rejects.to_pylist()]
        base = index << OFFSET_BITS
        assert sorted((row["doc_id"] - base, row["url"]) for row in rows) == [(r[0], r[1]) for r in wanted]
        html = {
            base + r[0] for r in wanted if b" 200 " in r[2] and r[3].startswith((b"text/html", b"application/xhtml"))
        }
        assert set(found.documents.column("doc_id").to_pylist()) <= html
        lost = [row for row in found.rejects.to_pylist() if row["doc_id"] in html]
        assert {row["reason"] for row in lost} <= {"no_text"}, "pages are not refused without a cause"
        assert len(lost) < 0.05 * len(html)
        seen |= {(path.name, row["url"]) for row in found.documents.to_pylist()}
    pages = {key for key in listed if key in seen}
    assert len(pages) > 0.9 * len(listed), "nearly every listed page is a document"


def test_texts_of_the_embedded_crawl_are_in_their_charsets(embedded: dict[str, list[Path]]) -> None:
    documents = [row for path in embedded["A"] for row in extract_file(str(path), 0, CONFIG).documents.to_pylist()]
    charsets = Counter(row["charset"] for row in documents)
    assert set(charsets) == {"utf-8", "cp949", "cp1252"}
    for row in documents:
        assert "\ufffd" not in row["text"], row["url"]
    korean = [row for row in documents if row["charset"] == "cp949"]
    assert sum(any("가" <= c <= "힣" for c in row["text"]) for row in korean) > 0.9 * len(korean)


def test_what_becomes_of_each_kind_of_record(tmp_path: Path, warc: Any) -> None:
    page = warc.page(TEXT)
    plain = {"Content-Type": "text/plain"}
    kinds = [
        ("document", warc.response(page)),
        ("document", warc.response(page, headers={})),
        ("document", warc.response(page, headers={"Content-Type": "application/xhtml+xml"})),
        ("http_status", warc.response(page, status="404 Not Found")),
        ("http_status", warc.response(b"", status="301 Moved", headers={"Location": "/"})),
        ("empty_body", warc.response(b"")),
        ("not_html", warc.response(b"text", headers=plain)),
        ("not_html", warc.response(b"%PDF-1.7", headers={})),
        ("no_text", warc.response(b"<html><body></body></html>")),
        ("no_url", warc.response(page, url=None)),
        ("too_deep", warc.response(b"<div>" * 2000 + page)),
        ("bad_http", warc.record(b"no HTTP at all")),
        ("bad_http", warc.response(page, headers={"Content-Encoding": "br", "Content-Type": "text/html"})),
        ("short_record", warc.response(page, length=10_000)),
        ("not_http", warc.record(TEXT.encode(), kind="conversion", content_type="text/plain")),
        ("not_http", warc.record(TEXT.encode(), kind="resource", content_type="text/html")),
        ("too_large", warc.response(b"<p>" + bytes(3 << 20))),
        ("other", warc.record(b"", kind="request")),
        ("other", warc.record(b"", kind="metadata")),
        ("other", warc.record(b"", kind="revisit")),
    ]  # fmt: skip
    found = extract_bytes(
        tmp_path, b"".join(gzip.compress(record) for _, record in kinds), ExtractConfig(max_record_bytes=2 << 20)
    )
    check_balance(found)
    wanted = Counter(kind for kind, _ in kinds)
    reasons = Counter(found.rejects.column("reason").to_pylist())
    assert {**reasons, "document": found.documents.num_rows} == {k: n for k, n in wanted.items() if k != "other"}
    assert found.account.records_in == len(kinds) - wanted["other"]


def test_a_record_that_becomes_neither_leaves_the_balance_open(
    tmp_path: Path, warc: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    take, calls = documents._take, iter(range(9))
    monkeypatch.setattr(documents, "_take", lambda *args: take(*args) if next(calls) else None)
    found = extract_bytes(tmp_path, gzip.compress(warc.response(warc.page(TEXT))) * 3)
    assert (found.account.records_in, found.account.out, found.account.residual) == (3, 2, 1)


def test_a_document_carries_what_its_record_says(tmp_path: Path, warc: Any) -> None:
    page = warc.page(TEXT, title="The title")
    first = gzip.compress(warc.record(b"", kind="warcinfo", url=None))
    record = warc.response(page, url="<http://WWW.Site.Example:8080/Path?q=1>", date="2026-01-05T10:11:12.987Z")
    (row,) = extract_bytes(tmp_path, first + gzip.compress(record), file_index=3).documents.to_pylist()
    assert row == {
        "doc_id": 3 << OFFSET_BITS | len(first),
        "url": "http://WWW.Site.Example:8080/Path?q=1",
        "host": "www.site.example",
        "captured": datetime(2026, 1, 5, 10, 11, 12, tzinfo=UTC),
        "charset": "utf-8",
        "text": TEXT,
        "title": "The title",
        "html_bytes": len(page),
        "extractor": "resiliparse",
    }


@pytest.mark.parametrize("date", ["yesterday", "", "2008-10-294T05:21:46-0700", "9999-12-31T23:59:59-14:00"])
@pytest.mark.parametrize("url", ["http://[bad/", "mailto:a@site.example", "http://site.example:port/", "\udce9"])
def test_odd_dates_and_addresses_do_not_stop_a_page(tmp_path: Path, warc: Any, date: str, url: str) -> None:
    url = url.encode("utf-8", "surrogateescape").decode("latin-1")
    found = extract_bytes(tmp_path, gzip.compress(warc.response(warc.page(TEXT), url=url, date=date)))
    check_balance(found)
    assert found.documents.num_rows == 1


def test_an_empty_file_has_an_empty_balance(tmp_path: Path) -> None:
    found = extract_bytes(tmp_path, b"")
    check_balance(found)
    assert (found.account.records_in, found.bytes, found.sha256) == (0, 0, hashlib.sha256(b"").hexdigest())


def test_lost_bytes_are_in_the_rejects_to_the_last_one(tmp_path: Path, warc: Any) -> None:
    good = gzip.compress(warc.response(warc.page(TEXT)))
    found = extract_bytes(tmp_path, good + b"noise" * 10 + good + good[:-20])
    check_balance(found)
    rows = [(r["doc_id"], r["bytes"], r["record_type"]) for r in found.rejects.to_pylist() if r["reason"] == "corrupt"]
    second = 2 * len(good) + 50
    assert rows == [(len(good), 50, "corrupt"), (second, len(good) - 20, "truncated")]
    assert found.documents.num_rows == 2


@settings(max_examples=100)
@given(st.lists(st.binary(max_size=200) | st.sampled_from([b"\x1f\x8b\x08", b"WARC/1.0\r\n"]), max_size=5))
def test_the_balance_closes_for_any_bytes(tmp_path_factory: pytest.TempPathFactory, parts: list[bytes]) -> None:
    found = extract_bytes(tmp_path_factory.getbasetemp(), b"".join(parts))
    check_balance(found)


WARC_SAMPLES = "warc_samples"
SAMPLE_FILES = sorted((PROJECT.parent / "shared" / "data" / WARC_SAMPLES).rglob("*"))


@pytest.mark.parametrize(
    "path",
    [p for p in SAMPLE_FILES if p.is_file() and p.name not in ("LICENSE", "SOURCE.txt")] or [None],
    ids=lambda path: path.name if path else "absent",
)
def test_files_of_other_projects_are_read_or_counted_as_lost(
    path: Path | None, shared_data: Callable[[str], Path]
) -> None:
    shared_data(WARC_SAMPLES)
    assert path is not None
    found = extract_file(str(path), 0, CONFIG)
    check_balance(found)
    items = list(read_records(memoryview(path.read_bytes()), CONFIG.max_record_bytes))
    assert items, "a file that is not empty has records or damage"
    assert found.account.records_in == sum(isinstance(item, Damage) or item.type in TYPES for item in items)
