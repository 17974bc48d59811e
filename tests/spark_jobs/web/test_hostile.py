"""Pages that are made to break a reader: the job ends with the right counts, and every text can be stored."""

from __future__ import annotations

import gzip
import os
import resource
import signal
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gristmill.schemas import OFFSET_BITS
from spark_jobs.web import documents
from spark_jobs.web.documents import ExtractConfig, Extraction, extract_file
from spark_jobs.web.engines import Content

TEXT = "A paragraph that has enough words in it to be found as the content of the page."
PAGE = f"<html><head><title>T</title></head><body><main><p>{TEXT}</p></main></body></html>"
FORMS = {"Content-Type": "text/html"}


def run(path: Path, config: ExtractConfig) -> tuple[list[dict[str, Any]], Counter[str], Extraction]:
    rows: list[dict[str, Any]] = []
    rejects: list[dict[str, Any]] = []
    found = extract_file(str(path), 0, config, rows.extend, rejects.extend)
    assert found.account.residual == 0
    assert found.account.records_in == len(rows) + len(rejects)
    for row in rows:
        row["text"].encode()
        assert not set(row["text"]) & {"\x00", "\x1b", "\ud800"}
    return rows, Counter(row["reason"] for row in rejects), found


@pytest.fixture
def extract(tmp_path: Path, warc: Any) -> Callable[..., tuple[list[dict[str, Any]], Counter[str], Extraction]]:
    def extract_pages(*bodies: bytes, headers: dict[str, str] | None = None, **config: Any) -> Any:
        records = [warc.response(body, headers=headers or FORMS) for body in bodies]
        records.append(warc.response(PAGE.encode(), headers=FORMS))
        path = tmp_path / "crawl.warc.gz"
        path.write_bytes(b"".join(map(gzip.compress, records)))
        rows, reasons, found = run(path, ExtractConfig(**{"engine": "resiliparse", "max_ratio": 1e6, **config}))
        assert rows[-1]["text"] == TEXT, "the page after the hostile ones is read"
        return rows[:-1], reasons, found

    return extract_pages


BODIES = {
    "100,000 nested tags": (b"<div>" * 100_000 + PAGE.encode(), "too_deep"),
    "100,000 nested tags, closed": (b"<b>" * 100_000 + b"x" + b"</b>" * 100_000, "too_deep"),
    "100,000 closing tags": (PAGE.encode() + b"</div>" * 100_000, TEXT),
    "an attribute of 4 MB": (PAGE.replace("<p>", f"<p title='{'x' * (4 << 20)}'>").encode(), TEXT),
    "100,000 attributes": (PAGE.replace("<p>", f"<p {' '.join(f'a{n}=1' for n in range(100_000))}>").encode(), None),
    "NUL bytes": (PAGE.replace("enough", "en\x00ough").encode(), None),
    "nothing but NUL bytes": (bytes(10_000), "no_text"),
    "one character": (b"x", None),
    "one space": (b" ", "no_text"),
    "nothing": (b"", "empty_body"),
    "an open comment": (b"<!--" * 100_000 + PAGE.encode(), None),
    "an open tag": (PAGE.encode() + b"<p " + b"a='" * 100_000, TEXT),
    "entities without end": (b"<p>" + b"&" * 100_000 + b"&#x110000;&#xd800;&#0;", None),
    "directions overridden": (PAGE.replace(TEXT, f"\u202e{TEXT}\u2066").encode(), f"\u202e{TEXT}\u2066"),
    "UTF-8 and Latin 1 mixed": (PAGE.replace("words", "wörds").encode() + "<p>é</p>".encode("latin-1"), None),
    "UTF-16 without a mark": (PAGE.encode("utf-16-le"), None),
    "half of a UTF-16 pair": (b"\xff\xfe" + PAGE.encode("utf-16-le") + b"\x00\xd8", None),
    "escapes of ISO-2022": (b"\x1b$B" * 50_000 + PAGE.encode(), None),
}  # fmt: skip


