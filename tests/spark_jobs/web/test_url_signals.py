"""The url family against a plain reading of its definitions."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.signals.url import URL
from spark_jobs.web.url_lists import UrlListError, UrlLists
from spark_jobs.web.url_signals import url_signals
from spark_jobs.web.urls import canonical, host_of

HARD, SOFT, SUB = ["bad", "worse"], ["so", "so-so", "meh"], ["evil word", "a.b", "aba"]
DOMAINS = {"games": ["play.example", "www.fun.example"], "news": ["play.example", "Bücher.example", "10.0.0.1"]}
URLS = {"games": ["shop.example/play/", "https://shop.example/PLAY?utm_x=1"], "news": []}


def write(folder: Path, listed: dict[str, list[str]], name: str) -> None:
    for category, entries in listed.items():
        (folder / category).mkdir(parents=True, exist_ok=True)
        (folder / category / name).write_text("\n".join(["# comment", *entries, ""]), encoding="utf-8")


@pytest.fixture(scope="module")
def lists(tmp_path_factory: pytest.TempPathFactory) -> UrlLists:
    return load(tmp_path_factory.mktemp("lists"))


def load(folder: Path) -> UrlLists:
    names = ("banned_words.txt", "soft_banned_words.txt", "banned_subwords.txt")
    for name, words in zip(names, (HARD, SOFT, SUB), strict=True):
        (folder / name).write_text("\n".join(["#no", *words, ""]))
    write(folder / "categories", DOMAINS, "domains")
    write(folder / "categories", URLS, "urls")
    return UrlLists.load(folder / "categories", folder)


def measure(urls: list[str | None], lists: UrlLists) -> list[dict[str, object]]:
    table = url_signals(pa.array(range(len(urls)), pa.int64()), pa.array(urls, pa.string()), lists)
    assert table.schema.names == ["doc_id", *(signal.name for signal in URL)]
    assert table.column("doc_id").to_pylist() == list(range(len(urls)))
    return [{k.removeprefix("url_"): v for k, v in row.items() if k != "doc_id"} for row in table.to_pylist()]


def by_definition(url: str) -> dict[str, object]:
    """One URL, word by word."""
    lower = "".join(c.lower() if c.isascii() else c for c in url)
    words = set(re.split("[^a-z0-9]+", lower))
    host, form = host_of(url).removeprefix("www."), canonical(url)
    categories = set()
    for category, entries in DOMAINS.items():
        for entry in entries:
            name = host_of(f"http://{entry}").removeprefix("www.")
            if host == name or host.endswith(f".{name}"):
                categories.add(category)
    for category, entries in URLS.items():
        if form in [canonical(entry if "://" in entry else f"http://{entry}") for entry in entries]:
            categories.add(category)
    return {
        "domain_categories": sorted(categories),
        "hard_words": len(words & {"bad", "worse"}),
        "soft_words": len(words & {"so", "soso", "meh"}),
        "subwords": len(re.findall("evilword|ab|aba", re.sub("[^a-z0-9]", "", lower))),
    }


PIECES = [
    "http://", "play.example", "fun.example", "www.", "a.", "xn--bcher-kva.example", "bücher.example", "shop.example",
    "/play/", "/PLAY", "/", "bad", "BAD", "worse", "so", "-", "soso", "evil", "word", "a", "b", "?utm_x=1", "é", "meh",
]  # fmt: skip


@given(st.lists(st.lists(st.sampled_from(PIECES) | st.text(max_size=2), max_size=10).map("".join), max_size=5))
def test_signals_are_those_of_the_definition(lists: UrlLists, parts: list[str]) -> None:
    urls = [f"http://{part}".encode("utf-8", "replace").decode() for part in parts]
    assert measure([*urls, None], lists)[:-1] == [by_definition(url) for url in urls]


@pytest.mark.parametrize(
    ("url", "categories"),
    [
        ("http://play.example/", ["games", "news"]),
        ("https://a.b.PLAY.example:8080/x", ["games", "news"]),
        ("http://playexample/", []),
        ("http://notplay.example/", []),
        ("http://example/", []),
        ("http://fun.example", ["games"]),
        ("http://10.0.0.1/x", ["news"]),
        ("http://bücher.example/x", ["news"]),
        ("http://www.shop.example/play", ["games"]),
        ("http://shop.example/PLAY/#a", ["games"]),
        ("http://shop.example/play/x", []),
        ("mailto:a@play.example", []),
    ],
)
def test_categories_of(lists: UrlLists, url: str, categories: list[str]) -> None:
    assert measure([url], lists)[0]["domain_categories"] == categories


def test_a_word_counts_once_and_a_subword_each_time(lists: UrlLists) -> None:
    found = measure(["http://bad.BAD-worse/so/so_meh?evil-word=evilword"], lists)[0]
    assert (found["hard_words"], found["soft_words"], found["subwords"]) == (2, 2, 2)


def test_no_url_has_no_signals_and_no_rows_make_an_empty_table(lists: UrlLists) -> None:
    assert set(measure([None], lists)[0].values()) == {None}
    assert measure([], lists) == []


def test_the_lists_of_the_repository_find_words_and_no_domains() -> None:
    found = measure(["http://site.example/anus-babes/", "http://site.example/sussex"], UrlLists.load())
    assert found[0]["soft_words"] == 2
    assert found[1] == {"domain_categories": [], "hard_words": 0, "soft_words": 0, "subwords": 0}


def test_the_digest_follows_the_content_and_not_the_compression(tmp_path: Path) -> None:
    digest = load(tmp_path).digest
    path = tmp_path / "categories" / "games" / "domains"
    path.with_name("domains.gz").write_bytes(gzip.compress(path.read_bytes()))
    text = path.read_text()
    path.unlink()
    folder, words = tmp_path / "categories", tmp_path
    assert UrlLists.load(folder, words).digest == digest
    path.write_text(text + "more.example\n")
    assert UrlLists.load(folder, words).digest != digest


def test_lists_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(UrlListError, match="no such folder"):
        UrlLists.load(tmp_path / "absent")
    with pytest.raises(UrlListError, match="holds no folder with a file `domains`"):
        UrlLists.load(tmp_path)
    with pytest.raises(UrlListError, match=r"needs banned_words\.txt"):
        UrlLists.load(None, tmp_path)
    (tmp_path / "banned_words.txt.gz").write_bytes(b"noise")
    with pytest.raises(UrlListError, match="cannot be read"):
        UrlLists.load(None, tmp_path)
