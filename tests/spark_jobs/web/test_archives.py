"""Archives of every kind: recognised by content, addressed by frame or by stream, bounded in memory."""

from __future__ import annotations

import gzip
import random
import tracemalloc
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from gristmill.errors import UserError
from spark_jobs.web.archives import Layout, UnknownFormat, layout_of, read_archive
from spark_jobs.web.caps import Caps
from spark_jobs.web.warc import Damage, Record

CAPS = Caps(1 << 20)
PAGES = [f"<html><body>page {i} {random.Random(i).randbytes(200 * i).hex()}</body></html>".encode() for i in range(5)]

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda data: gzip.compress(data, mtime=0),
    "zstd": zstandard.ZstdCompressor(write_checksum=True).compress,
    "lz4": lambda data: pa.compress(data, "lz4", asbytes=True),
}


def read(data: bytes, caps: Caps = CAPS) -> list[Record | Damage]:
    return list(read_archive(memoryview(data), caps))


def layout(data: bytes) -> Layout:
    return layout_of(memoryview(data), CAPS)


def bodies(items: Sequence[Record | Damage]) -> list[bytes]:
    return [item.body for item in items if isinstance(item, Record) and item.type == "response"]


def reasons(items: Sequence[Record | Damage]) -> list[str | None]:
    return [item.reason if isinstance(item, Damage) else item.problem for item in items]


@pytest.fixture(scope="module")
def written(warc: Any) -> list[bytes]:
    return [warc.response(page, url=f"http://site.example/{i}") for i, page in enumerate(PAGES)]


@pytest.mark.parametrize("codec", PACKERS)
def test_a_frame_for_each_record_gives_addresses_in_the_file(written: list[bytes], codec: str) -> None:
    frames = [PACKERS[codec](record) for record in written]
    data = b"".join(frames)
    items = read(data)
    assert layout(data) == Layout("warc", codec, "file")
    assert bodies(items) == PAGES
    assert [item.offset for item in items] == [sum(map(len, frames[:i])) for i in range(len(frames))]


@pytest.mark.parametrize("codec", PACKERS)
@pytest.mark.parametrize("size", [10**9, 5000, 37])
def test_records_in_frames_of_any_size_have_addresses_in_the_stream(
    written: list[bytes], codec: str, size: int
) -> None:
    whole = b"".join(written)
    data = b"".join(PACKERS[codec](whole[i : i + size]) for i in range(0, len(whole), size))
    items = read(data)
    assert layout(data) == Layout("warc", codec, "stream")
    assert bodies(items) == PAGES
    assert [item.offset for item in items] == [sum(map(len, written[:i])) for i in range(len(written))]


def test_plain_records_have_addresses_in_the_file(written: list[bytes]) -> None:
    assert layout(b"".join(written)) == Layout("warc", None, "file")


@pytest.mark.parametrize("packed", [False, True])
def test_a_zstd_file_is_read_with_its_dictionary(written: list[bytes], packed: bool) -> None:
    dictionary = written[0][:150]
    packer = zstandard.ZstdCompressor(dict_data=zstandard.ZstdCompressionDict(dictionary))
    stored = zstandard.compress(dictionary) if packed else dictionary
    leading = b"\x5d\x2a\x4d\x18" + len(stored).to_bytes(4, "little") + stored
    data = leading + b"".join(map(packer.compress, written))
    first, *items = read(data)
    assert isinstance(first, Record)
    assert (first.type, first.stored_bytes) == ("skippable", len(leading))
    assert bodies(items) == PAGES
    with pytest.raises(UnknownFormat):
        read(data[len(leading) :])


