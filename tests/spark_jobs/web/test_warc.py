"""WARC records: each has its address, and no damage is silent."""

from __future__ import annotations

import gzip
import random
import tracemalloc
import zlib
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_jobs.web.archives import UnknownFormat, read_archive
from spark_jobs.web.caps import Caps
from spark_jobs.web.warc import Damage, Record

CAP = 1 << 20
PAGES = [f"<html><body>page {i} {'lorem ipsum dolor ' * i}</body></html>".encode() for i in range(5)]


def read(data: bytes, cap: int = CAP) -> list[Record | Damage]:
    return list(read_archive(memoryview(data), Caps(cap, 2000.0)))


def records(data: bytes, cap: int = CAP) -> list[Record]:
    return [item for item in read(data, cap) if isinstance(item, Record)]


def damage(data: bytes, cap: int = CAP) -> list[Damage]:
    return [item for item in read(data, cap) if isinstance(item, Damage)]


def members_by_zlib(data: bytes) -> list[tuple[int, int, bytes]]:
    """(start, end, content) of each gzip member, by the standard library alone."""
    found, start = [], 0
    while start < len(data):
        inflater = zlib.decompressobj(31)
        content = inflater.decompress(data[start:])
        end = len(data) - len(inflater.unused_data)
        found.append((start, end, content))
        start = end
    return found


@pytest.fixture(scope="module")
def crawl(warc: Any) -> list[bytes]:
    """Gzip members: warcinfo, then five responses."""
    info = warc.record(b"software: test\r\n", kind="warcinfo", url=None, content_type="application/warc-fields")
    pages = [warc.response(page, url=f"http://site.example/{i}") for i, page in enumerate(PAGES)]
    members: list[bytes] = warc.members([info, *pages])
    return members


def starts(members: list[bytes]) -> list[int]:
    return [0, *accumulate(map(len, members))][:-1]


def test_records_stand_at_their_members(crawl: list[bytes]) -> None:
    found = records(b"".join(crawl))
    assert [r.offset for r in found] == starts(crawl)
    assert [r.type for r in found] == ["warcinfo"] + ["response"] * 5
    assert [r.body for r in found[1:]] == PAGES
    assert [r.url for r in found[1:]] == [f"http://site.example/{i}" for i in range(5)]


@pytest.mark.parametrize("letter", ["A", "B"])
def test_addresses_in_the_embedded_crawl_are_those_of_an_independent_parser(
    embedded: dict[str, list[Path]], letter: str
) -> None:
    for path in embedded[letter]:
        data = path.read_bytes()
        found = read(data, 16 << 20)
        wanted = members_by_zlib(data)
        assert [item.offset for item in found] == [start for start, _, _ in wanted]
        for record, (_, _, content) in zip(found, wanted, strict=True):
            assert isinstance(record, Record)
            head, _, block = content.partition(b"\r\n\r\n")
            assert f"warc-type: {record.type}" in head.decode().lower()
            if record.type == "response":
                assert record.url is not None
                assert record.url in head.decode()
                assert str(record.status).encode() in block.split(b"\r\n")[0]


def test_a_file_cut_at_any_byte_gives_the_whole_records_and_counts_the_rest(crawl: list[bytes]) -> None:
    data = b"".join(crawl)
    bounds = [*starts(crawl), len(data)]
    whole = read(data)
    # Of the first member enough has to be there to tell what the file is.
    for cut in range(100, len(data)):
        found = read(data[:cut])
        complete = sum(end <= cut for end in bounds[1:])
        assert found[:complete] == whole[:complete], cut
        lost = cut - bounds[complete]
        assert found[complete:] == ([Damage(bounds[complete], lost, "truncated")] if lost else []), cut


def test_a_plain_file_cut_at_any_byte_gives_the_whole_records_and_counts_the_rest(warc: Any) -> None:
    written = [warc.response(page) for page in PAGES[:3]]
    data = b"".join(written)
    bounds = [0, *accumulate(map(len, written))]
    for cut in range(len("WARC/1.0\r\n"), len(data)):
        found = read(data[:cut])
        # A record is whole with its block; only the line breaks after it may be missing.
        complete = sum(end - 4 <= cut for end in bounds[1:])
        assert [r.body for r in found if isinstance(r, Record)] == PAGES[:complete], cut
        lost = max(0, cut - bounds[complete])
        assert [(d.offset, d.bytes) for d in found if isinstance(d, Damage)] == (
            [(bounds[complete], lost)] if lost else []
        )


def test_plain_records_have_their_byte_offsets(warc: Any) -> None:
    written = [warc.response(page) for page in PAGES]
    assert [r.offset for r in records(b"".join(written))] == starts(written)


