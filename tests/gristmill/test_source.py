"""Bytes by path or URL."""

from __future__ import annotations

from pathlib import Path

import fsspec
import pytest

from gristmill.source import SourceError, is_url, local_copy, mapped, size

DATA = bytes(range(256)) * 10_000


@pytest.fixture
def memory() -> str:
    with fsspec.open("memory://crawl/file.warc", "wb") as file:
        file.write(DATA)
    return "memory://crawl/file.warc"


def test_a_path_is_read_in_place(tmp_path: Path) -> None:
    path = tmp_path / "a:b.warc"
    path.write_bytes(DATA)
    assert size(str(path)) == len(DATA)
    with local_copy(str(path)) as local, mapped(local) as view:
        assert local == path
        assert view == DATA
    assert path.exists()


def test_a_url_is_copied_for_as_long_as_it_is_read(memory: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(DATA)
    for url in (memory, f"file://{path}"):
        assert size(url) == len(DATA)
        with local_copy(url) as local:
            assert local.read_bytes() == DATA
        assert not local.exists()
        with pytest.raises(KeyError), local_copy(url) as local:
            raise KeyError
        assert not local.exists()
    assert path.exists()


def test_nothing_is_mapped_of_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.touch()
    with mapped(path) as view:
        assert view == b""


def test_what_is_not_there_is_an_error_of_the_system(tmp_path: Path) -> None:
    for path in (str(tmp_path / "absent"), f"file://{tmp_path}/absent", "memory://absent"):
        with pytest.raises(OSError, match="absent"):
            size(path)
        with pytest.raises(OSError, match="absent"), local_copy(path) as local, mapped(local):
            pass


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(url: str) -> None:
        raise ImportError(url)

    monkeypatch.setattr(fsspec.core, "url_to_fs", missing)
    for read in (size, lambda url: local_copy(url).__enter__()):
        with pytest.raises(SourceError, match="pip install s3fs"):
            read("s3://bucket/file.warc.gz")


@pytest.mark.parametrize("error", [TypeError("missing 'org'"), ValueError("no port 'x'")])
def test_an_address_that_its_scheme_does_not_take_is_named(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def refuse(url: str) -> None:
        raise error

    monkeypatch.setattr(fsspec.core, "url_to_fs", refuse)
    for read in (size, lambda url: local_copy(url).__enter__()):
        with pytest.raises(SourceError, match=f"github://x: .*{error}.*correct the address"):
            read("github://x")


def test_an_unknown_scheme_is_named() -> None:
    with pytest.raises(SourceError, match="no such scheme as 's4'"):
        size("s4://bucket/file")


@pytest.mark.parametrize(
    ("path", "wanted"),
    [("s3://b/k", True), ("simplecache::s3://b/k", True), ("/data/a", False), ("a:b", False), ("./x://y", False)],
)
def test_what_a_url_is(path: str, wanted: bool) -> None:
    assert is_url(path) is wanted
