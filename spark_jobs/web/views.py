"""Random and sliding access to the bytes that records are cut from."""

from __future__ import annotations

from typing import Protocol

from spark_jobs.web.frames import CHUNK, Frame, FrameError, Frames


class View(Protocol):
    """Bytes by position."""

    def get(self, start: int, size: int) -> bytes:
        """Up to `size` bytes from `start`, fewer only at the end. `start` is at or after what was dropped."""
        ...

    def drop(self, start: int) -> None:
        """Nothing before `start` will be asked for, unless `lowest` says that it can be."""
        ...

    def lowest(self, start: int) -> int:
        """`start`, or the first position after it that can still be read."""
        ...

    def end(self) -> int:
        """Where the bytes end. Reads on to there; what was not dropped is held."""
        ...


class Whole:
    """All bytes are at hand: a plain file, or an inflated member."""

    def __init__(self, data: memoryview | bytes) -> None:
        self._data = data

    def get(self, start: int, size: int) -> bytes:
        return bytes(self._data[start : start + size])

    def drop(self, start: int) -> None:
        pass

    def lowest(self, start: int) -> int:
        return start

    def end(self) -> int:
        return len(self._data)


class Run:
    """The content of the frames from `position` on, as one stream that ends at damage or after `limit` frames.

    `position` moves to the frame that is read; `error` is what ended the run early.
    """

    def __init__(self, frames: Frames, position: int, limit: int | None = None) -> None:
        self.position = position
        self.error: FrameError | None = None
        self.size = 0
        self._frames, self._limit = frames, limit
        self._frame: Frame | None = None
        self._inflated = 0
        self._ended = False

    def read(self) -> bytes:
        """The next bytes; none at the end."""
        try:
            while not self._ended:
                if self._frame is None and not self._open():
                    break
                assert self._frame is not None
                part = self._frame.read(CHUNK)
                self._inflated += len(part)
                if self._frames.caps.is_bomb(self._inflated, self._frame.consumed):
                    raise FrameError("compression_bomb")
                if part:
                    self.size += len(part)
                    return part
                assert self._frame.end is not None
                self.position, self._frame = self._frame.end, None
        except FrameError as error:
            self.error = error
        self._ended = True
        return b""

    def _open(self) -> bool:
        if self._limit == 0:
            return False
        while (end := self._frames.skippable(self.position)) is not None:
            self.position = end
        if self.position >= len(self._frames.data):
            return False
        self._limit = None if self._limit is None else self._limit - 1
        self._frame, self._inflated = self._frames.open(self.position), 0
        return True

    def lost_from(self) -> int:
        """Where in the file the bytes begin of which nothing came out."""
        return self.position + (0 if self._frame is None else self._frame.consumed)


class Sliding:
    """A window on a run that holds what was asked for since the last drop."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._held = bytearray()
        self._floor = 0

    def get(self, start: int, size: int) -> bytes:
        while self._floor + len(self._held) < start + size:
            part = self._run.read()
            if not part:
                break
            self._held += part
        return bytes(self._held[start - self._floor : start - self._floor + size])

    def drop(self, start: int) -> None:
        while self._floor + len(self._held) < start:
            self._floor += len(self._held)
            self._held.clear()
            part = self._run.read()
            if not part:
                return
            self._held += part
        del self._held[: start - self._floor]
        self._floor = max(self._floor, start)

    def lowest(self, start: int) -> int:
        return max(start, self._floor)

    def end(self) -> int:
        while part := self._run.read():
            self._held += part
        return self._floor + len(self._held)
