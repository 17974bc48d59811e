"""Running and watching a command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.watch import RunFailed, _tree, watch


def test_a_command_that_fails_is_named_with_its_log(tmp_path: Path) -> None:
    with pytest.raises(RunFailed, match=r"code 3; see .*run\.log"):
        watch([sys.executable, "-c", "print('why'); raise SystemExit(3)"], tmp_path / "run.log")
    assert (tmp_path / "run.log").read_text() == "why\n"


def test_a_tree_holds_descendants() -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as child:
        assert _tree(os.getpid())[0] == os.getpid()
        assert child.pid in _tree(os.getpid())
        child.communicate()


def test_a_process_without_children_is_its_own_tree() -> None:
    assert _tree(2**22 + 1) == [2**22 + 1]
