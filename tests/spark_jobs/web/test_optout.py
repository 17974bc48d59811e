"""The opt-out list: what it covers, what it refuses, and its digest."""

from __future__ import annotations

from pathlib import Path

import pytest

from spark_jobs.web.optout import OptOut, OptOutError
from spark_jobs.web.urls import canonical

LIST = """
# A comment, then one entry of each kind.
domain Example.ORG
prefix http://www.site.example/private/
prefix https://site.example/draft
url https://site.example/page?b=2&a=1&utm_source=mail
"""


def load(folder: Path, text: str) -> OptOut:
    path = folder / "optout.txt"
    path.write_text(text, encoding="utf-8")
    return OptOut.load(path)


@pytest.mark.parametrize(
    ("url", "entry"),
    [
        ("https://example.org/", "domain example.org"),
        ("http://www.example.org/x", "domain example.org"),
        ("http://a.b.example.org:8080/x", "domain example.org"),
        ("http://notexample.org/", None),
        ("http://example.org.site.example/", None),
        ("http://site.example/private/a/b?c", "prefix https://site.example/private/"),
        ("https://site.example/private", "prefix https://site.example/private/"),
        ("https://site.example/private/?page=2", "prefix https://site.example/private/"),
        ("https://site.example/privately", None),
        ("https://site.example/privately?page=2", None),
        ("https://site.example/drafts/7", "prefix https://site.example/draft"),
        ("https://sub.site.example/private/", None),
        ("http://www.site.example/page/?a=1&b=2#top", "url https://site.example/page?a=1&b=2"),
        ("http://site.example/page", None),
        ("mailto:a@example.org", None),
        ("", None),
    ],
)
def test_what_a_list_covers(tmp_path: Path, url: str, entry: str | None) -> None:
    assert load(tmp_path, LIST).match(canonical(url)) == entry


def test_a_prefix_without_a_path_covers_the_host(tmp_path: Path) -> None:
    found = load(tmp_path, "prefix https://site.example")
    assert found.match("https://site.example/x")
    assert found.match("https://site.example/")
    assert not found.match("https://site.example.org/x")


def test_the_digest_is_that_of_the_entries(tmp_path: Path) -> None:
    digest = load(tmp_path, LIST).digest
    assert load(tmp_path, "\n".join(reversed(LIST.replace("# A comment", "# Another").splitlines()))).digest == digest
    assert load(tmp_path, LIST + "domain other.example").digest != digest
    assert load(tmp_path, "# nothing").digest == OptOut().digest


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("domian example.org", "line 2: unknown kind 'domian' (did you mean 'domain'?)"),
        ("example.org", "line 2: unknown kind"),
        ("domain", "line 2: write `domain` and one name"),
        ("url https://a.example b", "line 2: write `url` and one URL"),
        ("domain example.org/page", "is more than a domain; write `prefix https://example.org/page`"),
        ("url example.org/page", "has no host"),
        ("prefix https://a.example/?q=1", "line 2: a prefix ends before the query"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(OptOutError) as caught:
        load(tmp_path, f"domain good.example\n{line}\n")
    assert message in str(caught.value)


def test_a_list_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(OptOutError, match="correct the profile's path"):
        OptOut.load(tmp_path / "absent.txt")
