"""The large crawl: the same arguments, the same bytes; files do not depend on how many there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from fastwarc.warc import ArchiveIterator, WarcRecordType
from hypothesis import given
from hypothesis import strategies as st

from bench.crawl import NoPages, Page, Rewriter, _pieces, make, pages
from gristmill.profile import PROJECT


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file of the embedded crawl."""
    folder = tmp_path_factory.mktemp("source")
    (folder / "a.warc.gz").symlink_to(next((PROJECT / "data/crawl/embedded/snapshot-A").glob("*.warc.gz")))
    return folder


def _bodies(path: Path) -> Iterator[tuple[str, bytes]]:
    with path.open("rb") as stream:
        for record in ArchiveIterator(stream, record_types=WarcRecordType.response):
            yield record.headers["WARC-Target-URI"], record.reader.read()


def test_same_arguments_same_bytes_and_a_longer_crawl_begins_like_a_shorter_one(source: Path, tmp_path: Path) -> None:
    short, again, long = (make(source, tmp_path / name, files, 30) for name, files in (("a", 1), ("b", 1), ("c", 2)))
    assert short[0].read_bytes() == again[0].read_bytes() == long[0].read_bytes()
    assert long[0].read_bytes() != long[1].read_bytes()


def test_every_page_has_an_address_of_its_own_and_its_whole_body(source: Path, tmp_path: Path) -> None:
    found = [each for path in make(source, tmp_path / "a", 2, 40) for each in _bodies(path)]
    assert len(found) == len({url for url, _ in found}) == 80
    assert all(b"</html>" in body.lower() for _, body in found)


def test_some_pages_are_copies_and_most_are_not() -> None:
    sentences = [bytes([65 + i % 26]) * 45 + b" " + str(i).encode() * 5 for i in range(4000)]
    rewriter = Rewriter(
        [Page(b"", [(each, True) for each in sentences[i : i + 40]], "en") for i in range(0, 4000, 40)], 1
    )
    drawn = [b"".join(piece for piece, _ in rewriter.draw().pieces) for _ in range(1000)]
    copies = sum(count - 1 for count in Counter(drawn).values())
    assert 20 <= copies <= 80


@given(st.binary(max_size=400))
def test_cutting_a_page_loses_no_byte(body: bytes) -> None:
    assert b"".join(piece for piece, _ in _pieces(body)) == body


def test_markup_and_scripts_are_never_replaced() -> None:
    long = b"a sentence that is long enough to be replaced by another one."
    body = (
        b"<p class='"
        + long
        + b"'>"
        + long
        + b" Short.</p><script>var x = '"
        + long
        + b"'</script><!-- "
        + long
        + b" -->"
    )
    assert [piece for piece, is_text in _pieces(body) if is_text] == [long]


def test_a_folder_without_pages_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NoPages, match="give the folder of a crawl"):
        pages(tmp_path)


def test_a_rewritten_page_keeps_its_language() -> None:
    pool = [
        Page(b"", [(word * 20, True)], group) for word, group in ((b"eins ", "de"), (b"two ", "en"), (b"drei ", "de"))
    ]
    rewriter, rng = Rewriter(pool, 3), Random(0)
    for _ in range(50):
        page = rewriter._rewritten(rng.choice(pool), 1.0)
        text = b"".join(piece for piece, _ in page.pieces)
        assert (b"two" in text) == (page.group == "en")
