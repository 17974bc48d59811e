"""A mixture on two ranks is the mixture on one: pairs find their negatives on both, and no rank waits for ever."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

SCRIPT = Path(__file__).with_name("mixture_ranks.py")
pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    """What two ranks printed."""
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--rdzv-backend=c10d",
               "--rdzv-endpoint=127.0.0.1:0", "--local-addr=127.0.0.1", str(SCRIPT)]  # fmt: skip
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    lines = [line for line in result.stdout.splitlines() if line.startswith("{")]
    assert lines, result.stderr[-3000:]
    return dict(json.loads(lines[-1]))


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location(SCRIPT.stem, SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def one_rank() -> list[list[float]]:
    """[loss, gradient norm] of each step of all rows in one process, without an engine."""
    ranks = script()
    learner = ranks.learner()
    optimizer, steps = ranks.optimizer(learner), []
    for step in range(len(ranks.STEPS)):
        batch = ranks.batch(step, [0, 1])
        loss, _ = learner(batch, learner.denominators(learner.counts([batch])))
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(learner.parameters(), ranks.OPTIMIZER.clip_norm)
        steps.append([loss.item(), norm.item()])
        for group in optimizer.param_groups:
            group["lr"] = 0.01
        optimizer.step()
        optimizer.zero_grad()
    return steps


@pytest.mark.parametrize("engine", ["plain", "0", "1", "2", "3"])
def test_two_ranks_train_as_one(found: dict[str, Any], one_rank: list[list[float]], engine: str) -> None:
    for mine, wanted in zip(found[engine], one_rank, strict=True):
        assert mine == pytest.approx(wanted, rel=2e-4)


def test_rows_that_no_rank_has_are_gathered(found: dict[str, Any]) -> None:
    assert found["nothing"] == []
