"""The one-line headers of ARC records."""

from __future__ import annotations

import pytest

from spark_jobs.web.arc import ARC


def test_a_version_1_header_reads_as_that_of_a_response() -> None:
    line = b"http://site.example/ 192.0.2.1 20080430204826 text/html 680\n"
    head = ARC.parse(line + b"HTTP/1.1 200 OK\r\n")
    assert head is not None
    assert (head.size, head.length) == (len(line), 680)
    assert head.headers["warc-type"] == "response"
    assert head.headers["warc-target-uri"] == "http://site.example/"
    assert head.headers["warc-date"] == "2008-04-30T20:48:26Z"
    assert head.headers["warc-ip-address"] == "192.0.2.1"
    assert head.headers["warc-identified-payload-type"] == "text/html"


@pytest.mark.parametrize(
    ("line", "url", "length"),
    [
        (b"http://s.example/a b c 192.0.2.1 20140216050221 text/html 12\n", "http://s.example/a b c", 12),
        (b"http://s.example/ 2001:db8::1 20140216050221 text/html 12\r\n", "http://s.example/", 12),
        (b"http://s.example/ 0.0.0.0 20140216050221 text/html 200 SUM - 99 a.arc.gz 12\n", "http://s.example/", 12),
        (b"dns:s.example 192.0.2.1 20140216050221 text/dns 56\n", "dns:s.example", 56),
        (b"http://s.example/ 192.0.2.1 201404010000000000 text/html -1\n", "http://s.example/", None),
        (b"http://s.example/ 192.0.2.1 201404010000000000 text/html abc\n", "http://s.example/", None),
        (b"http://s.example/\xe9 192.0.2.1 20140216050221 text/html 1\n", "http://s.example/\xe9", 1),
    ],
)  # fmt: skip
def test_odd_headers_are_read(line: bytes, url: str, length: int | None) -> None:
    head = ARC.parse(line)
    assert head is not None
    assert (head.headers["warc-target-uri"], head.length) == (url, length)


@pytest.mark.parametrize(
    "line",
    [
        b"", b"http://s.example/ 192.0.2.1 20140216050221 text/html 12",
        b"no url 192.0.2.1 20140216050221 text/html 1\n",
        b"http://s.example/ 192.0.2.1 2014 text/html 12\n", b"http://s.example/ host 20140216050221 text/html 12\n",
        b"http://s.example/ 192.0.2.1 20140216050221 12\n",
    ],
)  # fmt: skip
def test_other_lines_are_no_headers(line: bytes) -> None:
    assert ARC.parse(line) is None


def test_the_record_about_the_file_is_not_a_response() -> None:
    head = ARC.parse(b"filedesc://a.arc 0.0.0.0 20080430204825 text/plain 1300\n")
    assert head is not None
    assert head.headers["warc-type"] == "filedesc"