@pytest.mark.parametrize("name", BODIES)
def test_a_hostile_page_is_a_document_or_a_reject(name: str, extract: Any) -> None:
    body, wanted = BODIES[name]
    # Some parsers take time with the square of the number of attributes.
    rows, reasons, _ = extract(body, max_parse_seconds=1)
    assert len(rows) + reasons.total() == 1
    if wanted is not None:
        assert wanted in (rows[0]["text"] if rows else "", *reasons)


@pytest.mark.parametrize("charset", ["utf-16", "utf-7", "idna", "unicode_escape", "x-user-defined", "nonsense", "big5"])
def test_charsets_that_lie_or_do_not_exist_do_not_lose_the_page(charset: str, extract: Any) -> None:
    rows, reasons, _ = extract(PAGE.encode(), headers={"Content-Type": f"text/html; charset={charset}"})
    assert len(rows) + reasons.total() == 1


class Bait:
    """An engine that does what a page tells it."""

    name, version = "bait", 1

    def extract(self, html: str) -> Content:
        if html == "spin":
            while True:
                pass
        if html == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if html == "grow":
            return Content(str(len(bytearray(1 << 40))))
        if html == "raise":
            raise KeyError(html)
        return Content(html.partition("<p>")[2].partition("</p>")[0] or html)


def test_a_parser_that_hangs_or_dies_costs_its_page(extract: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "engine", lambda name: Bait())
    bodies = [b"spin", b"0", b"die", b"grow", b"1", b"raise", b"die", b"2"]
    rows, reasons, found = extract(*bodies, max_parse_seconds=0.2)
    assert [row["text"] for row in rows] == ["0", "1", "2"]
    assert reasons == {"parse_timeout": 1, "parser_killed": 3, "parser_failed": 1}
    assert found.account.quarantined == 5
    assert found.account.removed == {}


def test_a_sink_that_fails_leaves_no_process(tmp_path: Path, warc: Any) -> None:
    path = tmp_path / "crawl"
    path.write_bytes(gzip.compress(warc.response(PAGE.encode())) * 100)

    def full(rows: object) -> None:
        raise OSError("no space left")

    before = children()
    with pytest.raises(OSError, match="no space left"):
        extract_file(str(path), 0, ExtractConfig(engine="resiliparse"), full, full)
    assert children() <= before


def children() -> set[str]:
    """Process numbers of this process's children, dead ones that nobody waited for too."""
    return set(Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text().split())


def test_ids_reach_the_last_file(tmp_path: Path, warc: Any) -> None:
    path = tmp_path / "crawl"
    path.write_bytes(gzip.compress(warc.response(PAGE.encode())))
    rows: list[dict[str, Any]] = []
    last = (1 << 23) - 1
    extract_file(str(path), last, ExtractConfig(engine="resiliparse"), rows.extend, rows.extend)
    assert rows[0]["doc_id"] == last << OFFSET_BITS


@pytest.mark.long
def test_a_line_of_100_mb_is_read_or_refused_within_the_caps(extract: Any) -> None:
    body = b"<html><body><p>" + b"word " * (20 << 20) + b"</p></body></html>"
    _, reasons, found = extract(body)
    assert reasons == {"too_large": 1}
    assert found.account.quarantined == 1
    rows, reasons, _ = extract(body, max_record_bytes=1 << 28, max_parse_seconds=200)
    assert len(rows) + reasons.total() == 1


@pytest.mark.long
def test_memory_does_not_grow_with_the_file(tmp_path: Path, warc: Any) -> None:
    member = gzip.compress(warc.response(PAGE.replace(TEXT, TEXT * 2000).encode()))
    path = tmp_path / "crawl"
    peaks = []
    for count in (200, 2000):
        path.write_bytes(member * count)
        extract_file(str(path), 0, ExtractConfig(engine="resiliparse"), lambda _: None, lambda _: None)
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    assert peaks[1] - peaks[0] < 64 << 10
