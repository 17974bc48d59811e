"""Processes as /proc shows them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from gristmill.service.processes import carries, descendants, end_all, process, processes


def test_a_process_is_seen_with_its_parent_whatever_its_name(tmp_path: Path) -> None:
    odd = tmp_path / "a) (b 1 2"
    odd.symlink_to("/bin/sleep")
    child = subprocess.Popen([str(odd), "600"])
    try:
        found = process(child.pid)
        assert found is not None
        assert (found.parent, found.dead) == (os.getpid(), False)
        assert found in processes()
        assert [p.pid for p in descendants(os.getpid()) if p.pid == child.pid] == [child.pid]
    finally:
        child.kill()
        child.wait()
    assert process(child.pid) is None


def test_a_mark_in_the_environment_is_found_only_whole() -> None:
    # `cat` answers once it runs; before, /proc may still show the environment of the fork.
    child = subprocess.Popen(["cat"], env={**os.environ, "MARK": "abc"}, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(b"\n")
    child.stdin.flush()
    child.stdout.readline()
    try:
        assert carries(child.pid, "MARK", "abc")
        assert not carries(child.pid, "MARK", "ab")
        assert not carries(child.pid, "ARK", "abc")
    finally:
        child.kill()
        child.wait()


def test_a_process_that_ignores_sigterm_is_ended_after_the_grace() -> None:
    stubborn = "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True); time.sleep(600)"
    child = subprocess.Popen([sys.executable, "-c", stubborn], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    assert end_all(lambda: [p for p in descendants(os.getpid()) if p.pid == child.pid], grace_seconds=0.1) == 1
    child.wait()
    assert process(child.pid) is None
