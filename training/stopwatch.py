"""Where the seconds of a step go."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from training.communication import Waiting


class Stopwatch:
    """Seconds of one step by phase; waiting for other ranks is a phase of its own on CPUs.

    On a GPU, whose work is queued, phases are measured by events on its stream and hold their communication.
    """

    def __init__(self, device: torch.device) -> None:
        self._events = device.type == "cuda"
        self._marks: list[tuple[str, torch.cuda.Event, torch.cuda.Event]] = []
        self._seconds: dict[str, float] = {} if self._events else {"communication": 0.0}

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Count what happens inside as `name`."""
        if self._events:
            begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
            begin.record()
            yield
            end.record()
            self._marks.append((name, begin, end))
            return
        clock, waited = time.perf_counter(), Waiting.seconds
        yield
        waited = Waiting.seconds - waited
        self._seconds["communication"] += waited
        self._seconds[name] = self._seconds.get(name, 0.0) + time.perf_counter() - clock - waited

    def seconds(self) -> dict[str, float]:
        """Seconds by phase; waits for the GPU."""
        for name, begin, end in self._marks:
            end.synchronize()
            self._seconds[name] = self._seconds.get(name, 0.0) + begin.elapsed_time(end) / 1000
        return self._seconds
