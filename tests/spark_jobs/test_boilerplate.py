"""Lines that many pages of a host share, against a count in plain Python; and that they go from the corpus."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml

from gristmill.lake import Lake
from gristmill.profile import PROJECT
from gristmill.schemas import OFFSET_BITS, SCHEMAS
from gristmill.storage import PosixStorage
from spark_jobs import annotate, boilerplate, curate, decide, deduplicate, extract
from spark_jobs.boilerplate import BoilerplateConfig, masks, read_hosts, read_lines, repeated
from spark_jobs.edits import edited
from spark_jobs.policies.model import Edits
from spark_jobs.text.lines import lines
from tests.spark_jobs.text.test_line_hashes import folded

CONFIG = BoilerplateConfig(min_pages=3, min_share=0.3, min_bytes=6, max_share=0.6)
BANNER = "This site uses banners, page 1 of 20, and says so on every page."
NOTICE = "이 문서는 최신판 번역이 아닙니다."


@dataclass(frozen=True)
class Page:
    host: str | None
    text: str
    group: str | None = None
    url: str | None = None


Masks = dict[int, tuple[list[int], bool]]
"""page -> (its repeated lines, whether it keeps them)"""


def found(folder: Path, pages: Sequence[Page], places: Sequence[int] | None = None, config: Any = CONFIG) -> Masks:
    """What the stage finds; `places` are the ids of the pages, by default of one file."""
    ids = list(places or range(len(pages)))
    order = sorted(range(len(pages)), key=lambda i: ids[i])
    lake = Lake(PosixStorage(folder))
    first: dict[Any, int] = {}
    for i in order:
        for name in ("group", "url"):
            first.setdefault((name, getattr(pages[i], name)), ids[i])
    rows = [{"doc_id": ids[i], "exact_group": first["group", pages[i].group] if pages[i].group else None,
             "url_group": first["url", pages[i].url] if pages[i].url else None} for i in order]  # fmt: skip
    duplicates = pa.Table.from_pylist(rows, schema=SCHEMAS["duplicates"])
    files: dict[str, list[Any]] = {"documents": [], "lines": []}
    for number in sorted({each >> OFFSET_BITS for each in ids}):
        mine = [i for i in order if ids[i] >> OFFSET_BITS == number]
        doc_id, text = pa.array([ids[i] for i in mine]), pa.array([pages[i].text for i in mine], pa.string())
        hosts = [{"doc_id": ids[i], "host": pages[i].host} for i in mine]
        tables = {"documents": pa.Table.from_pylist(hosts, schema=SCHEMAS["documents"]),
                  "lines": lines(doc_id, text, pa.nulls(len(mine), pa.string()))}  # fmt: skip
        for name, table in tables.items():
            files[name].append(lake.write_table(name, f"{number:06d}", table))
    hosts_of = read_hosts(lake, files["documents"][::-1], duplicates, config)
    keys = repeated(lake, files["lines"][::-1], hosts_of, config)
    made = pa.concat_tables(masks(read_lines(lake, f, hosts_of, config), keys, config) for f in files["lines"])
    result: Masks = {}
    for row in made.to_pylist():
        bits = int.from_bytes(row["mask"], "little")
        result[ids.index(row["doc_id"])] = ([i for i in range(bits.bit_length()) if bits >> i & 1], row["capped"])
        assert row["capped"] or row["lines"] == bits.bit_count()
    return result


def expected(pages: Sequence[Page], order: Sequence[int], config: Any = CONFIG) -> Masks:
    """The same by sets of strings."""
    counted, seen = list[int](), set[Any]()
    for i in order:
        names = [("group", pages[i].host, pages[i].group), ("url", pages[i].host, pages[i].url)]
        copy = any(name[2] is not None and name in seen for name in names)
        seen.update(names)
        counted += [] if copy else [i]
    size = Counter(pages[i].host for i in counted)
    on: dict[Any, set[int]] = defaultdict(set)
    for i in counted:
        for line in pages[i].text.splitlines():
            on[pages[i].host, folded(line)].add(i)
    result: Masks = {}
    for i, page in enumerate(pages):
        split = [folded(line) for line in page.text.splitlines()]
        least = max(config.min_pages, config.min_share * size[page.host] - 1e-9)
        mine = [n for n, line in enumerate(split)
                if len(line.encode()) >= config.min_bytes and len(on[page.host, line]) >= least]  # fmt: skip
        capped = sum(len(split[n].encode()) for n in mine) > config.max_share * sum(len(s.encode()) for s in split)
        if mine:
            result[i] = ([] if capped else mine, capped)
    return result


def crawl(draw: random.Random) -> list[Page]:
    shared = [BANNER, NOTICE, "Short", "Copyright 2001", "copyright  1999", "漢字漢", "漢", "", "  "]
    pages = []
    for _ in range(draw.randint(5, 40)):
        text = draw.choices(shared, k=draw.randint(0, 6)) + [f"line {chr(97 + draw.randrange(26)) * 9}" for _ in "abc"]
        draw.shuffle(text)
        group, url = (draw.choice([None, None, f"{name}{draw.randrange(4)}"]) for name in "gu")
        pages.append(Page(draw.choice(["a.example", "a.example", "b.example", None]), "\n".join(text), group, url))
    return pages


@pytest.mark.parametrize("seed", range(12))
def test_any_partition_and_part_finds_what_a_plain_count_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    draw = random.Random(seed)
    pages = crawl(draw)
    order = list(range(len(pages)))
    assert found(tmp_path / "one", pages) == expected(pages, order)
    # Files of any size, in any order, and lines counted in several parts; ids ascend as before, so copies are the same.
    monkeypatch.setattr(boilerplate, "LINES_AT_ONCE", 40)
    cuts = sorted(draw.choices(order, k=3))
    places = [sum(i >= cut for cut in cuts) << OFFSET_BITS | i for i in order]
    assert found(tmp_path / "many", pages, places) == expected(pages, order)
    draw.shuffle(places)
    by_place = sorted(order, key=lambda i: places[i])
    assert found(tmp_path / "shuffled", pages, places) == expected(pages, by_place)


def own(i: int) -> str:
    return f"What page {chr(97 + i) * 12} alone has to say, and {chr(97 + i) * 30}."


def test_copies_of_a_page_do_not_make_its_lines_boilerplate(tmp_path: Path) -> None:
    copies = [Page("a.example", f"{own(0)}\n{own(1)}", group="g") for _ in range(9)]
    captures = [Page("a.example", f"{own(2)}\n{own(3)}{i}", url="u") for i in range(9)]
    assert found(tmp_path / "copies", copies + captures) == {}
    assert found(tmp_path / "other", [Page("a.example", f"{own(2)}\n{own(i)}") for i in range(9)]) != {}


def test_of_another_host_the_same_line_is_not_boilerplate(tmp_path: Path) -> None:
    pages = [Page("a.example", f"{BANNER}\n{own(i)}\n{own(i + 5)}") for i in range(5)]
    pages += [Page(f"{i}.example", f"{BANNER}\n{own(i)}\n{own(i + 5)}") for i in range(5)]
    assert found(tmp_path, pages) == dict.fromkeys(range(5), ([0], False))


def test_a_page_that_is_boilerplate_alone_keeps_it_and_is_counted(tmp_path: Path) -> None:
    pages = [Page("a.example", f"{NOTICE}\n{own(i)}\n{own(i + 6)}") for i in range(5)] + [Page("a.example", NOTICE)]
    made = found(tmp_path, pages)
    assert made == {**dict.fromkeys(range(5), ([0], False)), 5: ([], True)}


def test_a_line_that_one_page_repeats_counts_once(tmp_path: Path) -> None:
    hostile = Page("a.example", f"{BANNER}\n" * 100_000)
    assert found(tmp_path / "alone", [hostile, *(Page("a.example", own(i)) for i in range(4))]) == {}
    pages = [hostile, *(Page("a.example", f"{BANNER}\n{own(i)}\n{own(i + 5)}") for i in range(4))]
    assert found(tmp_path / "many", pages) == {0: ([], True), **dict.fromkeys(range(1, 5), ([0], False))}


def test_no_document(tmp_path: Path) -> None:
    hosts = read_hosts(Lake(PosixStorage(tmp_path)), [], SCHEMAS["duplicates"].empty_table(), CONFIG)
    assert len(repeated(Lake(PosixStorage(tmp_path)), [], hosts, CONFIG)) == 0


def test_a_text_without_repeated_lines_stays_as_the_other_edits_leave_it() -> None:
    text = pa.array(["one\x1cline  of\ttext", f"{BANNER}\nanother"])
    on, _ = edited(text, pa.array([None, b"\1"]), Edits(boilerplate=True))
    off, _ = edited(text, None, Edits())
    assert on[0] == off[0]
    assert on.to_pylist()[1] == "another"


STAGES = (extract, annotate, deduplicate, decide, curate)


def test_repeated_lines_go_from_the_corpus_or_the_switch_is_off(
    places: Any, warc: Any, tmp_path: Path, words: Callable[[int], str]
) -> None:
    path = tmp_path / "crawl.warc.gz"
    urls = [f"http://site.example/{i}" for i in range(25)]
    pages = [f"{words(i)}\n\n{BANNER}\n\n{words(i + 100)}" for i in range(25)]
    path.write_bytes(b"".join(warc.members(
        warc.response(warc.page(text), url=url) for url, text in zip(urls, pages, strict=True)
    )))  # fmt: skip

    def run(name: str, edits: Mapping[str, Any]) -> Any:
        policy = yaml.safe_load((PROJECT / "configs/policies/gristmill.yaml").read_text())
        mill = places.mill(name, {"A": [path]}, policy={**policy, "edits": edits})
        mill.run("A", stages=STAGES[:-1])
        if not edits.get("boilerplate"):
            # The corpus is that of a snapshot without this dataset.
            mill.digests["A"].pop("boilerplate")
        mill.run("A", stages=STAGES[-1:])
        return mill

    off, on, both = (run(n, {"boilerplate": n != "off", **e}) for n, e in (
        ("off", {}), ("on", {}), ("both", {"lines": "c4_original"}),
    ))  # fmt: skip
    assert off.lake.manifest(off.digests["A"]["corpus"]).account.other == {}
    assert all(BANNER in row["text"] for row in off.rows("A", "corpus"))
    for mill in (on, both):
        rows = mill.rows("A", "corpus")
        assert len(rows) == 25
        assert not [row for row in rows if "banners" in row["text"]]
        account = mill.lake.manifest(mill.digests["A"]["corpus"]).account
        assert account.other["boilerplate_documents"] == 25
        assert account.other["boilerplate_bytes"] == 25 * (len(BANNER) + 1)
    texts = [row["text"].replace(f"{BANNER}\n\n", "") for row in off.rows("A", "corpus")]
    assert [row["text"] for row in on.rows("A", "corpus")] == texts


@pytest.fixture
def words() -> Callable[[int], str]:
    """Sentences of a page."""
    known = ["server", "request", "page", "module", "file", "value", "client", "network", "time", "cache", "proxy"]

    def make(seed: int) -> str:
        draw = random.Random(seed)
        return " ".join(" ".join(draw.choices(known, k=12)).capitalize() + "." for _ in range(6))

    return make
