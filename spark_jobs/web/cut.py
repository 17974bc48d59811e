"""Where records begin and end. A length that leads past the start of another record is not believed."""

from __future__ import annotations

from dataclasses import dataclass

from spark_jobs.web.frames import CHUNK
from spark_jobs.web.heads import MAX_HEAD, Format, Head
from spark_jobs.web.views import View
from spark_jobs.web.warc import Damage

NEWLINES = b"\r\n"

_USUAL_HEAD = 1 << 12
_MAX_LINE = 1 << 14
_MAX_NEWLINES = 64


@dataclass(frozen=True)
class Cut:
    """The record between `start` and `end`, with the line breaks around it. With a `problem` the block is empty."""

    start: int
    end: int
    headers: dict[str, str]
    block: bytes
    problem: str | None = None


@dataclass(frozen=True)
class Cutter:
    """Cuts a view into records and damage. Of a `framed` view it is known that nothing is missing at its end."""

    view: View
    form: Format
    cap: int
    framed: bool = False

    def next(self, start: int) -> Cut | Damage | None:
        """What is at `start`; None at the end. The next call starts where this ends."""
        self.view.drop(start)
        begin = start + self._newlines(start)
        if begin == start and not self.view.get(start, 1):
            return None
        head = self._head(begin)
        if head is None:
            return self._lost(start, begin + 1, self._headless(begin))
        if "warc-type" not in head.headers:
            return self._lost(start, begin + head.size, "no_type")
        if head.length is None:
            return self._lost(start, begin + head.size, "no_length")
        return self._cut(start, begin + head.size, head.headers, head.length)

    def find(self, start: int, stop: int | None = None) -> int | None:
        """Where the next record from `start` on, and before `stop`, seems to begin."""
        position = start
        while stop is None or position < stop:
            if stop is None:
                self.view.drop(position)
            window = self.view.get(position, CHUNK)
            for found in self.form.begins.finditer(window):
                place = position + found.start()
                if stop is not None and place >= stop:
                    return None
                if self._seems_record(place):
                    return place
            if len(window) < CHUNK:
                return None
            position += CHUNK - _MAX_LINE
        return None

    def _cut(self, start: int, block: int, headers: dict[str, str], length: int) -> Cut | Damage:
        end = block + length
        large = end - start > self.cap
        if large:
            self.view.drop(end)
        after = self.view.get(end, _MAX_LINE) if self.view.lowest(end) == end else b""
        missing = not after and self.view.end() < end
        if missing or not self._ends_well(after):
            found = self.find(self.view.lowest(block), end)
            if found is not None:
                return Cut(start, found, headers, b"", "short_record")
        if missing and self.framed:
            return Cut(start, self.view.end(), headers, b"", "short_record")
        if missing:
            return Damage(start, self.view.end() - start, "truncated")
        # Copied last, so that many records with lying lengths cost little.
        content = b"" if large else self.view.get(block, length)
        return Cut(start, end + self._newlines(end), headers, content, "too_large" if large else None)

    def _ends_well(self, after: bytes) -> bool:
        rest = after.lstrip(NEWLINES)
        return not rest or self.form.begins.match(rest) is not None

    def _newlines(self, start: int) -> int:
        around = self.view.get(start, _MAX_NEWLINES)
        return len(around) - len(around.lstrip(NEWLINES))

    def _head(self, start: int) -> Head | None:
        data = self.view.get(start, _USUAL_HEAD)
        if not self.form.begins.match(data):
            return None
        return self.form.parse(data) or self.form.parse(self.view.get(start, MAX_HEAD))

    def _seems_record(self, start: int) -> bool:
        """Whether a header with a type is at `start`. Bait of many starts without an end costs little each."""
        data = self.view.get(start, _USUAL_HEAD)
        other = self.form.begins.search(data, 1)
        if other is not None and not self.form.ends.search(data, 0, other.start()):
            return False
        head = self._head(start)
        return head is not None and "warc-type" in head.headers

    def _headless(self, begin: int) -> str | None:
        data = self.view.get(begin, MAX_HEAD)
        return "header_too_large" if len(data) == MAX_HEAD and self.form.begins.match(data) else None

    def _lost(self, start: int, resume: int, reason: str | None) -> Damage:
        found = self.find(resume)
        end = self.view.end() if found is None else found
        return Damage(start, end - start, reason or ("truncated" if found is None else "corrupt"))
