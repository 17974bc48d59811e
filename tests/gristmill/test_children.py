"""Children do not outlive their parent."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gristmill.children import kill_group, start

# It would wait for ever: nobody else can write to its pipe.
STAY = "import os; pipe = os.pipe(); print('ready', flush=True); os.read(pipe[0], 1)"
DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {STAY}"
PARENT = f"""
import subprocess, sys
from gristmill.children import start
child = start([sys.executable, "-c", {DEAF!r}], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
{STAY}
"""


def ends(pid: int, act: Callable[[], object]) -> bool:
    """Whether the process ends after `act`; the limit only keeps a broken test from hanging."""
    descriptor = os.pidfd_open(pid)
    act()
    ended = bool(select.select([descriptor], [], [], 30)[0])
    if not ended:
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    os.close(descriptor)
    return ended


@pytest.mark.parametrize(("code", "signum"), [(STAY, signal.SIGTERM), (DEAF, signal.SIGKILL)])
def test_a_child_ends_whether_it_listens_or_not(code: str, signum: signal.Signals) -> None:
    child = start([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    kill_group(child, grace_seconds=0.3)
    assert child.returncode == -signum


def test_what_a_child_started_ends_with_it() -> None:
    code = f"import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', {DEAF!r}]).pid); {STAY}"
    child = start([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert child.stdout is not None
    lines = [child.stdout.readline().strip() for _ in range(3)]
    grandchild = next(int(line) for line in lines if line != "ready")
    assert ends(grandchild, lambda: kill_group(child, grace_seconds=0.3))


def test_ending_a_child_that_has_ended_is_fine() -> None:
    child = start([sys.executable, "-c", ""])
    child.wait()
    kill_group(child)
    assert child.returncode == 0


@pytest.mark.fault
def test_a_child_ends_when_its_parent_is_killed() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert ends(child, parent.kill)
    parent.communicate()


def test_a_child_gets_the_environment_and_folder_that_it_is_given(tmp_path: Path) -> None:
    code = "import os; print(os.environ['X'], os.getcwd())"
    child = start([sys.executable, "-c", code], env={"X": "1"}, cwd=tmp_path, stdout=subprocess.PIPE)
    assert child.communicate()[0].split() == ["1", str(tmp_path)]
