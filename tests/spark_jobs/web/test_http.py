"""HTTP bodies: encodings are removed, and what is cut or damaged is refused."""

from __future__ import annotations

import contextlib
import gzip
import zlib

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_jobs.web.caps import Caps
from spark_jobs.web.http import BodyError, Message, decode_body, parse_message

CAP = 1 << 20
CAPS = Caps(CAP, 2000.0)
TEXT = b"<html>" + b"some text, more text; " * 50 + b"</html>"


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


ENCODERS = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": lambda data: pa.compress(data, "brotli", asbytes=True),
    "zstd": lambda data: pa.compress(data, "zstd", asbytes=True),
}


def chunked(data: bytes, sizes: list[int]) -> bytes:
    parts, start = [], 0
    for size in sizes:
        part = data[start : start + size]
        if part:
            parts.append(b"%x\r\n%s\r\n" % (len(part), part))
        start += size
    rest = data[start:]
    parts += [b"%X;name=value\r\n%s\r\n" % (len(rest), rest)] if rest else []
    return b"".join(parts) + b"0\r\n\r\n"


def reason(raw: bytes, **headers: str) -> str:
    with pytest.raises(BodyError) as error:
        decode_body(raw, {name.replace("_", "-"): value for name, value in headers.items()}, CAPS)
    return error.value.reason


@pytest.mark.parametrize("encoding", ENCODERS)
@given(st.binary(max_size=400))
def test_an_encoded_body_is_decoded(encoding: str, data: bytes) -> None:
    assert decode_body(ENCODERS[encoding](data), {"content-encoding": encoding.upper()}, CAPS) == data


@given(st.binary(max_size=400))
def test_deflate_without_its_wrapper_is_decoded_as_browsers_do(data: bytes) -> None:
    packed = raw_deflate(TEXT + data)
    assert decode_body(packed, {"content-encoding": "deflate"}, CAPS) == TEXT + data


@given(st.binary(max_size=400), st.lists(st.integers(1, 90), max_size=6), st.sampled_from([None, *ENCODERS]))
def test_chunks_are_joined_before_the_content_is_decoded(data: bytes, sizes: list[int], encoding: str | None) -> None:
    packed = ENCODERS[encoding](data) if encoding else data
    headers = {"transfer-encoding": "Chunked"} | ({"content-encoding": encoding} if encoding else {})
    assert decode_body(chunked(packed, sizes), headers, CAPS) == data


def test_a_chunk_header_on_a_body_that_was_joined_already_changes_nothing() -> None:
    assert decode_body(TEXT, {"transfer-encoding": "chunked"}, CAPS) == TEXT


def test_encodings_are_removed_in_the_order_in_which_they_were_put_on() -> None:
    packed = gzip.compress(zlib.compress(TEXT))
    assert decode_body(packed, {"content-encoding": "deflate, gzip"}, CAPS) == TEXT
    assert decode_body(TEXT, {"content-encoding": "identity"}, CAPS) == TEXT


def test_a_chunked_body_that_is_cut_anywhere_is_refused_or_whole() -> None:
    body = chunked(TEXT, [100, 300])
    end = body.rindex(b"0\r\n\r\n")
    for cut in range(1, len(body)):
        if cut >= end + 3:
            assert decode_body(body[:cut], {"transfer-encoding": "chunked"}, CAPS) == TEXT
        elif cut >= 4:
            assert reason(body[:cut], transfer_encoding="chunked") == "bad_chunks"


@pytest.mark.parametrize("encoding", ENCODERS)
def test_a_compressed_body_that_is_cut_anywhere_is_refused(encoding: str) -> None:
    packed = ENCODERS[encoding](TEXT)
    for cut in range(2, len(packed)):
        assert reason(packed[:cut], content_encoding=encoding) == "bad_encoding"


@pytest.mark.parametrize("encoding", ["deflate", "br", "zstd"])
def test_a_body_that_is_not_what_its_header_says_is_refused(encoding: str) -> None:
    assert reason(TEXT, content_encoding=encoding) == "bad_encoding"


def test_a_body_that_the_crawler_stored_decoded_is_kept() -> None:
    assert decode_body(TEXT, {"content-encoding": "gzip"}, CAPS) == TEXT


def test_a_damaged_gzip_body_is_refused() -> None:
    packed = bytearray(gzip.compress(TEXT))
    packed[-6] ^= 0xFF
    assert reason(bytes(packed), content_encoding="gzip") == "bad_encoding"


