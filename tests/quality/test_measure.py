"""The measure stage as a process would run it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gristmill.lake import LakeError
from quality import measure

Mills = Callable[..., Any]


def test_the_stage_publishes_one_table_and_a_second_run_the_same_one(mills: Mills, tmp_path: Path) -> None:
    mill = mills()
    inputs = [f"--input={name}={digest}" for name, digest in mill.digests.items()]
    found = []
    for number in (1, 2):
        result = tmp_path / f"{number}.json"
        measure.main([f"--profile={mill.profile.source}", "--snapshot=tiny", f"--result={result}", *inputs])
        found.append(json.loads(result.read_bytes())["outputs"]["metrics"])
    assert found[0] == found[1]
    mill.measure()
    assert mill.digests["metrics"] == found[0]


def test_a_dataset_that_is_missing_is_named(mills: Mills) -> None:
    mill = mills()
    inputs = [f"--input={name}={digest}" for name, digest in mill.digests.items() if name != "decisions"]
    with pytest.raises(LakeError, match="no 'decisions' for tiny yet"):
        measure.main([f"--profile={mill.profile.source}", "--snapshot=tiny", *inputs])
