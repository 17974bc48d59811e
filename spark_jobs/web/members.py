"""Archives with one record in each compressed frame, as the standards ask: a record's address is its frame's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from spark_jobs.web.cut import NEWLINES, Cut, Cutter
from spark_jobs.web.frames import FrameError, Frames
from spark_jobs.web.heads import MAX_HEAD, Format
from spark_jobs.web.views import Run, Sliding
from spark_jobs.web.warc import TYPES, Damage, Record, record_of

__all__ = ["read_members"]

_MAX_NAMED = 1000
"""Records of one frame that are told apart; what follows is lost together."""


def read_members(frames: Frames, form: Format) -> Iterator[Record | Damage]:
    """The records of a file in its order, damage in its place. A frame is believed only when it is whole."""
    position = 0
    while position < len(frames.data):
        end = frames.skippable(position)
        if end is not None:
            yield Record(position, "skippable", {}, stored_bytes=end - position)
        else:
            run = Run(frames, position, limit=1)
            items = _items(Cutter(Sliding(run), form, frames.caps.max_record_bytes, framed=True))
            while run.read():
                pass
            if run.error is None:
                end = run.position
                yield from _addressed(items, position, end, frames)
            else:
                end = frames.following(position + 1, form.begins)
                yield _broken(position, end, run.error, frames, form)
        position = end


def _items(cutter: Cutter) -> list[Cut | Damage]:
    """What one frame holds, up to the first damage; only the first block is kept."""
    items: list[Cut | Damage] = []
    position = 0
    while (item := cutter.next(position)) is not None:
        if isinstance(item, Damage):
            return [*items, item]
        if len(items) == _MAX_NAMED:
            return [*items, Damage(position, 0, "too_many_records_in_member")]
        items.append(replace(item, block=b"") if items else item)
        position = item.end
    return items


def _addressed(items: list[Cut | Damage], start: int, end: int, frames: Frames) -> Iterator[Record | Damage]:
    """The items of the frame between `start` and `end`. The first has its address; others have those that follow."""
    room = end - start
    if len(items) > room:
        items = [*items[: room - 1], Damage(0, 0, "too_many_records_in_member")]
    for index, item in enumerate(items or [Damage(0, 0, "no_record")]):
        offset = start + index
        stored = end - offset if index >= len(items) - 1 else 1
        if isinstance(item, Cut):
            extra = "not_seekable" if index and item.headers["warc-type"].strip().lower() in TYPES else item.problem
            yield record_of(offset, stored, item.headers, item.block, extra, frames.caps)
        elif item.reason in ("truncated", "corrupt"):
            yield Damage(offset, stored, "bad_record" if index else "no_record")
        else:
            yield Damage(offset, stored, item.reason)


def _broken(start: int, end: int, error: FrameError, frames: Frames, form: Format) -> Record | Damage:
    """A frame that cannot be inflated to its end; of a bomb the header is read, since its record is whole."""
    if error.reason == "compression_bomb":
        head = form.parse(frames.head(start, MAX_HEAD).lstrip(NEWLINES))
        if head is not None and "warc-type" in head.headers:
            return record_of(start, end - start, head.headers, b"", error.reason, frames.caps)
    return Damage(start, end - start, frames.reason(error, end))
