"""Charsets as the web reads them, and text without unsafe characters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_jobs.web.charset import charset_of, clean, codec_of, decode


def test_control_characters_and_lone_surrogates_are_cleaned_away() -> None:
    assert clean("a\x00b\ud800c\td\ne\x7f") == "abc\td\ne"


@given(st.text())
def test_clean_text_is_valid_and_clean_twice_is_clean_once(text: str) -> None:
    cleaned = clean(text)
    assert clean(cleaned) == cleaned
    cleaned.encode("utf-8")


@given(st.binary(max_size=300), st.text(max_size=60))
def test_any_bytes_decode_with_any_header(body: bytes, header: str) -> None:
    text, charset = decode(body, charset_of(body, header))
    assert codec_of("utf-8") == "utf-8"
    assert isinstance(text, str)
    b"".decode(charset)


@pytest.mark.parametrize(("label", "codec"), [("latin1", "cp1252"), ("GB2312", "gb18030"), ("uhc", "cp949")])
def test_labels_name_the_larger_set(label: str, codec: str) -> None:
    assert codec_of(label) == codec


def test_a_page_that_is_utf8_but_says_otherwise_is_utf8() -> None:
    assert decode("né".encode(), "ascii") == ("né", "utf-8")
    for label in ("ISO-8859-1", "iso-8859-15", "windows-1251", "koi8-r", "macintosh", "ibm866", "windows-874"):
        assert decode("né €".encode(), charset_of(b"", f"text/html; charset={label}")) == ("né €", "utf-8")


def test_a_label_that_fits_is_believed() -> None:
    assert decode(b"plain", "cp1252") == ("plain", "cp1252")
    assert decode("né".encode("cp1252"), "cp1252") == ("né", "cp1252")
    # Two bytes that are one letter in both.
    assert decode(b"\xc2\xb0", "cp949") == (b"\xc2\xb0".decode("cp949"), "cp949")
