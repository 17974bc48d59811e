"""What a stage used includes the processes that it started, ended or not."""

from __future__ import annotations

import subprocess
import sys

import pytest

from gristmill import usage

BURN = """
import sys, time
block = bytearray(300_000_000)
block[::4096] = b"x" * len(block[::4096])
del block
while time.process_time() < 0.3: pass
"""
GRANDCHILD = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BURN!r}])"
STAY = "print('done', flush=True); sys.stdin.read()"


@pytest.mark.parametrize("code", [BURN, GRANDCHILD])
@pytest.mark.parametrize("stays", [True, False], ids=["living", "ended"])
def test_cpu_and_memory_of_descendants_count(code: str, stays: bool) -> None:
    before = usage.cpu_seconds()
    child = subprocess.Popen([sys.executable, "-c", code + "\n" + (STAY if stays else "")],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # fmt: skip
    assert child.stdout is not None
    if stays:
        child.stdout.readline()
    else:
        child.communicate()
    used, peak = usage.cpu_seconds() - before, usage.peak_memory()
    child.communicate()
    assert used > 0.28
    # A waited-for grandchild's peak is known to its parent alone, until that one ends.
    assert peak > 300_000_000 or (stays and code is GRANDCHILD)