@settings(max_examples=80)
@given(st.integers(0, 5), st.binary(min_size=1, max_size=80), st.booleans())
def test_a_damaged_member_costs_itself_alone(crawl: list[bytes], index: int, noise: bytes, replace: bool) -> None:
    broken = list(crawl)
    middle = len(crawl[index]) // 2
    broken[index] = b"x" + noise if replace else crawl[index][:middle] + noise + crawl[index][middle:]
    found = read(b"".join(broken))
    offsets = starts(broken)
    good = [item for item in found if isinstance(item, Record)]
    assert [r.offset for r in good] == [o for i, o in enumerate(offsets) if i != index]
    assert [r.body for r in good if r.type == "response"] == [p for i, p in enumerate(PAGES, 1) if i != index]
    lost = [item for item in found if isinstance(item, Damage)]
    assert [(d.offset, d.bytes) for d in lost] == [(offsets[index], len(broken[index]))]


@settings(max_examples=150)
@given(st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=6))
def test_changed_bytes_never_change_what_a_record_says(crawl: list[bytes], changes: list[tuple[float, int]]) -> None:
    data = bytearray(b"".join(crawl))
    for place, value in changes:
        data[int(place * len(data))] = value
    intact = {(r.offset, r.body) for r in records(b"".join(crawl))}
    try:
        found = records(bytes(data))
    except UnknownFormat:
        return
    for record in found:
        assert (record.offset, record.body) in intact, "a checksum protects each member"


@settings(max_examples=60)
@given(st.binary(min_size=1, max_size=40), st.integers(0, 2))
def test_noise_between_plain_records_is_damage_and_the_next_record_is_found(
    warc: Any, noise: bytes, index: int
) -> None:
    written = [warc.response(page) for page in PAGES[:4]]
    noise = b"x" + noise
    found = read(b"".join([*written[: index + 1], noise, *written[index + 1 :]]))
    assert [r.body for r in found if isinstance(r, Record)] == PAGES[:4]
    place = sum(map(len, written[: index + 1]))
    assert [item for item in found if isinstance(item, Damage)] == [Damage(place, len(noise), "corrupt")]


def test_a_plain_record_that_claims_more_than_it_has_swallows_no_other(warc: Any) -> None:
    liar = warc.response(PAGES[1], length=len(PAGES[1]) + 200)
    data = liar + b"".join(warc.response(page) for page in PAGES[2:])
    found = read(data)
    assert isinstance(found[0], Record)
    assert (found[0].problem, found[0].stored_bytes, found[0].body) == ("short_record", len(liar), b"")
    assert [r.body for r in found[1:] if isinstance(r, Record)] == PAGES[2:]


def test_a_plain_record_that_is_a_little_longer_than_it_claims_is_read_as_far_as_it_claims(warc: Any) -> None:
    data = warc.response(PAGES[1]).replace(PAGES[1], PAGES[1] + b"m") + warc.response(PAGES[2])
    first, lost, second = read(data)
    assert isinstance(first, Record)
    assert isinstance(second, Record)
    assert (first.body, second.body) == (PAGES[1], PAGES[2])
    assert isinstance(lost, Damage)
    assert lost.bytes == len(b"m\r\n\r\n")


def test_hostile_headers_never_raise(warc: Any) -> None:
    digits = b"9" * 6000
    for block in (
        b"Content-Length: " + digits,
        b"Content-Length: -5",
        b"Content-Length: 5x",
        b"A" * 70_000,
        b"\xff: \xfe",
    ):
        record = b"WARC/1.0\r\nWARC-Type: response\r\n" + block + b"\r\n\r\nbody\r\n\r\n"
        for data in (record, gzip.compress(record), record + warc.response(PAGES[0])):
            assert read(data)


def test_several_records_in_one_member_are_named_not_lost(warc: Any) -> None:
    # The first member decides that the addresses are those of members.
    first = gzip.compress(warc.response(PAGES[0]))
    data = first + gzip.compress(b"".join(warc.response(page) for page in PAGES[:3]))
    found = read(data)[1:]
    assert [(item.offset - len(first), getattr(item, "problem", "")) for item in found] == [
        (0, None), (1, "not_seekable"), (2, "not_seekable"),
    ]  # fmt: skip


@pytest.mark.parametrize("count", [900, 20_000])
def test_more_records_in_a_member_than_it_has_bytes_keep_to_its_addresses(warc: Any, count: int) -> None:
    first = gzip.compress(warc.response(PAGES[0]))
    many = gzip.compress(warc.record(b"", kind="metadata", url=None) * count)
    found = read(first + many + first, 16 << 20)
    addresses = [item.offset for item in found]
    assert len(set(addresses)) == len(addresses)
    assert addresses[-1] == len(first + many)
    assert isinstance(found[-2], Damage)
    assert found[-2].reason == "too_many_records_in_member"


