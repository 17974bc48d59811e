"""Bytes of a page to its text with the resiliparse engine: charsets, main content, and pages that mean harm."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_jobs.web.charset import charset_of, codec_of
from spark_jobs.web.engines import engine
from spark_jobs.web.engines.resiliparse import MAX_DEPTH
from spark_jobs.web.page import Page, Source, read_page

KOREAN = "아파치 웹 서버를 설치하고 설정하는 방법을 설명합니다. 모든 요청은 기록되며 똠방각하도 읽을 수 있습니다."
JAPANESE = "サーバーの設定方法を説明します。すべての要求は記録されます。①番目の項目をご覧ください。"
FRENCH = "Le serveur enregistre chaque requête, même celles où l’accès a été refusé. Coût : 5 €."
RUSSIAN = "Сервер записывает каждый запрос, и файлы журнала следует менять каждый день."
CHINESE = "服务器可以配置为记录每个请求，日志文件应该每天轮换一次。朱镕基"


def extract(body: bytes, content_type: str) -> Page:
    return read_page(Source(body, content_type), engine("resiliparse"))


def page(text: str, head: str = "") -> str:
    return f"<html><head>{head}<title>T</title></head><body><main><p>{text}</p></main></body></html>"


LABELLED = [
    ("euc-kr", "cp949", KOREAN), ("ks_c_5601-1987", "cp949", KOREAN), ("shift_jis", "cp932", JAPANESE),
    ("EUC-JP", "euc_jp", JAPANESE.replace("①", "")), ("iso-2022-jp", "iso2022_jp", JAPANESE.replace("①", "")),
    ("ISO-8859-1", "cp1252", FRENCH), ("latin1", "cp1252", FRENCH), ("windows-1251", "cp1251", RUSSIAN),
    ("koi8-r", "koi8-r", RUSSIAN), ("gb2312", "gb18030", CHINESE),
    ("big5", "big5hkscs", "伺服器可以設定為記錄每個請求。"),
    ("utf-8", "utf-8", KOREAN + FRENCH),
]  # fmt: skip


@pytest.mark.parametrize(("label", "codec", "text"), LABELLED)
def test_the_header_names_the_charset_as_the_web_reads_it(label: str, codec: str, text: str) -> None:
    found = extract(page(text).encode(codec), f"text/html; charset={label}")
    assert (found.text, found.charset, found.problem) == (text, codec, None)


@pytest.mark.parametrize(("label", "codec", "text"), LABELLED)
@pytest.mark.parametrize(
    "tag", ['<meta charset="{}">', "<META content='text/html; charset={}' http-equiv='Content-Type'>"]
)
def test_without_a_header_the_meta_tag_names_it(label: str, codec: str, text: str, tag: str) -> None:
    assert extract(page(text, tag.format(label)).encode(codec), "text/html").text == text


@pytest.mark.parametrize(
    ("codec", "text"),
    [("cp949", KOREAN), ("cp932", JAPANESE), ("euc_jp", JAPANESE.replace("①", "")), ("cp1252", FRENCH),
     ("cp1251", RUSSIAN), ("gb18030", CHINESE), ("utf-8", FRENCH), ("utf-8", KOREAN)],
)  # fmt: skip
def test_without_header_and_meta_tag_it_is_detected(codec: str, text: str) -> None:
    assert extract(page(text * 3).encode(codec), "text/html").text == text * 3


def test_one_late_letter_of_utf8_in_a_long_page_of_ascii_is_read() -> None:
    text = "plain words " * 20_000 + "naïve" + " plain words" * 20_000
    assert extract(page(text).encode(), "text/html").text == text


@pytest.mark.parametrize(
    ("body", "content_type", "charset"),
    [
        (b'<meta charset="euc-kr">', "text/html; charset=utf-8", "utf-8"),
        (b'<meta charset="euc-kr">', "text/html; charset=made-up", "cp949"),
        (b'<meta charset="euc-kr">', 'text/html;CHARSET="Shift_JIS"', "cp932"),
        (b"\xef\xbb\xbf<p>", "text/html; charset=euc-kr", "utf-8"),
        ("\ufeff<p>".encode("utf-16-le"), "text/html; charset=euc-kr", "utf-16-le"),
        (b'<meta charset="utf-16">plain', "text/html", "utf-8"),
        (b"<p>plain", "text/html; charset=unicode_escape", "utf-8"),
        (b"", "", "utf-8"),
    ],
)
def test_who_names_the_charset_first(body: bytes, content_type: str, charset: str) -> None:
    assert charset_of(body, content_type) == charset


@pytest.mark.parametrize("label", ["unicode_escape", "rot13", "hex", "idna", "utf-7", "zlib", "", "x" * 40])
def test_python_codecs_that_are_no_charset_of_the_web_are_unknown(label: str) -> None:
    assert codec_of(label) is None


def test_damaged_bytes_cost_themselves_not_the_page() -> None:
    body = page(f"{KOREAN} @ end").encode().replace(b"@", b"\xff\xfe")
    assert extract(body, "text/html; charset=utf-8").text == f"{KOREAN} \ufffd\ufffd end"


def test_a_page_of_utf8_under_a_wrong_label_is_read_as_utf8() -> None:
    found = extract(page(JAPANESE).encode(), "text/html; charset=shift_jis")
    assert (found.text, found.charset) == (JAPANESE, "utf-8")


def test_menus_and_footers_are_left_out_and_the_title_is_kept() -> None:
    body = (
        "<html><head><title> The \n title </title><script>var secret = 1;</script></head><body>"
        "<nav><ul><li><a href=/>Home</a><li><a href=/a>About us</a></ul></nav>"
        "<main><h1>A heading</h1><p>The first paragraph has enough words to be content.</p>"
        "<p>The second paragraph, too, has enough words to be content.</p></main>"
        "<footer>Copyright 2026</footer></body></html>"
    )
    found = extract(body.encode(), "text/html")
    assert found.title == "The title"
    for inside in ("A heading", "The first paragraph", "The second paragraph"):
        assert inside in found.text
    for outside in ("Home", "Copyright", "secret"):
        assert outside not in found.text


@pytest.mark.parametrize("body", [b"", b"<html></html>", b"<script>x</script>", b"<p> \n </p>", b"\x00\x01"])
def test_a_page_without_text_says_so(body: bytes) -> None:
    found = extract(body, "text/html")
    assert (found.text, found.problem) == ("", "no_text")


HARMFUL = {
    "nested": "<div>" * 200_000,
    "nested behind end tags of others": "<div></x>" * 50_000,
    "nested behind end tags in scripts": "<div><script>'</div>'</script>" * 50_000,
    "nested behind end tags in comments": "<div><!-- </div> -->" * 50_000,
    "nested tables": "<table><tr><td>" * 50_000,
    "formatting never closed": "".join(f"<b id={i}>" for i in range(100_000)),
    "formatting opened again in each paragraph": "".join(f"<p><font size={i}></p>" for i in range(100_000)),
    "tags never closed": "<a" * 500_000,
}


@pytest.mark.parametrize("kind", HARMFUL)
def test_markup_that_takes_time_without_end_is_refused(kind: str) -> None:
    found = extract(f"{HARMFUL[kind]}text".encode(), "text/html; charset=utf-8")
    assert found.problem in ("too_deep", "no_text")


def test_depth_is_allowed_as_far_as_browsers_go() -> None:
    def nested(depth: int) -> str | None:
        # html and body are two.
        return extract(("<div>" * (depth - 2) + "<br>" * 3 + "some text").encode(), "text/html").problem

    assert nested(MAX_DEPTH - 1) is None
    assert nested(MAX_DEPTH + 1) == "too_deep"


def test_a_long_page_of_closed_tags_is_not_deep() -> None:
    row = "<tr><td><b>bold</b> <i>italic</i> <code>x</code> <a href=x>link</a></td></tr>"
    body = f"<body><main><p>Some text to read in this page.</p><table>{row * 3000}</table>{'<p>item<br>' * 3000}</main>"
    assert extract(body.encode(), "text/html").problem is None


pieces = st.one_of(
    st.sampled_from([b"<div", b"<b a='", b">", b"</p>", b"<!--", b"<script>", b"<svg><style>", b"&#xD800;", b"&#0;",
                     b"<meta charset=utf-16>", b"<table><select>", b"\xff\xfe", b"<![CDATA[", b"<template>",
                     b"<frameset>"]),
    st.binary(max_size=20),
)  # fmt: skip


@settings(max_examples=300)
@given(
    st.lists(pieces, max_size=30).map(b"".join),
    st.sampled_from(["", "utf-16", "euc-kr", "iso-2022-jp", "gbk", "utf-8"]),
)
def test_hostile_bytes_never_raise_and_the_text_can_be_stored(body: bytes, charset: str) -> None:
    found = extract(body, f"text/html; charset={charset}")
    assert bool(found.text) != bool(found.problem)
    for text in (found.text, found.title or ""):
        text.encode()
        assert "\x00" not in text
