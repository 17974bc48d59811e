"""A crawl file cut into gzip members, or plain records, each known to be complete or damaged."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

GZIP_MAGIC = b"\x1f\x8b\x08"
CHUNK = 1 << 16
_VERSION = re.compile(rb"WARC/[0-9]\.[0-9]{1,2}\r\n")


@dataclass(frozen=True)
class Damage:
    """`bytes` of the file from `offset` on that hold no readable record."""

    offset: int
    bytes: int
    reason: str


@dataclass(frozen=True)
class Member:
    """Decompressed bytes of one member; only the first of them where it exceeds the cap (not `whole`)."""

    offset: int
    end: int
    data: bytes
    whole: bool

    @property
    def length(self) -> int:
        return self.end - self.offset


def read_members(data: memoryview, cap: int) -> Iterator[Member | Damage]:
    """The members of a file in its order, damage in its place. Of one that inflates to more than `cap`, the head."""
    # A file whose first member is damaged is still one of members.
    plain = bytes(data[:5]) == b"WARC/" or _next_member(data, 0) == len(data)
    return (_plain_records if plain else _gzip_members)(data, cap)


def _gzip_members(data: memoryview, cap: int) -> Iterator[Member | Damage]:
    offset = 0
    while offset < len(data):
        member = _inflate(data, offset, cap)
        if member is None:
            end = _next_member(data, offset + 1)
            yield Damage(offset, end - offset, "truncated" if end == len(data) else "corrupt")
            offset = end
        else:
            yield member
            offset = member.end


def _inflate(data: memoryview, offset: int, cap: int) -> Member | None:
    """The member at `offset`, or None when it is damaged. Holds little more than `cap` bytes of it."""
    inflater = zlib.decompressobj(31)
    parts: list[bytes] = []
    size, position = 0, offset
    pending = b""
    try:
        while not inflater.eof:
            if not pending:
                pending = bytes(data[position : position + CHUNK])
                if not pending:
                    return None
                position += len(pending)
            part = inflater.decompress(pending, CHUNK)
            pending = inflater.unconsumed_tail
            size += len(part)
            parts.append(part)
            if size > cap:
                del parts[1:]
    except zlib.error:
        return None
    return Member(offset, position - len(inflater.unused_data), b"".join(parts), size <= cap)


def _next_member(data: memoryview, start: int) -> int:
    """Offset of the next gzip member that starts a WARC record, or the end of the file."""
    position = start
    while position < len(data):
        window = bytes(data[position : position + CHUNK])
        found = window.find(GZIP_MAGIC)
        if found < 0:
            position += max(1, len(window) - len(GZIP_MAGIC) + 1)
            continue
        position += found
        try:
            if zlib.decompressobj(31).decompress(bytes(data[position : position + 4096]), 5) == b"WARC/":
                return position
        except zlib.error:
            pass
        position += 1
    return len(data)


def _plain_records(data: memoryview, cap: int) -> Iterator[Member | Damage]:
    offset = 0
    while offset < len(data):
        end = _record_end(data, offset)
        if end is None:
            following = _next_record(data, offset + 1)
            yield Damage(offset, following - offset, "truncated" if following == len(data) else "corrupt")
            offset = following
        else:
            whole = end - offset <= cap
            yield Member(offset, end, bytes(data[offset : end if whole else offset + CHUNK]), whole)
            offset = end


def _record_end(data: memoryview, offset: int) -> int | None:
    """End of the plain record at `offset` by its Content-Length, or None when it is not whole.

    A length that ends in the middle of something, with the start of another record before, is wrong.
    """
    head = bytes(data[offset : offset + CHUNK])
    stop = head.find(b"\r\n\r\n")
    if not head.startswith(b"WARC/") or stop < 0:
        return None
    for line in head[:stop].split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length" and re.fullmatch(rb"[0-9]{1,18}", value.strip()):
            end = offset + stop + 4 + int(value)
            ends_well = re.match(rb"\r\n|\r?\Z|WARC/", bytes(data[end : end + 5]))
            if end > len(data) or (not ends_well and _VERSION.search(data[offset + stop : end])):
                return None
            while bytes(data[end : end + 2]) == b"\r\n":
                end += 2
            return len(data) if bytes(data[end : end + 2]) == b"\r" else end
    return None


def _next_record(data: memoryview, start: int) -> int:
    """Offset of the next whole plain record, or the end of the file."""
    position = start
    while position < len(data):
        window = bytes(data[position : position + CHUNK])
        found = _VERSION.search(window)
        if found is None:
            position += max(1, len(window) - len(b"WARC/1.10\r"))
            continue
        position += found.start()
        if _record_end(data, position) is not None:
            return position
        position += 1
    return len(data)