@pytest.mark.parametrize("codec", PACKERS)
def test_a_damaged_frame_costs_itself_alone(written: list[bytes], codec: str) -> None:
    frames = [PACKERS[codec](record) for record in written]
    for index in range(len(frames)):
        broken = list(frames)
        broken[index] = frames[index][: len(frames[index]) // 2]
        items = read(b"".join(broken))
        assert bodies(items) == [page for i, page in enumerate(PAGES) if i != index]
        assert [item.bytes for item in items if isinstance(item, Damage)] == [len(broken[index])]


@pytest.mark.parametrize("codec", PACKERS)
def test_a_clipped_stream_gives_the_records_before_the_cut(warc: Any, codec: str) -> None:
    pages = [random.Random(i).randbytes(10_000).hex().encode() for i in range(40)]
    data = PACKERS[codec](b"".join(map(warc.response, pages)))
    items = read(data[: len(data) * 3 // 4])
    whole = bodies(items)
    assert len(whole) > 20
    assert whole == pages[: len(whole)]
    assert isinstance(items[-1], Damage)
    assert items[-1].reason == "truncated"


def test_a_stream_goes_on_after_a_broken_frame(written: list[bytes]) -> None:
    frame = gzip.compress(b"".join(written) * 4)
    broken = frame[: len(frame) // 2] + bytes(50) + frame[len(frame) // 2 + 50 :]
    items = read(frame + broken + frame)
    ends = [item.offset + (item.bytes if isinstance(item, Damage) else item.stored_bytes) for item in items]
    assert [item.offset for item in items] == [0, *ends[:-1]]
    assert bodies(items)[-20:] == PAGES * 4
    assert reasons(items).count("corrupt") == 1


def test_a_file_whose_first_member_is_noise_is_still_read(written: list[bytes]) -> None:
    members = [gzip.compress(record) for record in written]
    for start in (b"noise" * 30, members[0][:-20], b"\x1f\x8b\x08\x00"):
        items = read(start + b"".join(members[1:]))
        assert bodies(items) == PAGES[1:]
        assert items[0].offset == 0


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"), (b"<html><p>page</p></html>", "begins with b'<html"), (b"PK\x03\x04" + bytes(30), "unpack"),
        (gzip.compress(b"abcd"), "gzip data"), (zstandard.compress(b"abcd"), "zstd data"), (b"\x1f\x8b\x08", "gzip"),
        (b"PAR1" + bytes(9), "Parquet"), (bytes(1000), "begins with"), (b"BZh91AY", "bzip2"),
        (b"\x50\x2a\x4d\x18\x04\x00\x00\x00abcd", "begins with"), (b"\r\n\r\n", "begins with"),
    ],
)  # fmt: skip
def test_what_is_no_archive_is_refused_before_anything_is_read(data: bytes, says: str) -> None:
    with pytest.raises(UnknownFormat, match=says) as error:
        read_archive(memoryview(data), CAPS)
    assert isinstance(error.value, UserError)
    assert str(error.value).endswith(".")


def test_an_archive_inside_a_zip_file_is_not_taken_for_the_file(written: list[bytes]) -> None:
    with pytest.raises(UnknownFormat):
        read(b"PK\x03\x04" + bytes(26) + b"".join(map(gzip.compress, written)))


@pytest.mark.parametrize("codec", PACKERS)
def test_a_bomb_is_named_with_its_url_and_costs_itself_alone(warc: Any, written: list[bytes], codec: str) -> None:
    bomb = PACKERS[codec](warc.response(bytes(30 << 20), url="http://site.example/bomb"))
    items = read(PACKERS[codec](written[1]) + bomb + PACKERS[codec](written[2]), Caps(1 << 20))
    assert reasons(items) == [None, "compression_bomb", None]
    assert isinstance(items[1], Record)
    assert items[1].url == "http://site.example/bomb"
    assert items[1].stored_bytes == len(bomb)


def test_a_bomb_in_a_body_is_named(warc: Any) -> None:
    headers = {"Content-Type": "text/html", "Content-Encoding": "gzip"}
    (item,) = read(gzip.compress(warc.response(gzip.compress(bytes(3 << 20)), headers=headers)), Caps())
    assert reasons([item]) == ["compression_bomb"]


@pytest.mark.parametrize("codec", PACKERS)
def test_a_large_record_inside_one_frame_is_passed_over(warc: Any, written: list[bytes], codec: str) -> None:
    large = warc.response(random.Random(3).randbytes(300_000).hex().encode())
    items = read(PACKERS[codec](written[1] + large + written[2]), Caps(100_000))
    assert reasons(items) == [None, "too_large", None]
    assert items[2].offset == len(written[1] + large)


def test_memory_is_bounded_by_the_cap_not_by_the_file(warc: Any) -> None:
    page = warc.response(random.Random(4).randbytes(20_000).hex().encode())
    large = warc.response(bytes(1 << 20) + random.Random(5).randbytes(1 << 21))
    whole = page * 40 + large + page * 40
    for data in (whole, *(pack(whole) for pack in PACKERS.values())):
        tracemalloc.start()
        found = sum(1 for _ in read_archive(memoryview(data), Caps(1 << 17)))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert found == 81
        assert peak < 1 << 21


@pytest.mark.parametrize("pack", [bytes, *PACKERS.values()])
def test_lengths_that_all_lie_cost_their_own_records(warc: Any, pack: Callable[[bytes], bytes]) -> None:
    liars = [warc.response(page, length=500_000) for page in PAGES * 20]
    items = read(pack(b"".join([warc.response(PAGES[0]), *liars, warc.response(PAGES[1])])))
    assert reasons(items) == [None, *["short_record"] * 100, None]
    assert [item.stored_bytes for item in items if isinstance(item, Record)][1:-1] == list(map(len, liars))


def test_an_arc_file_is_read_by_record_and_by_stream() -> None:
    block = b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n" + PAGES[2]
    records = [b"filedesc://a.arc 0.0.0.0 20080430204825 text/plain 8\n1 1 Mill\n"]
    records += [b"http://site.example/%d 192.0.2.1 20080430204826 text/html %d\n%s\n" % (i, len(block), block)
                for i in range(3)]  # fmt: skip
    plain = b"".join(records)
    for data, offsets in (
        (plain, "file"), (b"".join(map(gzip.compress, records)), "file"), (gzip.compress(plain), "stream"),
    ):  # fmt: skip
        assert (layout(data).format, layout(data).offsets) == ("arc", offsets)
        first, *items = read(data)
        assert isinstance(first, Record)
        assert first.type == "filedesc"
        assert bodies(items) == [PAGES[2]] * 3


@given(st.binary(max_size=300) | st.binary(max_size=100).map(b"WARC/1.0\r\n".__add__) | st.binary().map(gzip.compress))
def test_any_bytes_are_refused_or_accounted_for(data: bytes) -> None:
    try:
        items = read(data)
    except UnknownFormat:
        return
    assert sum(item.bytes if isinstance(item, Damage) else item.stored_bytes for item in items) == len(data)


@pytest.mark.parametrize(
    "bait",
    [b"WARC/1.0\r\nA: b\r\n", b"xWARC/1.0\n", b"\x1f\x8b\x08\x00", b"a:b", b"\r\n", b"http://a 1.1.1.1 20260101 "],
)
def test_bait_without_end_is_damage_at_little_cost(written: list[bytes], bait: bytes) -> None:
    noise = bait * (200_000 // len(bait))
    items = read(written[0] + noise + written[1])
    assert bodies(items) == PAGES[:2]
    assert sum(item.bytes for item in items if isinstance(item, Damage)) >= len(noise) - 64
