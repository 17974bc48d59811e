"""Nothing that a guarded command starts outlives the guard, whatever ends it."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gristmill.service.processes import descendants, process

# A command with a child in a session of its own, as a Spark driver or a trainer has. It says its pids, then waits.
COMMAND = """
import json, os, subprocess, sys
child = subprocess.Popen(["sleep", "600"], start_new_session=True)
print(json.dumps([os.getpid(), child.pid]), flush=True)
sys.stdin.read() if len(sys.argv) < 2 else sys.exit(int(sys.argv[1]))
"""
GUARD = [sys.executable, "-m", "gristmill.service.guard"]


def guarded(*arguments: str) -> tuple[subprocess.Popen[str], list[int]]:
    started = subprocess.Popen(
        [*GUARD, sys.executable, "-c", COMMAND, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert started.stdout is not None
    return started, json.loads(started.stdout.readline())


def alive(pids: list[int]) -> list[int]:
    found = [process(pid) for pid in pids]
    return [p.pid for p in found if p is not None and not p.dead]


def wait_until_ended(handles: list[int]) -> None:
    """Until every process behind a pidfd has ended."""
    for handle in handles:
        assert select.select([handle], [], [], 60)[0], "a process did not end"
        os.close(handle)


@pytest.mark.fault
def test_the_commands_end_ends_its_orphans_and_keeps_its_code() -> None:
    started, pids = guarded("7")
    assert started.wait(60) == 7
    assert alive(pids) == []


@pytest.mark.fault
def test_sigterm_ends_all(tmp_path: Path) -> None:
    started, pids = guarded()
    assert sorted(p.pid for p in descendants(started.pid)) == sorted(pids)
    started.send_signal(signal.SIGTERM)
    assert started.wait(60) == 128 + signal.SIGTERM
    assert alive(pids) == []


@pytest.mark.fault
def test_the_death_of_the_guards_parent_ends_all() -> None:
    middle = "import subprocess, sys; subprocess.run(sys.argv[1:])"
    parent = subprocess.Popen(
        [sys.executable, "-c", middle, *GUARD, sys.executable, "-c", COMMAND],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert parent.stdout is not None
    pids = json.loads(parent.stdout.readline())
    [guard] = [p.pid for p in descendants(parent.pid) if p.parent == parent.pid]
    handles = [os.pidfd_open(pid) for pid in (guard, *pids)]
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    wait_until_ended(handles)
