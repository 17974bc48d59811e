"""Archives broken in every way: whatever the bytes are, each is part of a record or of named damage.

The mutations are seeded, so a case is found again by its number. What once failed is kept under `seeds/`.
"""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
import zstandard

from spark_jobs.web.archives import UnknownFormat, layout_of, read_archive
from spark_jobs.web.caps import Caps
from spark_jobs.web.warc import Damage, Record

pytestmark = pytest.mark.fault

SEEDS = sorted((Path(__file__).parent / "seeds").glob("archive-*.bin"))
CAPS = Caps(max_record_bytes=4096)
SHORT, LONG = 600, 40_000
OFFSET_LIMIT = 1 << 40

PAGE = b"<html><body><p>The miller weighs the grain and the flour.</p></body></html>"
BAIT = [
    b"WARC/1.0\r\n", b"\r\n\r\n", b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18", b"\x5d\x2a\x4d\x18",
    b"Content-Length: 99999999\r\n", b"Content-Length: 0\r\n", b"WARC-Type: response\r\n", b"\x00" * 64, b"A" * 5000,
    b"http://site.example/ 192.0.2.1 20260105100000 text/html 12\n", b"filedesc://x 0.0.0.0 20260105100000 t 0\n",
    b"Transfer-Encoding: chunked\r\n", b"HTTP/1.1 100 Continue\r\n\r\n",
]  # fmt: skip


def http(body: bytes, fields: bytes = b"") -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n" + fields + b"\r\n" + body


def warc(block: bytes, kind: bytes = b"response") -> bytes:
    head = b"WARC/1.0\r\nWARC-Type: %s\r\nWARC-Target-URI: http://site.example/\r\nContent-Length: %d\r\n\r\n"
    return head % (kind, len(block)) + block + b"\r\n\r\n"


def arc(block: bytes, url: bytes = b"http://site.example/") -> bytes:
    return b"%s 192.0.2.1 20260105100000 text/html %d\n%s\n" % (url, len(block), block)


WARC_RECORDS = [
    warc(b"software: mill\r\n", b"warcinfo"), warc(http(PAGE)), warc(PAGE, b"conversion"),
    warc(http(gzip.compress(PAGE, mtime=0), b"Content-Encoding: gzip\r\n")), warc(b"", b"revisit"),
    warc(http(b"%x\r\n%s\r\n0\r\n\r\n" % (len(PAGE), PAGE), b"Transfer-Encoding: chunked\r\n")),
    warc(http(PAGE * 100)),
]  # fmt: skip
ARC_RECORDS = [arc(b"1 0 Mill\nURL IP-address Archive-date Content-type Archive-length\n", b"filedesc://a.arc")]
ARC_RECORDS += [arc(http(PAGE)), arc(b"no http"), arc(http(PAGE * 100))]

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": lambda data: gzip.compress(data, mtime=0),
    "zstd": zstandard.ZstdCompressor(write_checksum=True).compress,
    "lz4": lambda data: pa.compress(data, "lz4", asbytes=True),
}


def archives() -> dict[str, bytes]:
    """A small valid archive of each kind: by record, in one frame, and in frames that cut records."""
    made = {}
    for form, written in (("warc", WARC_RECORDS), ("arc", ARC_RECORDS)):
        whole = b"".join(written)
        for codec, pack in PACKERS.items():
            made[f"{form}-{codec}"] = b"".join(map(pack, written))
            made[f"{form}-{codec}-one"] = pack(whole)
            made[f"{form}-{codec}-cut"] = b"".join(pack(whole[i : i + 150]) for i in range(0, len(whole), 150))
    dictionary = b"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: http://site.example/\r\nContent-Length: "
    packer = zstandard.ZstdCompressor(dict_data=zstandard.ZstdCompressionDict(dictionary))
    leading = b"\x5d\x2a\x4d\x18" + len(dictionary).to_bytes(4, "little") + dictionary
    made["warc-zstd-dictionary"] = leading + b"".join(map(packer.compress, WARC_RECORDS))
    return made


ARCHIVES = archives()


