"""A crawl file becomes documents and rejects, and each record is one of them."""

from __future__ import annotations

import gzip
import hashlib
import json
import random
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.lake import encode_table
from gristmill.profile import PROJECT
from gristmill.schemas import OFFSET_BITS, SCHEMAS
from spark_jobs.web import documents
from spark_jobs.web.documents import QUARANTINED, ExtractConfig, Extraction, extract_file
from spark_jobs.web.engines import Content
from spark_jobs.web.optout import OptOut, OptOutError
from spark_jobs.web.tables import TableError

CONFIG = ExtractConfig(engine="resiliparse")
TEXT = "A paragraph that has enough words in it to be found as the content of the page."


@dataclass
class Rows:
    """What the sinks were given, and the result."""

    documents: list[dict[str, Any]] = field(default_factory=list)
    rejects: list[dict[str, Any]] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)
    found: Extraction | None = None

    @property
    def reasons(self) -> Counter[str]:
        return Counter(row["reason"] for row in self.rejects)

    @property
    def result(self) -> Extraction:
        assert self.found is not None
        return self.found


def extract(path: str | Path, config: ExtractConfig = CONFIG, file_index: int = 0) -> Rows:
    """Extract one file and check its balance."""
    rows = Rows()

    def sink(into: list[dict[str, Any]]) -> Callable[[list[dict[str, Any]]], None]:
        def take(batch: list[dict[str, Any]]) -> None:
            rows.batches.append(len(batch))
            into.extend(batch)

        return take

    rows.found = extract_file(str(path), file_index, config, sink(rows.documents), sink(rows.rejects))
    check(rows)
    return rows


def extract_bytes(folder: Path, data: bytes, config: ExtractConfig = CONFIG, file_index: int = 0) -> Rows:
    path = folder / "crawl"
    path.write_bytes(data)
    return extract(path, config, file_index)


def check(rows: Rows) -> None:
    """Every record is a document or a reject with a reason, under an address of its own, and both can be stored."""
    account = rows.result.account
    assert account.residual == 0
    assert account.records_in == len(rows.documents) + len(rows.rejects)
    assert account.out == len(rows.documents)
    assert account.removed == {reason: n for reason, n in rows.reasons.items() if reason not in QUARANTINED}
    ids = [[row["doc_id"] for row in part] for part in (rows.documents, rows.rejects)]
    assert ids == [sorted(part) for part in ids]
    assert len({*ids[0], *ids[1]}) == len(ids[0]) + len(ids[1])
    for name, part in (("documents", rows.documents), ("rejects", rows.rejects)):
        for row in part:
            assert list(row) == SCHEMAS[name].names
        encode_table(name, pa.Table.from_pylist(part, schema=SCHEMAS[name]))
    assert all(row["text"].strip() for row in rows.documents)


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


@pytest.fixture(scope="module")
def extracted(embedded: dict[str, list[Path]]) -> dict[str, list[Rows]]:
    return {letter: [extract(path, CONFIG, n) for n, path in enumerate(embedded[letter])] for letter in "AB"}


@pytest.mark.parametrize("letter", ["A", "B"])
def test_the_balance_of_the_embedded_crawl_closes_against_an_independent_parser(
    embedded: dict[str, list[Path]], extracted: dict[str, list[Rows]], letter: str
) -> None:
    manifest = PROJECT / "data" / "crawl" / "embedded" / f"snapshot-{letter}.manifest.jsonl"
    listed = {(row["file"], row["url"]) for row in map(json.loads, manifest.read_text().splitlines())}
    seen = set()
    for index, (path, rows) in enumerate(zip(embedded[letter], extracted[letter], strict=True)):
        assert rows.result.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
        wanted = responses_by_zlib(path.read_bytes())
        base = index << OFFSET_BITS
        both = [*rows.documents, *rows.rejects]
        assert sorted((row["doc_id"] - base, row["url"]) for row in both) == [(r[0], r[1]) for r in wanted]
        html = {
            base + r[0] for r in wanted if b" 200 " in r[2] and r[3].startswith((b"text/html", b"application/xhtml"))
        }
        assert {row["doc_id"] for row in rows.documents} <= html
        lost = [row for row in rows.rejects if row["doc_id"] in html]
        assert {row["reason"] for row in lost} <= {"no_text"}, "pages are not refused without a cause"
        assert len(lost) < 0.05 * len(html)
        seen |= {(path.name, row["url"]) for row in rows.documents}
    assert len(listed & seen) > 0.9 * len(listed), "nearly every listed page is a document"


