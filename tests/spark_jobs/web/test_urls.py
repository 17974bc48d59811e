"""Canonical URLs: examples by rule, and what must hold for any string."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from spark_jobs.web.urls import canonical, host_of, parents

PAGE = "https://site.example/a"


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("HTTP://Site.Example/a", PAGE),
        ("http://www.site.example/a", PAGE),
        ("http://www.www.site.example./a", PAGE),
        ("https://user:secret@site.example:443/a/", PAGE),
        ("http://site.example:80/a#part", PAGE),
        (" \thttp://site.exa\nmple/a\x00", PAGE),
        ("http:\\\\site.example\\a", PAGE),
        ("http://site.example/b/../%61/.", PAGE),
        ("http://site.example/../../a", PAGE),
        ("http://site.example/a?utm_source=x&UTM_Medium=y&fbclid=1&gclid=2&ref=z&feed=rss2", PAGE),
        ("http://site.example/a?&=&&", PAGE),
        ("http://site.example", "https://site.example/"),
        ("http://site.example?q=1", "https://site.example/?q=1"),
        ("http://site.example:8080/", "https://site.example:8080/"),
        ("http://www.example/", "https://www.example/"),
        ("http://site.example/?b=2&a=1&b=1", "https://site.example/?a=1&b=2&b=1"),
        ("http://site.example/A?Q=%c3%a9", "https://site.example/A?Q=%C3%A9"),
        ("http://site.example/é x%zz%2f", "https://site.example/%C3%A9%20x%25zz%2F"),
        ("http://Bücher.example/", "https://xn--bcher-kva.example/"),
        ("http://日本語.example/", "https://xn--wgv71a119e.example/"),
        ("http://[2001:DB8::1]:8080/x", "https://[2001:db8::1]:8080/x"),
        ("ftp://site.example/f/", "ftp://site.example/f"),
        ("mailto:a@site.example", "mailto:a@site.example"),
        ("http:///", "http:///"),
        ("", ""),
    ],
)
def test_the_canonical_form_of(url: str, wanted: str) -> None:
    assert canonical(url) == wanted


URLS = st.builds(
    "".join,
    st.lists(
        st.sampled_from([
            "http://", "https://", "ftp:", "www.", "site.example", "é", "日", ":80", ":443", ":", "@", "/", "//", "..",
            ".", "%2e", "%zz", "%25", "%", "?", "&", "=", "#", "utm_x", "ref=1", "\\", " ", "\ud800", "[", "]", "İ",
        ])
        | st.text(max_size=3),
        max_size=12,
    ),
)  # fmt: skip


@given(URLS | URLS.map("http://".__add__))
@example("http://:80/http://")
@example("http://0\ud800@")
@example("http://ftp::80")
def test_a_canonical_url_is_its_own_canonical_form_for_any_string(url: str) -> None:
    form = canonical(url)
    assert canonical(form) == form
    form.encode()
    assert host_of(form).isascii()
    if host_of(form):
        assert form.isascii()
        assert "#" not in form
        assert "utm_" not in form.partition("?")[2].split("&")


@given(st.text(alphabet="abz09-._~", min_size=1, max_size=8))
def test_encoding_what_needs_no_encoding_makes_no_other_page(name: str) -> None:
    escaped = "".join(f"%{byte:02x}" for byte in name.encode())
    assert canonical(f"http://site.example/x{escaped}") == canonical(f"http://site.example/x{name}")


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://WWW.Site.Example:8080/Path?q=1", "www.site.example"),
        ("https://a@b@site.example", "site.example"),
        ("http://site.example./", "site.example"),
        ("mailto:a@site.example", ""),
        ("site.example/page", ""),
        ("http://[bad/", "%5bbad"),
    ],
)
def test_the_host_of(url: str, host: str) -> None:
    assert host_of(url) == host


def test_the_domains_above_a_host() -> None:
    assert list(parents("a.b.org")) == ["a.b.org", "b.org", "org"]
    assert list(parents("")) == []


def test_a_megabyte_of_address_costs_no_more_than_its_length() -> None:
    assert canonical("http://site.example/" + "../" * 300_000 + "a?" + "&" * 300_000) == PAGE
