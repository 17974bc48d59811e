"""HTTP responses without their transfer and content encodings; a body that is cut or damaged is never half read."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from spark_jobs.web.caps import Caps
from spark_jobs.web.heads import END_OF_FIELDS, parse_fields

_STATUS = re.compile(rb"HTTP/[0-9](?:\.[0-9])?[ \t]+([0-9]{3})(?![0-9])[^\n]*(?:\n|\Z)")
_INTERIM = range(100, 200)
_SWITCHED = 101
_SINGLE = frozenset({"content-type", "content-length", "location"})
_CHUNK_SIZE = re.compile(rb"[ \t]*([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?\r?\n")
_ARROW_CODECS = {"br": "brotli", "zstd": "zstd"}
_MAX_ENCODINGS = 4
_GZIP, _GZIP_BITS, _ZLIB_BITS = b"\x1f\x8b", 31, 15
_PIECE = 1 << 12
"""So much is inflated at once; zlib copies what a piece has left behind the end of a member."""


class BodyError(ValueError):
    """The body is not what its headers say; `reason` is the reject's reason."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Message:
    """An HTTP response; `headers` by their names in lower case, `body` as it was sent."""

    status: int
    headers: dict[str, str]
    body: bytes


def parse_message(block: bytes) -> Message | None:
    """The final response in `block`, after interim ones such as 100 Continue; None where it does not start with one.

    Bare line feeds and folded lines are read, as old crawlers stored them.
    """
    position = 0
    while (first := _STATUS.match(block, position)) is not None:
        # The search starts at the line break of the status line: there may be no field.
        stop = END_OF_FIELDS.search(block, max(position, first.end() - 1))
        fields_end, body = (len(block), len(block)) if stop is None else stop.span()
        status = int(first[1])
        if status not in _INTERIM or status == _SWITCHED or not _STATUS.match(block, body):
            return Message(status, _fields(block[first.end() : fields_end]), block[body:])
        position = body
    return None


def _fields(data: bytes) -> dict[str, str]:
    """Values of a repeated name are joined; of one that can have no list, the last is taken, as browsers do."""
    return parse_fields(data, _SINGLE)


def decode_body(raw: bytes, headers: Mapping[str, str], caps: Caps) -> bytes:
    """The body behind `headers` (names in lower case). Raises BodyError; inflates no more than the caps allow."""
    if "chunked" in _names(headers.get("transfer-encoding", "")):
        raw = without_chunks(raw)
    encodings = _names(headers.get("content-encoding", ""))
    if len(encodings) > _MAX_ENCODINGS:
        raise BodyError("bad_encoding")
    stored = len(raw)
    for encoding in reversed(encodings):
        if raw and encoding not in ("identity", "none", "utf-8"):
            raw = _decompress(raw, encoding, caps.max_record_bytes)
            if caps.is_bomb(len(raw), stored):
                raise BodyError("compression_bomb")
    if len(raw) > caps.max_record_bytes:
        raise BodyError("too_large")
    return raw


def _names(header: str) -> list[str]:
    return [name.strip().lower() for name in header.split(",") if name.strip()]


def without_chunks(raw: bytes) -> bytes:
    """The chunks of `raw`; `raw` itself where it starts with no chunk, as crawlers that kept the header store it."""
    parts: list[bytes] = []
    position = 0
    while True:
        found = _CHUNK_SIZE.match(raw, position)
        if found is None:
            if not parts:
                return raw
            raise BodyError("bad_chunks")
        size = int(found[1], 16)
        if size == 0:
            return b"".join(parts)
        part = raw[found.end() : found.end() + size]
        if len(part) < size:
            raise BodyError("bad_chunks")
        parts.append(part)
        position = found.end() + size
        position += 2 if raw[position : position + 2] == b"\r\n" else raw[position : position + 1] == b"\n"


def _decompress(raw: bytes, encoding: str, max_bytes: int) -> bytes:
    if encoding in ("gzip", "x-gzip"):
        # Some crawlers stored the decoded body and kept the header.
        return _inflate(raw, _GZIP_BITS, max_bytes) if raw.startswith(_GZIP) else raw
    if encoding == "deflate":
        # The standard asks for a zlib wrapper; some servers leave it out, and browsers accept both.
        wrapped = raw[0] & 0x0F == 8 and int.from_bytes(raw[:2], "big") % 31 == 0
        return _inflate(raw, _ZLIB_BITS if wrapped else -_ZLIB_BITS, max_bytes)
    if encoding not in _ARROW_CODECS:
        raise BodyError("unknown_encoding")
    try:
        with pa.CompressedInputStream(pa.BufferReader(raw), _ARROW_CODECS[encoding]) as stream:
            return _capped(stream.read(max_bytes + 1), max_bytes)
    except OSError:
        raise BodyError("bad_encoding") from None


def _inflate(raw: bytes, window_bits: int, max_bytes: int) -> bytes:
    """Of gzip all members, one after the other; what else follows the end is not read."""
    data, position = bytearray(), 0
    while True:
        inflater = zlib.decompressobj(window_bits)
        while not inflater.eof:
            piece = raw[position : position + _PIECE]
            if not piece:
                raise BodyError("bad_encoding")
            position += len(piece)
            try:
                data += inflater.decompress(piece, max_bytes - len(data) + 1)
            except zlib.error:
                raise BodyError("bad_encoding") from None
            if len(data) > max_bytes:
                raise BodyError("too_large")
        position -= len(inflater.unused_data)
        if window_bits != _GZIP_BITS or not raw.startswith(_GZIP, position):
            return bytes(data)


def _capped(data: bytes, max_bytes: int) -> bytes:
    if len(data) > max_bytes:
        raise BodyError("too_large")
    return data