@given(st.lists(st.binary(max_size=9000), min_size=2, max_size=5), st.binary(max_size=9).map(lambda end: b"-" + end))
def test_a_gzip_body_of_several_members_is_read_to_its_end(parts: list[bytes], after: bytes) -> None:
    packed = b"".join(map(gzip.compress, parts))
    for body in (packed, packed + after):
        assert decode_body(body, {"content-encoding": "gzip"}, CAPS) == b"".join(parts)


def test_the_members_of_a_gzip_body_share_its_cap() -> None:
    half = gzip.compress(bytes(CAP // 2))
    assert decode_body(half * 2, {"content-encoding": "gzip"}, CAPS) == bytes(CAP)
    assert reason(half * 2 + gzip.compress(b"x"), content_encoding="gzip") == "too_large"
    assert reason(half + half[:-9], content_encoding="gzip") == "bad_encoding"


def test_an_unknown_encoding_or_a_tower_of_them_is_refused() -> None:
    assert reason(TEXT, content_encoding="rot13") == "unknown_encoding"
    assert reason(TEXT, content_encoding=", ".join(["gzip"] * 50)) == "bad_encoding"


@pytest.mark.parametrize("encoding", ENCODERS)
def test_a_body_over_the_cap_is_refused(encoding: str) -> None:
    assert reason(ENCODERS[encoding](bytes(CAP + 1)), content_encoding=encoding) == "too_large"
    assert decode_body(ENCODERS[encoding](bytes(CAP)), {"content-encoding": encoding}, CAPS) == bytes(CAP)


@given(st.binary(max_size=200), st.sampled_from([*ENCODERS, "identity", "", "gzip, br"]), st.booleans())
def test_hostile_bytes_raise_nothing_else(raw: bytes, encoding: str, in_chunks: bool) -> None:
    headers = {"content-encoding": encoding, "transfer-encoding": "chunked" if in_chunks else ""}
    with contextlib.suppress(BodyError):
        decode_body(raw, headers, Caps(1000))


PLAIN = Message(200, {"content-type": "text/html"}, b"body")


@pytest.mark.parametrize(
    "block",
    [
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\nbody", b"HTTP/1.1 200 OK\nContent-Type: text/html\n\nbody",
        b"HTTP/1.1 200\r\ncontent-TYPE:text/html \r\n\r\nbody", b"HTTP/2 200 \r\nContent-Type: text/html\r\n\r\nbody",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\nbody",
        b"HTTP/1.0 200 OK\r\r\nContent-Type: text/html\r\r\n\r\r\nbody",
        b"HTTP/1.1 200 OK\r\nno colon\r\n: no name\r\nContent-Type: text/html\r\n\r\nbody",
        b"HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Type: text/html\r\n\r\nbody",
    ],
)  # fmt: skip
def test_a_response_is_read_as_servers_and_crawlers_write_it(block: bytes) -> None:
    assert parse_message(block) == PLAIN


def test_folded_and_repeated_fields_are_joined() -> None:
    block = b"HTTP/1.1 200 OK\r\nX-Robots-Tag: noindex,\r\n\tnofollow\r\nX-Robots-Tag: noai\r\nA: \xe9\r\n\r\n"
    message = parse_message(block)
    assert message == Message(200, {"x-robots-tag": "noindex, nofollow, noai", "a": "\xe9"}, b"")


@pytest.mark.parametrize(
    ("block", "status"), [(b"HTTP/1.1 302", 302), (b"HTTP/1.1 200 OK\r\n\r\n", 200), (b"HTTP/1.1 101 S\r\n\r\nx", 101)]
)
def test_a_response_without_fields_is_read(block: bytes, status: int) -> None:
    message = parse_message(block)
    assert message is not None
    assert (message.status, message.headers) == (status, {})


@pytest.mark.parametrize(
    "block", [b"", b"<html>", b"HTTPX/1.1 200 OK\r\n\r\n", b"HTTP/1.1 OK\r\n\r\n", b"HTTP/1.1 2000\r\n\r\n"]
)
def test_what_is_no_response_is_none(block: bytes) -> None:
    assert parse_message(block) is None


def test_a_field_that_is_repeated_without_end_costs_little() -> None:
    message = parse_message(b"HTTP/1.1 200 OK\r\n" + b"A: bbbbbbbb\r\n" * 200_000 + b"\r\nbody")
    assert message is not None
    assert len(message.headers["a"]) == 200_000 * len("bbbbbbbb, ") - 2
