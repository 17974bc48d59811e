"""Compiled kernels are those of the sources that lie there."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gristmill.profile import PROJECT

PROGRAM = """
import pyarrow as pa
from spark_jobs.text.minhash import minhash
print(minhash(pa.array([1], pa.int64()), pa.array(["one two three four five six"])).to_pylist())
"""


@pytest.mark.long
def test_a_change_in_a_kernel_that_another_calls_is_compiled(tmp_path: Path) -> None:
    folder = tmp_path / "spark_jobs"
    shutil.copytree(PROJECT / "spark_jobs", folder, ignore=shutil.ignore_patterns("__pycache__"))

    def run() -> str:
        done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=tmp_path, capture_output=True, text=True, check=True)
        return done.stdout

    first = run()
    assert run() == first
    tokens = folder / "text" / "tokens.py"
    before = tokens.read_text()
    tokens.write_text(before.replace("0xCBF29CE484222325", "0xCBF29CE484222327"))
    assert tokens.read_text() != before
    assert run() != first
