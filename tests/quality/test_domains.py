"""Registered domains of host names."""

from __future__ import annotations

import pytest

from quality.domains import domain


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("www.example.com", "example.com"), ("example.com", "example.com"), ("a.b.c.example.org", "example.org"),
        ("news.bbc.co.uk", "bbc.co.uk"), ("co.uk", "co.uk"), ("a.com.au", "a.com.au"), ("Example.COM.", "example.com"),
        ("10.1.2.3", "10.1.2.3"), ("[2001:db8::1]", "[2001:db8::1]"), ("localhost", "localhost"), ("(none)", "(none)"),
    ],
)  # fmt: skip
def test_a_domain_is_what_its_owner_registered(host: str, expected: str) -> None:
    assert domain(host) == expected