def test_texts_of_the_embedded_crawl_are_in_their_charsets(extracted: dict[str, list[Rows]]) -> None:
    rows = [row for part in extracted["A"] for row in part.documents]
    assert {row["charset"] for row in rows} == {"utf-8", "cp949", "cp1252"}
    for row in rows:
        assert "\ufffd" not in row["text"], row["url"]
    korean = [row for row in rows if row["charset"] == "cp949"]
    assert sum(any("가" <= c <= "힣" for c in row["text"]) for row in korean) > 0.9 * len(korean)


def test_what_becomes_of_each_kind_of_record(tmp_path: Path, warc: Any) -> None:
    page = warc.page(TEXT)
    plain = {"Content-Type": "text/plain"}
    kinds = [
        ("document", warc.response(page)),
        ("document", warc.response(page, headers={})),
        ("document", warc.response(page, headers={"Content-Type": "application/xhtml+xml"})),
        ("document", warc.record(TEXT.encode(), kind="conversion", content_type="text/plain")),
        ("document", warc.record(TEXT.encode(), kind="resource", content_type="text/plain; charset=utf-8")),
        ("document", warc.record(page, kind="resource", content_type="text/html")),
        ("http_status", warc.response(page, status="404 Not Found")),
        ("http_status", warc.response(b"", status="301 Moved", headers={"Location": "/"})),
        ("empty_body", warc.response(b"")),
        ("not_html", warc.response(b"text", headers=plain)),
        ("not_html", warc.response(b"%PDF-1.7", headers={})),
        ("not_html", warc.record(b"GIF89a", kind="resource", content_type="image/gif")),
        ("no_text", warc.response(b"<html><body></body></html>")),
        ("no_text", warc.record(b"\0 \n", kind="conversion", content_type="text/plain")),
        ("no_url", warc.response(page, url=None)),
        ("too_deep", warc.response(b"<div>" * 2000 + page)),
        ("bad_http", warc.record(b"no HTTP at all")),
        ("bad_encoding", warc.response(page, headers={"Content-Encoding": "br", "Content-Type": "text/html"})),
        ("too_large", warc.response(random.Random(0).randbytes(3 << 20))),
        ("compression_bomb", warc.response(b"<p>" + bytes(3 << 19))),
        ("other", warc.record(b"", kind="request")),
        ("other", warc.record(b"", kind="metadata")),
        ("other", warc.record(b"", kind="revisit")),
        ("other", warc.record(b"", kind="made-up")),
    ]  # fmt: skip
    config = ExtractConfig(engine="resiliparse", max_record_bytes=2 << 20)
    rows = extract_bytes(tmp_path, b"".join(gzip.compress(record) for _, record in kinds), config)
    wanted = Counter(kind for kind, _ in kinds)
    assert {**rows.reasons, "document": len(rows.documents)} == {k: n for k, n in wanted.items() if k != "other"}
    account = rows.result.account
    assert account.records_in == len(kinds) - wanted["other"]
    assert account.other == {"metadata": 1, "request": 1, "revisit": 1, "unknown": 1}
    assert account.quarantined == 2
    assert {row["text"] for row in rows.documents} == {TEXT}
    assert Counter(row["extractor"] for row in rows.documents) == {"resiliparse-1": 4, "text-1": 2}


