"""Processes of the service, found by a mark in their environment, never by name."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


def marked(mark: str, value: str) -> list[int]:
    """Pids of this machine's processes whose environment holds `mark=value`, this process aside."""
    wanted = f"{mark}={value}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            environment = (folder / "environ").read_bytes().split(b"\0")
            if wanted in environment and int(folder.name) != os.getpid() and not _is_zombie(folder):
                found.append(int(folder.name))
    return sorted(found)


def stop_all(mark: str, value: str, first: Iterable[int], grace_seconds: float) -> None:
    """Ask `first` to end, then whoever is left of the marked, then kill. Returns when none is left."""
    _signal(first, signal.SIGINT)
    _wait_until_gone(mark, value, grace_seconds)
    for number in (signal.SIGTERM, signal.SIGKILL):
        if left := marked(mark, value):
            _signal(left, number)
            _wait_until_gone(mark, value, grace_seconds / 2)


def _signal(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _wait_until_gone(mark: str, value: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and marked(mark, value):
        # Children of this process stay zombies until they are waited for.
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(0.1)


def _is_zombie(folder: Path) -> bool:
    return (folder / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
