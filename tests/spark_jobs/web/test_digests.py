"""Digests of records in the spellings of their writers."""

from __future__ import annotations

import base64
import hashlib

import pytest

from spark_jobs.web.digests import is_damaged

BLOCK, BODY = b"HTTP/1.1 200 OK\r\n\r\n4\r\nmill\r\n0\r\n\r\n", b"mill"


def spellings(content: bytes) -> list[str]:
    found = []
    for name in ("sha1", "sha256", "md5"):
        raw = hashlib.new(name, content).digest()
        base32 = base64.b32encode(raw).decode()
        found += [f"{name}:{base32}", f"{name.upper()}:{base32.rstrip('=').lower()}", f"{name}: {raw.hex()}"]
        found += [f"{name}:{raw.hex().upper()}", f"{name}:{base64.b64encode(raw).decode()}"]
        found += [f"{name}:{base64.urlsafe_b64encode(raw).decode().rstrip('=')}"]
    return found


@pytest.mark.parametrize("digest", spellings(BLOCK))
def test_a_digest_of_the_block_fits_in_any_spelling(digest: str) -> None:
    assert not is_damaged({"warc-block-digest": digest}, BLOCK, list)
    assert is_damaged({"warc-block-digest": digest}, BLOCK + b"x", list)


@pytest.mark.parametrize("digest", spellings(BODY))
def test_a_digest_of_any_form_of_the_payload_fits(digest: str) -> None:
    headers = {"warc-payload-digest": digest}
    assert not is_damaged(headers, BLOCK, lambda: [b"4\r\nmill", BODY])
    assert is_damaged(headers, BLOCK, lambda: [b"4\r\nmill", b"grain"])
    assert not is_damaged(headers | {"warc-truncated": "length"}, BLOCK, lambda: [b"mi"])


def test_one_that_fits_is_enough() -> None:
    good, bad = spellings(BLOCK)[0], spellings(b"other")[0]
    assert not is_damaged({"warc-block-digest": good, "warc-payload-digest": bad}, BLOCK, lambda: [BODY])
    assert not is_damaged({"warc-block-digest": bad, "warc-payload-digest": good}, b"cut", lambda: [BLOCK])
    assert is_damaged({"warc-block-digest": bad, "warc-payload-digest": bad}, BLOCK, lambda: [BODY])


@pytest.mark.parametrize("digest", ["", "sha1", "sha1:", "crc32:ABCD", ":", "ni:///sha-256;abc"])
def test_what_cannot_be_checked_is_no_damage(digest: str) -> None:
    assert not is_damaged({"warc-block-digest": digest, "warc-payload-digest": digest}, BLOCK, lambda: [BODY])


@pytest.mark.parametrize("digest", ["sha1:???", "sha1:\xe9", "sha256:=", "md5:a"])
def test_a_digest_that_is_none_is_damage(digest: str) -> None:
    assert is_damaged({"warc-block-digest": digest}, BLOCK, list)
