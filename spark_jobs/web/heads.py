"""The headers of archive records and of HTTP messages."""

from __future__ import annotations

import re
from collections.abc import Callable, Set
from dataclasses import dataclass

MAX_HEAD = 1 << 16
"""Bytes that are looked at for a record's header; a longer one is damage."""

# Some writers turned line feeds into two bytes where they already were.
END_OF_FIELDS = re.compile(rb"\n\r{0,2}\n")
_LENGTH = re.compile(r"[0-9]{1,18}")
_WARC_SINGLE = frozenset({"warc-type", "warc-target-uri", "warc-date", "content-length", "content-type"})


@dataclass(frozen=True)
class Head:
    """A record's header of `size` bytes. `length` is the block's, None where the header gives none that can be."""

    size: int
    headers: dict[str, str]
    length: int | None


@dataclass(frozen=True)
class Format:
    """An archive format: how a record's header `begins` and `ends`, and what the bytes say that start with one."""

    name: str
    begins: re.Pattern[bytes]
    ends: re.Pattern[bytes]
    parse: Callable[[bytes], Head | None]


def parse_fields(data: bytes, single: Set[str]) -> dict[str, str]:
    """Header fields with lower-case names. Folded lines are joined, lines without a colon are passed over.

    The values of a repeated name are joined with a comma; of a `single` one the last is kept.
    """
    fields: dict[str, str] = {}
    repeated: dict[str, list[str]] = {}
    for line in _unfolded(_decode(data)):
        name, colon, value = line.partition(":")
        name, value = name.strip().lower(), value.strip()
        if not colon or not name:
            continue
        if name in fields and name not in single:
            repeated.setdefault(name, [fields[name]]).append(value)
        else:
            fields[name] = value
    return fields | {name: ", ".join(values) for name, values in repeated.items()}


def _decode(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _unfolded(text: str) -> list[str]:
    lines = text.split("\n")
    if "\n " not in text and "\n\t" not in text:
        return lines
    joined: list[list[str]] = []
    for line in lines:
        if joined and line[:1] in (" ", "\t"):
            joined[-1].append(line.strip())
        else:
            joined.append([line.rstrip("\r")])
    return [" ".join(parts) for parts in joined]


def block_length(text: str) -> int | None:
    """The length that a header states, or None."""
    return int(text) if _LENGTH.fullmatch(text) else None


def _warc_head(data: bytes) -> Head | None:
    first = data.find(b"\n") + 1
    stop = END_OF_FIELDS.search(data, first - 1)
    if stop is None:
        return None
    headers = parse_fields(data[first : stop.start()], _WARC_SINGLE)
    return Head(stop.end(), headers, block_length(headers.get("content-length", "")))


WARC = Format("warc", re.compile(rb"WARC/[0-9]\.[0-9]{1,2}\r{0,2}\n"), END_OF_FIELDS, _warc_head)