def test_a_record_that_becomes_neither_leaves_the_balance_open(
    tmp_path: Path, warc: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    emit, calls = documents._Job._emit, iter(range(9))
    monkeypatch.setattr(documents._Job, "_emit", lambda *args: emit(*args) if next(calls) else None)
    path = tmp_path / "crawl"
    path.write_bytes(gzip.compress(warc.response(warc.page(TEXT))) * 3)
    account = extract_file(str(path), 0, CONFIG, lambda _: None, lambda _: None).account
    assert (account.records_in, account.out, account.residual) == (3, 2, 1)


def test_a_document_carries_what_its_record_says(tmp_path: Path, warc: Any) -> None:
    page = warc.page(TEXT, title="The title")
    first = gzip.compress(warc.record(b"", kind="warcinfo", url=None))
    url = "http://WWW.Site.Example:8080/Path/?q=1&utm_source=x"
    record = warc.response(page, url=f"<{url}>", date="2026-01-05T10:11:12.987Z")
    (row,) = extract_bytes(tmp_path, first + gzip.compress(record), file_index=3).documents
    assert row == {
        "doc_id": 3 << OFFSET_BITS | len(first),
        "url": url,
        "canonical_url": "https://site.example:8080/Path?q=1",
        "host": "www.site.example",
        "captured": datetime(2026, 1, 5, 10, 11, 12, 987000, tzinfo=UTC),
        "charset": "utf-8",
        "text": TEXT,
        "title": "The title",
        "published": None,
        "html_bytes": len(page),
        "extractor": "resiliparse-1",
        "truncated": False,
        "noindex": False,
        "noai": False,
    }


class Dated:
    """An engine of the test's own."""

    name, version = "dated", 7

    def extract(self, html: str) -> Content:
        return Content(html.upper(), None, date(2026, 1, 2))


def test_a_document_carries_what_the_engine_and_the_page_say(
    tmp_path: Path, warc: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "engine", lambda name: Dated())
    page = warc.page(TEXT).replace(b"<head>", b"<head><meta name=robots content=noindex>")
    fields = {"Content-Type": "text/html", "X-Robots-Tag": "noai", "Content-Length": "99999"}
    (row,) = extract_bytes(tmp_path, gzip.compress(warc.response(page, headers=fields))).documents
    assert row["text"] == page.decode().upper()
    assert (row["published"], row["extractor"]) == (date(2026, 1, 2), "dated-7")
    assert (row["truncated"], row["noindex"], row["noai"]) == (True, True, True)


@pytest.mark.parametrize("day", ["yesterday", "", "2008-10-294T05:21:46-0700", "9999-12-31T23:59:59-14:00"])
@pytest.mark.parametrize("url", ["http://[bad/", "mailto:a@site.example", "http://site.example:port/", "\udce9"])
def test_odd_dates_and_addresses_do_not_stop_a_page(tmp_path: Path, warc: Any, day: str, url: str) -> None:
    url = url.encode("utf-8", "surrogateescape").decode("latin-1")
    rows = extract_bytes(tmp_path, gzip.compress(warc.response(warc.page(TEXT), url=url, date=day)))
    assert len(rows.documents) == 1


def test_an_empty_file_has_an_empty_balance(tmp_path: Path) -> None:
    found = extract_bytes(tmp_path, b"").result
    assert (found.account.records_in, found.bytes, found.sha256) == (0, 0, hashlib.sha256(b"").hexdigest())


def test_lost_bytes_are_in_the_rejects_to_the_last_one(tmp_path: Path, warc: Any) -> None:
    good = gzip.compress(warc.response(warc.page(TEXT)))
    rows = extract_bytes(tmp_path, good + b"noise" * 10 + good + good[:-20])
    found = [(r["doc_id"], r["bytes"], r["record_type"]) for r in rows.rejects if r["reason"] == "corrupt"]
    second = 2 * len(good) + 50
    assert found == [(len(good), 50, "corrupt"), (second, len(good) - 20, "truncated")]
    assert len(rows.documents) == 2
    assert rows.result.account.quarantined == 2


def test_a_file_of_an_unknown_kind_is_lost_as_a_whole(tmp_path: Path) -> None:
    rows = extract_bytes(tmp_path, b"<html>Service unavailable</html>")
    (row,) = rows.rejects
    assert (row["reason"], row["record_type"], row["bytes"]) == ("corrupt", "unknown_format", 32)


def test_rows_come_in_small_batches_and_in_order(tmp_path: Path, warc: Any) -> None:
    records = [warc.response(warc.page(f"{TEXT} {n}"), status="200 OK" if n % 3 else "404 No") for n in range(400)]
    rows = extract_bytes(tmp_path, b"".join(gzip.compress(record) for record in records))
    assert [int(row["text"].split()[-1]) for row in rows.documents] == [n for n in range(400) if n % 3]
    assert max(rows.batches) <= 64
    assert rows.reasons == {"http_status": 134}


def test_opted_out_pages_are_not_read(tmp_path: Path, warc: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "optout.txt"
    path.write_text("domain gone.example\nurl https://site.example/a\n")
    urls = ["http://www.gone.example/x", "http://site.example/a/?utm_source=x#y", "http://site.example/b"]
    records = [warc.response(warc.page(TEXT), url=url) for url in urls]
    records.append(warc.response(b"", status="404 Not Found", url=urls[0]))
    config = ExtractConfig(engine="resiliparse", opt_out=path)
    rows = extract_bytes(tmp_path, b"".join(map(gzip.compress, records)), config)
    assert rows.reasons == {"opted_out": 3}
    assert [row["url"] for row in rows.documents] == urls[2:]
    assert rows.result.opt_out == OptOut.load(path).digest != OptOut().digest
    path.write_text("gone.example\n")
    with pytest.raises(OptOutError, match="line 1"):
        extract_bytes(tmp_path, b"", config)


def test_tables_are_a_source_of_documents(tmp_path: Path) -> None:
    path = tmp_path / "optout.txt"
    path.write_text("domain gone.example\n")
    lines = [
        json.dumps({"text": f" {TEXT}\x00\ud800", "url": "http://www.site.example/a", "date": "2026-01-05"}),
        "",
        json.dumps({"text": TEXT, "title": " The\n title "}),
        json.dumps({"text": " \x01"}),
        "{broken",
        json.dumps({"text": TEXT, "url": "http://gone.example/"}),
        json.dumps({"text": "x" * 2000}),
    ]
    config = ExtractConfig(max_record_bytes=1024, opt_out=path, engine="resiliparse")
    rows = extract_bytes(tmp_path, gzip.compress("\n".join(lines).encode()), config, file_index=2)
    base = 2 << OFFSET_BITS
    assert [(r["doc_id"] - base, r["reason"]) for r in rows.rejects] == [
        (3, "no_text"), (4, "bad_row"), (5, "opted_out"), (6, "too_large"),
    ]  # fmt: skip
    first, second = rows.documents
    assert (first["doc_id"] - base, first["text"], first["host"]) == (0, TEXT, "www.site.example")
    assert (first["captured"], first["extractor"]) == (datetime(2026, 1, 5, tzinfo=UTC), "table-1")
    assert (second["doc_id"] - base, second["url"], second["title"]) == (2, None, "The title")
    account = rows.result.account
    assert (account.other, account.quarantined) == ({"blank_line": 1}, 2)


def test_parquet_is_a_source_too_and_must_have_text(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": [TEXT, None], "url": ["http://a.example/", None]}), tmp_path / "crawl")
    rows = extract(tmp_path / "crawl")
    assert (len(rows.documents), rows.reasons) == (1, {"no_text": 1})
    pq.write_table(pa.table({"body": [TEXT]}), tmp_path / "crawl")
    with pytest.raises(TableError, match="no column 'text'"):
        extract(tmp_path / "crawl")


def test_a_file_is_the_same_by_url(tmp_path: Path, warc: Any) -> None:
    data = gzip.compress(warc.response(warc.page(TEXT)))
    with fsspec.open("memory://crawl.warc.gz", "wb") as file:
        file.write(data)
    by_url, by_path = extract("memory://crawl.warc.gz"), extract_bytes(tmp_path, data)
    assert by_url == by_path


@settings(max_examples=60)
@given(st.lists(st.binary(max_size=200) | st.sampled_from([b"\x1f\x8b\x08", b"WARC/1.0\r\n", b"{"]), max_size=5))
def test_the_balance_closes_for_any_bytes(tmp_path_factory: pytest.TempPathFactory, parts: list[bytes]) -> None:
    extract_bytes(tmp_path_factory.getbasetemp(), b"".join(parts))


def test_the_manual_names_every_setting_and_quarantine_reason() -> None:
    manual = (PROJECT / "docs" / "reading.md").read_text(encoding="utf-8")
    for name in (*QUARANTINED, *ExtractConfig.model_fields):
        assert f"| `{name}` |" in manual
    for name in SCHEMAS["documents"].names[-3:]:
        assert f"| `{name}` |" in manual


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
    account = extract(path).result.account
    assert account.records_in + sum(account.other.values()), "a file that is not empty has records or damage"
