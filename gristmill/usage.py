"""What this process and its descendants have used: CPU seconds and peak memory.

`getrusage` counts children only once they are waited for, but Spark's JVM and its Python workers outlive the
stage that they work for, so living descendants are read from /proc.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PARENT, _CPU = 1, slice(11, 15)
"""Fields of /proc/PID/stat after the command: parent; user and system ticks, own and of waited-for children."""


def cpu_seconds() -> float:
    """User and system seconds of this process and of its descendants, living or waited for."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    living = sum(sum(map(int, stat[_CPU])) for _, stat in _descendants())
    return sum(u.ru_utime + u.ru_stime for u in usages) + living / _TICKS


def peak_memory() -> int:
    """Largest resident set, in bytes, that any one of these processes has had (Linux counts in KiB)."""
    waited_for = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return max(*waited_for, *(_high_water(pid) for pid, _ in _descendants())) * 1024


def _descendants() -> Iterator[tuple[int, list[str]]]:
    """(pid, fields of its stat after the command) of every living descendant of this process."""
    children: dict[int, list[tuple[int, list[str]]]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(fields[_PARENT]), []).append((int(path.parent.name), fields))
    left = [os.getpid()]
    while left:
        found = children.get(left.pop(), [])
        yield from found
        left += [pid for pid, _ in found]


def _high_water(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text(errors="replace").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)