def mutated(data: bytes, rng: random.Random) -> bytes:
    """`data` after one to four seeded edits."""
    edited = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(edited) + 1)
        size = rng.choice((1, 1, 2, 8, rng.randrange(len(edited) + 1)))
        match rng.randrange(7):
            case 0 if edited:
                edited[at % len(edited)] ^= 1 << rng.randrange(8)
            case 1:
                del edited[at : at + size]
            case 2:
                edited[at:at] = rng.randbytes(size)
            case 3:
                edited[at:at] = edited[at : at + size]
            case 4:
                edited[at:at] = rng.choice(BAIT)
            case 5:
                del edited[at:]
            case _:
                edited[at : at + 1] = rng.choice(b"0123456789").to_bytes()
    return bytes(edited)


def check(data: bytes) -> list[Record | Damage]:
    """Reads `data`; every byte of the space of addresses belongs to one item, in order."""
    try:
        layout, items = layout_of(memoryview(data), CAPS), list(read_archive(memoryview(data), CAPS))
    except UnknownFormat:
        return []
    position = 0
    for item in items:
        size = item.bytes if isinstance(item, Damage) else item.stored_bytes
        assert item.offset == position
        assert size > 0
        position += size
        if isinstance(item, Record):
            assert len(item.body) <= CAPS.max_record_bytes
            assert not (item.body and item.problem)
    assert position < OFFSET_LIMIT
    if layout.offsets == "file":
        assert position == len(data)
    return items


def outline(data: bytes, shift: int = 0) -> dict[int, tuple[int, object]]:
    """End and content of each item by its offset, moved by `shift`."""
    found: dict[int, tuple[int, object]] = {}
    for item in check(data):
        size = item.bytes if isinstance(item, Damage) else item.stored_bytes
        content = item.reason if isinstance(item, Damage) else (item.type, item.body, item.problem)
        found[item.offset + shift] = (item.offset + size + shift, content)
    return found


def common(one: bytes, other: bytes) -> int:
    """Length of what both start with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(one), len(other)))


def check_neighbours(before: bytes, after: bytes) -> None:
    """What lies wholly before or behind the edits is read as it was."""
    head = common(before, after)
    tail = min(common(before[::-1], after[::-1]), len(before) - head, len(after) - head)
    found, behind = outline(after), len(after) - tail
    if not found:
        return
    for offset, (end, content) in outline(before).items():
        if end < head - 1:
            assert found.get(offset) == (end, content)
    for offset, (end, content) in outline(before, len(after) - len(before)).items():
        if offset > behind:
            assert found.get(offset) == (end, content)


def same_addresses(before: bytes, after: bytes) -> bool:
    """Whether both are read as archives of one kind, whose records have addresses of their own in the file."""
    try:
        layouts = [layout_of(memoryview(data), CAPS) for data in (before, after)]
    except UnknownFormat:
        return False
    return layouts[0] == layouts[1] and layouts[0].offsets == "file"


def fuzz(cases: range) -> int:
    """Runs the cases and counts the items; a failure names its case."""
    found, names = 0, sorted(ARCHIVES)
    for case in cases:
        rng = random.Random(case)
        name = names[case % len(names)]
        data = mutated(ARCHIVES[name], rng)
        try:
            found += len(check(data))
            # All frames need the dictionary, and lz4 frames without a checksum can swallow the next one unseen.
            if "dictionary" not in name and "lz4" not in name and same_addresses(ARCHIVES[name], data):
                check_neighbours(ARCHIVES[name], data)
        except Exception as error:
            raise AssertionError(f"case {case} ({name}): {data!r}") from error
    return found


@pytest.mark.parametrize("name", sorted(ARCHIVES))
def test_an_unbroken_archive_gives_every_record(name: str) -> None:
    items = [item for item in check(ARCHIVES[name]) if isinstance(item, Damage) or item.type != "skippable"]
    assert len(items) == len(WARC_RECORDS if name.startswith("warc") else ARC_RECORDS)
    assert not any(isinstance(item, Damage) for item in items)


@pytest.mark.parametrize("path", SEEDS, ids=lambda path: path.stem)
def test_what_once_failed_does_not_fail_again(path: Path) -> None:
    check(path.read_bytes())


def test_broken_archives_are_records_and_damage_without_a_gap() -> None:
    assert fuzz(range(SHORT)) > SHORT


@pytest.mark.long
def test_many_broken_archives_are_records_and_damage_without_a_gap() -> None:
    assert fuzz(range(SHORT, LONG)) > LONG - SHORT
