"""Documents that exist already: rows of a Parquet file or lines of JSON, plain or compressed with gzip or zstd."""

from __future__ import annotations

import io
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from gristmill.errors import UserError
from spark_jobs.web.caps import Caps
from spark_jobs.web.warc import Damage

Kind = Literal["parquet", "jsonl"]
CHUNK = 1 << 20
BLOCK = 1 << 11
"""Of a compressed file, so much is inflated at once: even the tightest zstd frame makes no more than 64 MiB of it."""

BATCH_ROWS = 64
DATES = ("captured", "date", "timestamp", "created", "added")
"""Columns for the time of capture; the first that a file has is read."""

_TEXTS = ("text", "url", "title")

_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_HEAD = 1 << 18
"""More than the first block of a zstd frame, which can only be read as a whole."""


class TableError(UserError):
    """A table that holds no documents; the message says which columns are read."""


@dataclass(frozen=True)
class Row:
    """One document; `offset` is its row or line, from 0. `problem` names why it is none; `bytes` are its text's."""

    offset: int
    text: str = ""
    url: str | None = None
    title: str | None = None
    captured: datetime | None = None
    bytes: int = 0
    problem: str | None = None


@dataclass(frozen=True)
class Blank:
    """A line with nothing in it."""

    offset: int


def table_kind(data: memoryview) -> Kind | None:
    """What the content of a file says that it is, whatever its name; None: no table."""
    if bytes(data[:4]) == b"PAR1":
        return "parquet"
    try:
        head = next(_inflated(_Reader(data[:_HEAD])), b"")
    except (zlib.error, zstandard.ZstdError, EOFError):
        return None
    return "jsonl" if head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{") else None


def read_table(
    data: memoryview, kind: Kind, max_bytes: int, max_ratio: float = Caps.max_ratio
) -> Iterator[Row | Blank | Damage]:
    """The rows in their order; memory holds a batch of rows or a line of at most `max_bytes`.

    Compressed lines that inflate to more than `max_ratio` times what was read of the file end it as a bomb.
    Raises TableError for a Parquet file without a column of text.
    """
    return _parquet_rows(data, max_bytes) if kind == "parquet" else _json_rows(data, Caps(max_bytes, max_ratio))


def _parquet_rows(data: memoryview, cap: int) -> Iterator[Row | Damage]:
    count, total = 0, 1
    try:
        buffer = pa.py_buffer(data)
        # With dictionaries, a text that the file has once is held once, however many rows repeat it.
        strings = _strings(pq.read_schema(pa.BufferReader(buffer)))
        with pq.ParquetFile(pa.BufferReader(buffer), read_dictionary=strings) as file:
            total = file.metadata.num_rows
            names = file.schema_arrow.names
            columns = [name for name in (*_TEXTS, *DATES) if name in names]
            if "text" not in columns:
                raise TableError(f"a Parquet file has no column 'text' but {', '.join(names)}; rename its text column")
            for batch in file.iter_batches(BATCH_ROWS, columns=columns, use_threads=False):
                for cells in zip(*batch.columns, strict=True):
                    yield _parquet_row(count, dict(zip(batch.schema.names, cells, strict=True)), cap)
                    count += 1
    except (OSError, pa.ArrowException, UnicodeDecodeError):
        # The rows that are left, as the footer counts them, stand for their share of the file.
        yield Damage(count, len(data) * (total - count) // total, "corrupt")


def _strings(schema: pa.Schema) -> list[str]:
    kinds = (pa.string(), pa.large_string())
    return [name for name, kind in zip(schema.names, schema.types, strict=True) if name in _TEXTS and kind in kinds]


def _parquet_row(offset: int, cells: Mapping[str, Any], cap: int) -> Row:
    size = max(_stored_bytes(cells[name]) for name in _TEXTS if name in cells)
    if size > cap:
        return Row(offset, bytes=size, problem="too_large")
    return _row(offset, {name: _value(cell, name in DATES) for name, cell in cells.items()}, cap)


def _stored_bytes(cell: Any) -> int:
    """Bytes of a string, before it is made one of Python's; 0 for what is none."""
    value = cell.value if isinstance(cell, pa.DictionaryScalar) else cell
    return value.as_buffer().size if isinstance(value, pa.BinaryScalar) and value.is_valid else 0


def _value(cell: Any, is_date: bool) -> Any:
    try:
        return cell.as_py()
    except (KeyError, ValueError, OverflowError):
        # Beyond the year 9999, or in a zone that is not known here (a KeyError).
        if is_date:
            return None
        raise


class _Bomb(Exception):
    pass


def _json_rows(data: memoryview, caps: Caps) -> Iterator[Row | Blank | Damage]:
    count, reader, cap = 0, _Reader(data), caps.max_record_bytes
    try:
        for line, length in _lines(_within(caps, reader, _inflated(reader)), cap):
            if line is None:
                yield Row(count, bytes=length, problem="too_large")
            elif not line or line.isspace():
                yield Blank(count)
            else:
                yield _json_row(count, line, cap)
            count += 1
    except (zlib.error, zstandard.ZstdError, EOFError):
        yield Damage(count, reader.unread, "corrupt")
    except _Bomb:
        yield Damage(count, reader.unread, "compression_bomb")


def _within(caps: Caps, reader: _Reader, parts: Iterator[bytes]) -> Iterator[bytes]:
    """`parts` as long as they are no bomb, measured against all that was read of the file. Raises _Bomb."""
    inflated = 0
    for part in parts:
        inflated += len(part)
        if caps.is_bomb(inflated, reader.position):
            raise _Bomb
        yield part


def _json_row(offset: int, line: bytes, cap: int) -> Row:
    try:
        values = json.loads(line)
    except (ValueError, RecursionError):
        return Row(offset, bytes=len(line), problem="bad_row")
    if not isinstance(values, dict):
        return Row(offset, bytes=len(line), problem="bad_row")
    return _row(offset, values, cap)


def _row(offset: int, values: Mapping[str, Any], cap: int) -> Row:
    text, url, title = values.get("text"), values.get("url"), values.get("title")
    if any(not isinstance(value, str | None) for value in (text, url, title)):
        return Row(offset, problem="bad_row")
    size = len((text or "").encode("utf-8", "surrogatepass"))
    captured = next((utc(values[name]) for name in DATES if values.get(name) is not None), None)
    return Row(offset, text or "", url or None, title, captured, size, "too_large" if size > cap else None)


def utc(value: Any) -> datetime | None:
    """The time that a datetime, a date or text in ISO 8601 names, UTC where it has no zone; None for what is no time
    of the years 1 to 9999.
    """
    try:
        if isinstance(value, str):
            value = datetime.fromisoformat(value)
        if isinstance(value, date) and not isinstance(value, datetime):
            value = datetime(value.year, value.month, value.day)
        if not isinstance(value, datetime):
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _lines(parts: Iterator[bytes], cap: int) -> Iterator[tuple[bytes | None, int]]:
    """(line, bytes of it) in order; None for a line above the cap, which is passed over without being held."""
    held = io.BytesIO()
    length = 0
    for part in parts:
        start = 0
        while (end := part.find(b"\n", start)) >= 0:
            length += end - start
            if length <= cap:
                held.write(part[start:end])
            yield (held.getvalue() if length <= cap else None), length
            held, length, start = io.BytesIO(), 0, end + 1
        length += len(part) - start
        if length <= cap:
            held.write(part[start:])
    if length:
        yield (held.getvalue() if length <= cap else None), length


class _Reader:
    """A file over bytes that are not copied."""

    def __init__(self, data: memoryview) -> None:
        self._data, self._before, self._position = data, 0, 0

    def read(self, size: int = CHUNK) -> bytes:
        block = bytes(self._data[self._position : self._position + size])
        if block:
            self._before = self._position
        self._position += len(block)
        return block

    def starts_with(self, magic: bytes) -> bool:
        return bytes(self._data[: len(magic)]) == magic

    @property
    def position(self) -> int:
        """Bytes that were read."""
        return min(self._position, len(self._data))

    @property
    def unread(self) -> int:
        """Bytes from the start of the last block on: where damage was found."""
        return len(self._data) - self._before


def _inflated(reader: _Reader) -> Iterator[bytes]:
    """The content in parts. Raises EOFError where the compression ends too early, and its library's errors."""
    if reader.starts_with(_GZIP):
        yield from _frames(reader, lambda: zlib.decompressobj(31))
    elif reader.starts_with(_ZSTD):
        yield from _frames(reader, zstandard.ZstdDecompressor().decompressobj)
    else:
        while part := reader.read(CHUNK):
            yield part


def _frames(reader: _Reader, new: Callable[[], Any]) -> Iterator[bytes]:
    """All members or frames of a file, one after the other."""
    inflater = new()
    pending = reader.read(BLOCK)
    while pending:
        if inflater.eof:
            inflater = new()
        if part := inflater.decompress(pending):
            yield part
        pending = inflater.unused_data or reader.read(BLOCK)
    if not inflater.eof:
        raise EOFError
