"""The sample archives of five projects, each read or refused for the right reason, checked against other parsers."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from fastwarc.warc import ArchiveIterator

from spark_jobs.web.archives import UnknownFormat, layout_of, read_archive
from spark_jobs.web.caps import Caps
from spark_jobs.web.warc import Damage

WARCIO: dict[str, dict[str, int]] = json.loads(Path(__file__).with_name("sample_counts.json").read_text())
CAPS = Caps()

RESILIPARSE = "chatnoir-resiliparse/tests/data/"
PYWB = "pywb/sample_archive/"
COMMONS = "webarchive-commons/src/test/resources/org/archive/format/"
EXAMPLE = {"warcinfo": 1, "response": 2, "request": 2, "revisit": 1}
IAH = {"warcinfo": 1, "request": 17, "response": 16, "metadata": 16}

UNLIKE_WARCIO: dict[str, dict[str, int]] = {
    # warcio does not read lz4; the same crawl as .warc and .warc.gz says what is in there.
    RESILIPARSE + "block-sized-records.warc.lz4": {"unknown": 3},
    RESILIPARSE + "warcfile.warc.lz4": IAH,
    # One record, clipped inside its member: the others give half a page.
    RESILIPARSE + "clipped.warc.gz": {},
    # Lengths of -1 and "abc" say nothing of where a record ends; warcio reads on to the next blank line.
    PYWB + "warcs/bad.arc": {"response": 1},
    "warcio/test/data/bad.arc": {"response": 1},
    # All records in one gzip member, which warcio refuses.
    PYWB + "warcs/example-bad.warc.gz.bad": EXAMPLE,
    "warcio/test/data/example-bad.warc.gz.bad": EXAMPLE,
    "warcio/test/data/example-bad-non-chunked.warc.gz": EXAMPLE | {"warcinfo": 2, "response": 1},
    # A record that spans three members; warcio takes the second for a file of its own.
    "warcio/test/data/example-wrong-chunks.warc.gz": {"response": 1, "request": 1},
    # Its page is 9 bytes shorter than its length says, at the end of the file.
    "warcio/test/data/example-space-in-url.arc": {"filedesc": 1},
    # No line break after the blocks of this writer; see the test below for the count.
    COMMONS + "arc/IAH-20080430204825-00000-blackbook-truncated.arc": {"filedesc": 1, "response": 8},
}

PROBLEMS: dict[str, dict[str, int]] = {
    RESILIPARSE + "clipped.warc.gz": {"truncated": 1},
    # The record in between has one byte of text.
    PYWB + "warcs/bad.arc": {"no_length": 3, "bad_http": 1},
    "warcio/test/data/bad.arc": {"no_length": 3, "bad_http": 1},
    # Its status line is "HTTPX/1.1 200 OK".
    PYWB + "warcs/example-extra.warc": {"bad_http": 1},
    # A record with a few bytes more than its length says: they are damage, the record is whole.
    PYWB + "warcs/example.warc": {"corrupt": 1},
    # The same, and the block is not that of its digest: its gzip body has no end.
    "warcio/test/data/example-trunc.warc": {"corrupt": 1, "bad_encoding": 1},
    "warcio/test/data/example-space-in-url.arc": {"truncated": 1},
    # The answer of a name server.
    COMMONS + "arc/IAH-20080430204825-00000-blackbook-truncated.arc": {"bad_http": 1},
}

REFUSED = {
    PYWB + "waczs/valid_example_1.wacz": "unpack it", PYWB + "waczs/invalid_example_1.wacz": "unpack it",
    COMMONS + "gzip/abcd.gz": "gzip data", COMMONS + "gzip/hi.gz": "gzip data", COMMONS + "gzip/hi-2.gz": "gzip data",
    COMMONS + "gzip/empty.gz": "gzip data", COMMONS + "gzip/double-single-inflate-error.gz": "gzip data",
}  # fmt: skip

STREAMS = {name for name in UNLIKE_WARCIO if "example-bad" in name or "wrong-chunks" in name}


def counted(path: Path) -> tuple[dict[str, int], dict[str, int]]:
    """(records by type, problems and damage by reason)."""
    types: Counter[str] = Counter()
    problems: Counter[str] = Counter()
    for item in read_archive(memoryview(path.read_bytes()), CAPS):
        reason = item.reason if isinstance(item, Damage) else item.problem
        problems.update([reason] if reason else [])
        types.update([] if isinstance(item, Damage) else [item.type])
    return dict(types), dict(problems)


@pytest.fixture(scope="module")
def samples(shared_data: Callable[[str], Path]) -> Path:
    return shared_data("warc_samples")


def test_every_sample_is_in_the_table(samples: Path) -> None:
    there = {path.relative_to(samples).as_posix() for path in samples.rglob("*") if path.is_file()}
    assert {name for name in there if Path(name).name not in ("LICENSE", "SOURCE.txt")} == set(WARCIO)


@pytest.mark.parametrize("name", sorted(set(WARCIO) - set(REFUSED)))
def test_a_sample_holds_what_another_parser_finds(samples: Path, name: str) -> None:
    types, problems = counted(samples / name)
    # warcio names the first record of an ARC file after its counterpart.
    expected = {"filedesc" if kind == "warcinfo" and ".arc" in name else kind: n for kind, n in WARCIO[name].items()}
    assert types == UNLIKE_WARCIO.get(name, expected)
    assert (name in UNLIKE_WARCIO) == (types != expected)
    assert problems == PROBLEMS.get(name, {})
    layout = layout_of(memoryview((samples / name).read_bytes()), CAPS)
    assert layout.offsets == ("stream" if name in STREAMS else "file")


@pytest.mark.parametrize("name", sorted(name for name in set(WARCIO) - set(REFUSED) if ".arc" not in name))
def test_a_warc_sample_holds_what_fastwarc_finds(samples: Path, name: str) -> None:
    expected: Counter[str] = Counter()
    with (samples / name).open("rb") as file:
        try:
            for record in ArchiveIterator(file, parse_http=False):
                expected[record.headers["WARC-Type"]] += 1
        except OSError:
            # It stops at bytes that no length covers.
            assert "corrupt" in PROBLEMS[name]
    types, _ = counted(samples / name)
    if "clipped" in name:
        # It gives the half of the page that is there.
        assert (types, expected) == ({}, {"response": 1})
    else:
        assert all(types[kind] >= count for kind, count in expected.items())
        assert types == expected or "corrupt" in PROBLEMS[name]


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_is_no_archive_is_refused_with_a_sentence(samples: Path, name: str) -> None:
    with pytest.raises(UnknownFormat, match=REFUSED[name]):
        layout_of(memoryview((samples / name).read_bytes()), CAPS)


def test_an_arc_file_without_line_breaks_holds_what_a_search_finds(samples: Path) -> None:
    name = COMMONS + "arc/IAH-20080430204825-00000-blackbook-truncated.arc"
    lines = re.findall(rb"[a-z]+:[^ \n]+ [0-9.]+ 2008[0-9]{10} [a-z/-]+ [0-9]+\n", (samples / name).read_bytes())
    types, _ = counted(samples / name)
    assert sum(types.values()) == len(lines)


@pytest.mark.parametrize("suffix", ["", ".gz", ".lz4"])
def test_one_crawl_reads_the_same_however_it_is_packed(samples: Path, suffix: str) -> None:
    path, plain = (samples / f"{RESILIPARSE}warcfile.warc{end}" for end in (suffix, ""))
    found, expected = (list(read_archive(memoryview(p.read_bytes()), CAPS)) for p in (path, plain))
    assert len(found) == 50
    for one, other in zip(found, expected, strict=True):
        assert not isinstance(one, Damage)
        assert not isinstance(other, Damage)
        assert (one.headers, one.http, one.body) == (other.headers, other.http, other.body)
