"""Processes as Linux shows them in /proc: who is still the one we started, and who descends from it."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36
_LIBC = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Process:
    """A process; `started` (clock ticks since boot) tells it from a later one with the same pid."""

    pid: int
    parent: int
    session: int
    started: int
    state: str = field(compare=False)

    @property
    def dead(self) -> bool:
        return self.state in "ZX"


def process(pid: int) -> Process | None:
    """The process with this pid, or None."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name stands in parentheses and may hold anything, spaces and parentheses too.
    fields = stat.rpartition(")")[2].split()
    return Process(pid, int(fields[1]), int(fields[3]), int(fields[19]), fields[0])


def processes() -> list[Process]:
    """All processes that this user can see."""
    found = (process(int(name)) for name in os.listdir("/proc") if name.isdigit())
    return [p for p in found if p is not None]


def descendants(root: int) -> list[Process]:
    """Living descendants of a process, nearest first."""
    children: dict[int, list[Process]] = {}
    for each in processes():
        children.setdefault(each.parent, []).append(each)
    found: list[Process] = []
    level = children.get(root, [])
    while level:
        found += [p for p in level if not p.dead]
        level = [child for p in level for child in children.get(p.pid, [])]
    return found


def carries(pid: int, variable: str, value: str) -> bool:
    """Whether a process was started with this environment variable."""
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False
    return f"{variable}={value}".encode() in environment.split(b"\0")


def adopt_orphans() -> None:
    """Make this process the parent of every orphan among its descendants, so that none gets away."""
    _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1)


def send(targets: Iterable[Process], number: signal.Signals) -> None:
    """Signal processes that may be gone already."""
    for target in targets:
        with suppress(ProcessLookupError):
            os.kill(target.pid, number)


def end_all(find: Callable[[], list[Process]], grace_seconds: float) -> int:
    """SIGTERM to what `find` gives, SIGKILL after the grace, until nothing is left; how many were found."""
    first = find()
    send(first, signal.SIGTERM)
    deadline = time.monotonic() + grace_seconds
    while left := find():
        if time.monotonic() > deadline:
            send(left, signal.SIGKILL)
        reap()
        time.sleep(0.05)
    return len(first)


def reap() -> None:
    """Collect ended children, so that they do not stay as zombies."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
