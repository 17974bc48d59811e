"""Run a command and watch what it costs: wall and CPU seconds, and the peak memory of it and all its descendants."""

from __future__ import annotations

import os
import resource
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gristmill.errors import UserError
from gristmill.profile import PROJECT

INTERVAL = 0.25


class RunFailed(UserError):
    """A watched command that did not end well."""


@dataclass(frozen=True)
class Watched:
    """`peak_bytes`: the greatest sum of proportional set sizes (pages shared by n processes count 1/n each) seen
    at one of the samples, four a second."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int


def watch(command: Sequence[str], log: Path) -> Watched:
    """Run to the end, output to `log`; raises RunFailed for an exit code other than 0."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as out, subprocess.Popen(command, cwd=PROJECT, stdout=out, stderr=out) as process:
        done, peaks = threading.Event(), [0]
        sampler = threading.Thread(target=_sample, args=(process.pid, done, peaks))
        sampler.start()
        process.wait()
        seconds = time.monotonic() - start
        done.set()
        sampler.join()
    if process.returncode:
        raise RunFailed(f"'{' '.join(command)}' ended with code {process.returncode}; see {log}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Watched(round(seconds, 2), round(cpu, 2), peaks[0])


def _sample(pid: int, done: threading.Event, peaks: list[int]) -> None:
    while not done.wait(INTERVAL):
        peaks[0] = max(peaks[0], sum(_pss(each) for each in _tree(pid)))


def _tree(root: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit() and (parent := _parent(int(name))):
            children.setdefault(parent, []).append(int(name))
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[1])
    except OSError:
        return 0


def _pss(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)
