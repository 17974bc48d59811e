"""Archives recognised by their content, never by their name: WARC and ARC, plain or gzip, zstd or lz4."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from gristmill.errors import UserError
from spark_jobs.web.arc import ARC
from spark_jobs.web.caps import Caps
from spark_jobs.web.cut import NEWLINES, Cut, Cutter
from spark_jobs.web.frames import MAGIC, SKIPPABLE, Codec, Frames, shared_dictionary, skippable_end
from spark_jobs.web.heads import MAX_HEAD, WARC, Format
from spark_jobs.web.members import read_members
from spark_jobs.web.views import Run, Sliding, View, Whole
from spark_jobs.web.warc import Damage, Record, record_of

FORMATS = {form.name: form for form in (WARC, ARC)}
_START = re.compile(b"|".join([*map(re.escape, MAGIC.values()), SKIPPABLE.pattern, rb"WARC/[0-9]\.", rb"filedesc://"]))
_PACKED = "plain or compressed with gzip, zstd or lz4"
_FOREIGN = {
    b"PK\x03\x04": "a zip file, perhaps a WACZ: unpack it and list the WARC files of its archive folder",
    b"PAR1": "a Parquet file: list it as a source of documents",
    b"BZh": "a bzip2 file: unpack it first",
    b"\xfd7zXZ": "an xz file: unpack it first",
}


class UnknownFormat(UserError):
    """The file is no archive that can be read."""


@dataclass(frozen=True)
class Layout:
    """How an archive is stored. `codec` is None for a plain file.

    `offsets` says what the addresses of its records are. `file`: offsets of compressed frames, or of records in a
    plain file. `stream`: offsets in the decompressed stream, where a frame holds many records or records span
    frames; a stretch of the file that cannot be inflated counts there with its stored bytes, at least one.
    """

    format: str
    codec: Codec | None
    offsets: Literal["file", "stream"]


def read_archive(data: memoryview, caps: Caps) -> Iterator[Record | Damage]:
    """All records of an archive in file order, damage in its place. Memory is bounded by the record cap.

    Addresses rise and are unique. Raises UnknownFormat at once for what is no archive.
    """
    layout = layout_of(data, caps)
    form = FORMATS[layout.format]
    if layout.codec is None:
        return _plain(data, form, caps)
    frames = _frames(data, layout.codec, caps)
    return read_members(frames, form) if layout.offsets == "file" else _stream(frames, form)


def _plain(data: memoryview, form: Format, caps: Caps) -> Iterator[Record | Damage]:
    for item in _items(Whole(data), form, caps):
        yield _at(0, item, caps)


def _stream(frames: Frames, form: Format) -> Iterator[Record | Damage]:
    """The records of all frames as one stream. Damage ends a run; the next one starts at a frame with a record."""
    base, position = 0, 0
    while position < len(frames.data):
        run = Run(frames, position)
        start = None
        for item in _items(Sliding(run), form, frames.caps):
            if run.error is not None and isinstance(item, Damage) and item.offset + item.bytes == run.size:
                start = item.offset
            else:
                yield _at(base, item, frames.caps)
        if run.error is None:
            return
        start = run.size if start is None else start
        position = frames.following(max(run.position + 1, run.lost_from()), form.begins)
        size = max(1, run.size - start + position - run.lost_from())
        yield Damage(base + start, size, frames.reason(run.error, position))
        base += start + size


def _items(view: View, form: Format, caps: Caps) -> Iterator[Cut | Damage]:
    cutter, position = Cutter(view, form, caps.max_record_bytes), 0
    while (item := cutter.next(position)) is not None:
        yield item
        position = item.end


def _at(base: int, item: Cut | Damage, caps: Caps) -> Record | Damage:
    if isinstance(item, Damage):
        return replace(item, offset=base + item.offset)
    return record_of(base + item.start, item.end - item.start, item.headers, item.block, item.problem, caps)


def _frames(data: memoryview, codec: Codec, caps: Caps) -> Frames:
    return Frames(data, codec, caps, shared_dictionary(data) if codec == "zstd" else None)


def layout_of(data: memoryview, caps: Caps) -> Layout:
    """How the archive is stored, from its first record. Raises UnknownFormat.

    A damaged start is passed over, up to the record cap.
    """
    head = bytes(data[:16])
    for magic, what in _FOREIGN.items():
        if head.startswith(magic):
            raise UnknownFormat(f"The file is no web archive but {what}.")
    position = 0
    while (end := skippable_end(data, position)) is not None:
        position = end
    found = _layout_at(data, position, caps) or _search(data, _codec_at(data, position), caps)
    if found is None:
        raise UnknownFormat(f"The file is no web archive: {_seen(head)}. WARC and ARC files are read, {_PACKED}.")
    return found


def _codec_at(data: memoryview, position: int) -> Codec | None:
    return next((codec for codec, magic in MAGIC.items() if data[position : position + len(magic)] == magic), None)


def _layout_at(data: memoryview, position: int, caps: Caps) -> Layout | None:
    """The layout of an archive whose first record starts at `position`; None where none does."""
    codec = _codec_at(data, position)
    frames = None if codec is None else _frames(data, codec, caps)
    head = bytes(data[position : position + MAX_HEAD]) if frames is None else frames.head(position, MAX_HEAD)
    for form in FORMATS.values():
        if form.begins.match(head.lstrip(NEWLINES)):
            return Layout(form.name, codec, "file" if frames is None else _offsets(frames, position, form))
    return None


def _search(data: memoryview, codec: Codec | None, caps: Caps) -> Layout | None:
    """The layout from the first readable record after a damaged start.

    A start of the `codec` rules others out: what it packs may hold whole words of a header.
    """
    head = bytes(data[: caps.max_record_bytes])
    for start in (_START if codec is None else re.compile(re.escape(MAGIC[codec]))).finditer(head):
        position = start.start()
        if _codec_at(data, position) is None and not _is_record(head[position : position + MAX_HEAD]):
            continue
        found = _layout_at(data, position, caps)
        if found is not None:
            return found
    return Layout(ARC.name, None, "file") if codec is None and ARC.begins.search(head) else None


def _is_record(data: bytes) -> bool:
    head = WARC.parse(data) if WARC.begins.match(data) else ARC.parse(data)
    return head is not None and "warc-type" in head.headers and head.length is not None


def _offsets(frames: Frames, position: int, form: Format) -> Literal["file", "stream"]:
    """`file` where the frame at `position` holds one record, as far as can be seen."""
    run = Run(frames, position, limit=1)
    view = Sliding(run)
    item = Cutter(view, form, frames.caps.max_record_bytes, framed=True).next(0)
    if item is None:
        return "file"
    after = view.get(item.end, MAX_HEAD).lstrip(NEWLINES)
    if form.begins.match(after):
        return "stream"
    while run.read():
        pass
    whole = isinstance(item, Cut) and item.problem != "short_record" and not after
    if whole or run.error is not None:
        return "file"
    # What is left over belongs to a record that the next frame goes on with, unless that starts one of its own.
    following = frames.head(run.position, MAX_HEAD).lstrip(NEWLINES)
    return "stream" if following and not form.begins.match(following) else "file"


def _seen(head: bytes) -> str:
    if not head:
        return "it is empty"
    for codec, magic in MAGIC.items():
        if head.startswith(magic):
            return f"it is {codec} data that does not begin with a WARC or ARC record"
    return f"it begins with {head!r}"
