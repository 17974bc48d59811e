"""Compressed frames (gzip members, zstd and lz4 frames), inflated piece by piece and never past a cap."""

from __future__ import annotations

import io
import re
import struct
import zlib
from dataclasses import dataclass
from typing import Literal, Protocol

import pyarrow as pa
import zstandard

from spark_jobs.web.caps import Caps

CHUNK = 1 << 16
MAX_WINDOW = 128 << 20
"""Memory that a zstd frame may ask for; zstd's own default."""

Codec = Literal["gzip", "zstd", "lz4"]
MAGIC: dict[Codec, bytes] = {"gzip": b"\x1f\x8b\x08", "zstd": b"\x28\xb5\x2f\xfd", "lz4": b"\x04\x22\x4d\x18"}
SKIPPABLE = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18", re.DOTALL)
DICTIONARY = b"\x5d\x2a\x4d\x18"
"""Of a skippable frame that holds the dictionary of a .warc.zst file, stored or itself a zstd frame."""

_MAX_DICTIONARY = 8 << 20


class FrameError(ValueError):
    """A frame that cannot be read on: `reason` is truncated, corrupt or compression_bomb."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Frame(Protocol):
    """One compressed frame. `end` is its end in the file, once known; `consumed` the stored bytes used so far."""

    end: int | None

    @property
    def consumed(self) -> int: ...

    def read(self, size: int) -> bytes:
        """The next bytes, at most `size`; none at the end. Raises FrameError."""
        ...


class _Gzip:
    def __init__(self, data: memoryview, offset: int) -> None:
        self.end: int | None = None
        self._data, self._offset = data, offset
        self._inflater = zlib.decompressobj(31)
        self._fed = 0
        self._pending = b""

    @property
    def consumed(self) -> int:
        return self._fed - len(self._pending)

    def read(self, size: int) -> bytes:
        while self.end is None:
            if not self._pending:
                start = self._offset + self._fed
                self._pending = bytes(self._data[start : start + CHUNK])
                self._fed += len(self._pending)
                if not self._pending:
                    raise FrameError("truncated")
            try:
                part = self._inflater.decompress(self._pending, size)
            except zlib.error:
                raise FrameError("corrupt") from None
            self._pending = self._inflater.unconsumed_tail
            if self._inflater.eof:
                self._fed -= len(self._inflater.unused_data)
                self.end = self._offset + self._fed
            if part:
                return part
        return b""


class _Slice(io.RawIOBase):
    """A stretch of the file as a stream; it copies, so that nothing keeps the file mapped."""

    def __init__(self, data: memoryview, start: int, end: int) -> None:
        super().__init__()
        self._data, self._end = data, end
        self.position = start

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        size = min(len(buffer), self._end - self.position)
        buffer[:size] = self._data[self.position : self.position + size]
        self.position += size
        return size


class _Walked:
    """A zstd or lz4 frame, whose end is found from its block sizes alone."""

    def __init__(self, data: memoryview, offset: int, codec: Codec, dictionary: bytes | None) -> None:
        self.end, self._cut = _walk_zstd(data, offset) if codec == "zstd" else _walk_lz4(data, offset)
        self._offset = offset
        self._source = _Slice(data, offset, len(data) if self.end is None else self.end)
        if codec == "lz4":
            self._reader = pa.CompressedInputStream(pa.PythonFile(self._source, mode="r"), "lz4")
        else:
            known = zstandard.ZstdCompressionDict(dictionary) if dictionary else None
            inflater = zstandard.ZstdDecompressor(dict_data=known, max_window_size=MAX_WINDOW)
            self._reader = inflater.stream_reader(self._source, read_size=CHUNK)  # type: ignore[arg-type]

    @property
    def consumed(self) -> int:
        return self._source.position - self._offset

    def read(self, size: int) -> bytes:
        try:
            part = bytes(self._reader.read(min(size, CHUNK)))
        except (zstandard.ZstdError, OSError):
            raise FrameError(self._cut or "corrupt") from None
        if not part and self.end is None:
            raise FrameError(self._cut)
        return part


def _walk_zstd(data: memoryview, offset: int) -> tuple[int | None, str]:
    """(end of the zstd frame at `offset`, "") or (None, truncated or corrupt). RFC 8878, section 3.1.1."""
    if len(data) < offset + 6:
        return None, "truncated"
    flags = data[offset + 4]
    single = flags >> 5 & 1
    content = (1 if single else 0, 2, 4, 8)[flags >> 6]
    position = offset + 5 + (1 - single) + (0, 1, 2, 4)[flags & 3] + content
    while position + 3 <= len(data):
        head = int.from_bytes(data[position : position + 3], "little")
        kind, size = head >> 1 & 3, head >> 3
        if kind == 3:
            return None, "corrupt"
        position += 3 + (1 if kind == 1 else size)
        if head & 1:
            position += 4 if flags & 4 else 0
            return (position, "") if position <= len(data) else (None, "truncated")
    return None, "truncated"


def _walk_lz4(data: memoryview, offset: int) -> tuple[int | None, str]:
    """(end of the lz4 frame at `offset`, "") or (None, truncated or corrupt). LZ4 frame format 1.6."""
    if len(data) < offset + 7:
        return None, "truncated"
    flags = data[offset + 4]
    if flags >> 6 != 1:
        return None, "corrupt"
    position = offset + 7 + (8 if flags & 8 else 0) + (4 if flags & 1 else 0)
    while position + 4 <= len(data):
        size = int.from_bytes(data[position : position + 4], "little") & 0x7FFFFFFF
        position += 4
        if not size:
            position += 4 if flags & 4 else 0
            return (position, "") if position <= len(data) else (None, "truncated")
        position += size + (4 if flags & 16 else 0)
    return None, "truncated"


@dataclass(frozen=True)
class Frames:
    """The frames of one file: how they are compressed, and the dictionary that they share."""

    data: memoryview
    codec: Codec
    caps: Caps
    dictionary: bytes | None = None

    def open(self, offset: int) -> Frame:
        """The frame at `offset`. Raises FrameError where none starts."""
        magic = MAGIC[self.codec]
        found = bytes(self.data[offset : offset + len(magic)])
        if found != magic:
            raise FrameError("truncated" if magic.startswith(found) else "corrupt")
        if self.codec == "gzip":
            return _Gzip(self.data, offset)
        return _Walked(self.data, offset, self.codec, self.dictionary)

    def head(self, offset: int, size: int) -> bytes:
        """The first `size` bytes of the frame at `offset`, or fewer; damage ends them."""
        parts = b""
        try:
            frame = self.open(offset)
            while len(parts) < size and (part := frame.read(size - len(parts))):
                parts += part
        except FrameError:
            pass
        return parts

    def reason(self, error: FrameError, end: int) -> str:
        """Why the bytes up to `end` are lost: nothing is truncated where another frame follows."""
        return "corrupt" if error.reason == "truncated" and end < len(self.data) else error.reason

    def skippable(self, offset: int) -> int | None:
        """End of the skippable frame at `offset`, or None where there is none."""
        return None if self.codec == "gzip" else skippable_end(self.data, offset)

    def following(self, start: int, begins: re.Pattern[bytes]) -> int:
        """Offset of the next frame from `start` on whose content `begins` so, or the end of the file."""
        magic, position = MAGIC[self.codec], start
        while position < len(self.data):
            window = bytes(self.data[position : position + CHUNK])
            found = window.find(magic)
            while found >= 0:
                if self._opens(position + found) and self._begins(position + found, begins):
                    return position + found
                found = window.find(magic, found + 1)
            position += max(1, len(window) - len(magic) + 1)
        return len(self.data)

    def _begins(self, position: int, begins: re.Pattern[bytes]) -> bool:
        return begins.match(self.head(position, 1024).lstrip(b"\r\n")) is not None

    def _opens(self, position: int) -> bool:
        """Whether something comes out of the frame at `position`; for gzip, whose magic is short, at little cost."""
        if self.codec != "gzip":
            return True
        try:
            zlib.decompressobj(31).decompress(bytes(self.data[position : position + 64]), 1)
        except zlib.error:
            return False
        return True


def skippable_end(data: memoryview, offset: int) -> int | None:
    """End of the skippable frame (zstd and lz4 share them) at `offset`, or None where there is no whole one."""
    head = bytes(data[offset : offset + 8])
    if len(head) < 8 or not SKIPPABLE.match(head):
        return None
    end = offset + 8 + int(struct.unpack("<I", head[4:])[0])
    return end if end <= len(data) else None


def shared_dictionary(data: memoryview) -> bytes | None:
    """The dictionary in the leading skippable frame of a zstd file; None where there is no readable one."""
    end = skippable_end(data, 0)
    if end is None or bytes(data[:4]) != DICTIONARY or end > _MAX_DICTIONARY:
        return None
    content = bytes(data[8:end])
    if not content.startswith(MAGIC["zstd"]):
        return content
    try:
        return zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW).stream_reader(content).read(_MAX_DICTIONARY)
    except zstandard.ZstdError:
        return None
