"""`gristmill demo`, as `make demo` runs it: green from nothing, and nothing redone the second time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from gristmill.profile import PROJECT

pytestmark = [pytest.mark.airflow, pytest.mark.spark, pytest.mark.train, pytest.mark.long]


def gristmill(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gristmill.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_demo_is_green_and_redoes_nothing(tmp_path: Path) -> None:
    content = yaml.safe_load((PROJECT / "configs" / "profiles" / "demo.yaml").read_text(encoding="utf-8"))
    paths = {key: str(PROJECT / content[key]) for key in ("policy", "gates", "mix", "pretrain")}
    own = {"work_dir": str(tmp_path / "a mill"), "lake": str(tmp_path / "a mill" / "lake")}
    profile = tmp_path / "profile.yaml"
    profile.write_text(yaml.safe_dump({**content, **paths, **own}), encoding="utf-8")

    first = gristmill("demo", "--profile", str(profile))
    assert first.returncode == 0, first.stdout[-3000:] + first.stderr
    assert "pretrain demo-" in first.stdout

    status = json.loads(gristmill("status", "--json", "--profile", str(profile)).stdout)
    assert [(entry["snapshot"], entry["verdict"]) for entry in status["snapshots"]] == [
        ("embedded-A", "pass"), ("embedded-B", "pass"),
    ]  # fmt: skip
    [run] = status["training_runs"]
    assert run["promoted"]
    assert run["loss_last"] < run["loss_first"]
    assert run["bpb"]["model"] < min(run["bpb"]["untrained"], run["bpb"]["unigram"])

    second = gristmill("demo", "--profile", str(profile))
    assert second.returncode == 0
    assert "nothing was redone" in second.stdout
    assert "airflow: starting" not in second.stdout