def test_what_follows_a_record_in_its_member_is_damage_beside_the_record(warc: Any) -> None:
    data = gzip.compress(warc.response(PAGES[0]) + b"this is no record")
    record, lost = read(data)
    assert isinstance(record, Record)
    assert record.body == PAGES[0]
    assert lost == Damage(1, len(data) - 1, "bad_record")


@pytest.mark.parametrize(
    "content", [b"", b"not a record", b"WARC/1.0\r\n\r\n", b"WARC/1.0\r\nWARC-Type: response\r\n\r\n"]
)
def test_a_member_without_a_record_is_damage(content: bytes, warc: Any) -> None:
    empty = gzip.compress(content)
    record, lost, after = read(
        b"".join([gzip.compress(warc.response(PAGES[0])), empty, gzip.compress(warc.response(PAGES[1]))])
    )
    assert isinstance(record, Record)
    assert isinstance(lost, Damage)
    assert isinstance(after, Record)
    assert (lost.offset, lost.bytes) == (after.offset - len(empty), len(empty))
    if content.startswith(b"WARC/"):
        assert sum(d.bytes for d in damage(empty)) == len(empty)
    else:
        with pytest.raises(UnknownFormat):
            read(empty)


def test_damage_ends_at_a_record_not_at_what_looks_like_a_member(warc: Any) -> None:
    good = gzip.compress(warc.response(PAGES[0]))
    bait = b"\x1f\x8b\x08" * 5 + gzip.compress(b"no record")[:-3]
    found = read(good + bait + good)
    assert [item for item in found if isinstance(item, Damage)] == [Damage(len(good), len(bait), "corrupt")]
    assert [r.body for r in found if isinstance(r, Record)] == [PAGES[0]] * 2


def test_a_record_that_claims_more_than_its_member_has_is_short(warc: Any) -> None:
    for kind in ("response", "resource"):
        liar = warc.response(PAGES[1], kind=kind, length=5000)
        (record,) = records(gzip.compress(liar))
        assert record.problem == "short_record"
        assert record.body == b""


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("<http://site.example/a>", "http://site.example/a"), ("http://site.example/a", "http://site.example/a"),
        (" <http://site.example/a b> ", "http://site.example/a b"), ("<>", None), ("", None),
    ],
)  # fmt: skip
def test_angle_brackets_around_a_target_uri_are_not_part_of_it(warc: Any, written: str, url: str | None) -> None:
    (record,) = records(warc.response(PAGES[0], url=written))
    assert record.url == url


def test_http_headers_with_bare_line_feeds_are_read(warc: Any) -> None:
    block = b"HTTP/1.1 200 OK\nContent-Type: text/html; charset=euc-jp\n\nbody"
    (record,) = records(gzip.compress(warc.record(block)))
    assert (record.status, record.http["content-type"], record.body) == (200, "text/html; charset=euc-jp", b"body")


def test_a_response_that_is_not_http_is_named(warc: Any) -> None:
    (record,) = records(gzip.compress(warc.record(b"20260105 ns.example 192.0.2.1", content_type="text/dns")))
    assert record.problem == "bad_http"


def test_encoded_bodies_are_decoded_and_cut_ones_named(warc: Any) -> None:
    packed = gzip.compress(PAGES[4])
    headers = {"Content-Type": "text/html", "Content-Encoding": "gzip"}
    whole, cut = (records(warc.response(body, headers=headers))[0] for body in (packed, packed[:-9]))
    assert (whole.body, whole.problem) == (PAGES[4], None)
    assert (cut.body, cut.problem, cut.status) == (b"", "bad_encoding", 200)


@pytest.mark.parametrize("compress", [gzip.compress, bytes])
def test_a_record_over_the_cap_is_named_with_its_url_and_the_next_is_read(warc: Any, compress: Any) -> None:
    noise = random.Random(0).randbytes(3000)
    large = compress(warc.response(noise, url="http://site.example/large"))
    data = large + compress(warc.response(PAGES[0]))
    found = records(data, cap=2000)
    assert [(r.offset, r.url, r.problem) for r in found] == [
        (0, "http://site.example/large", "too_large"), (len(large), "http://site.example/page.html", None),
    ]  # fmt: skip
    assert found[1].body == PAGES[0]


def test_a_large_record_of_another_type_is_still_of_that_type(warc: Any) -> None:
    (record,) = records(gzip.compress(warc.record(b"x" * 5000, kind="metadata")), cap=2000)
    assert record.type == "metadata"


def test_a_body_that_inflates_without_end_takes_no_more_memory_than_the_cap(warc: Any) -> None:
    headers = {"Content-Type": "text/html", "Content-Encoding": "gzip"}
    bomb = gzip.compress(warc.response(gzip.compress(bytes(48 << 20), 1), headers=headers))
    whole = gzip.compress(warc.response(bytes(48 << 20)), 1)
    tracemalloc.start()
    found = records(bomb + whole)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [r.problem for r in found] == ["too_large", "too_large"]
    assert peak < 16 * CAP
