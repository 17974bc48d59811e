"""Every engine on two ranks: the same steps as plain PyTorch, refused steps without a trace, one report."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).with_name("engine_ranks.py")
EXACT = [
    "zero 0", "zero 1", "zero 2", "zero 3", "overlap", "recomputed", "optimizer on cpu", "all on cpu", "pipeline",
    "pipeline, recomputed",
]  # fmt: skip
ALL = ["plain", *EXACT, "int8", "sign"]
pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What two ranks saw."""
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--rdzv-backend=c10d",
               "--rdzv-endpoint=127.0.0.1:0", "--local-addr=127.0.0.1", str(SCRIPT),
               str(tmp_path_factory.mktemp("checkpoint"))]  # fmt: skip
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    lines = [line for line in result.stdout.splitlines() if line.startswith("{")]
    assert lines, result.stderr[-3000:]
    return dict(json.loads(lines[-1]))


@pytest.mark.parametrize("way", EXACT)
def test_it_trains_as_plain_pytorch_does(found: dict[str, Any], way: str) -> None:
    assert found[way]["losses"] == pytest.approx(found["plain"]["losses"], rel=1e-6)
    assert found[way]["norms"] == pytest.approx(found["plain"]["norms"], rel=1e-5)


def test_compression_costs_little(found: dict[str, Any]) -> None:
    exact = found["plain"]["losses"]
    assert found["int8"]["losses"] == pytest.approx(exact, rel=0.01)
    assert found["sign"]["losses"] == pytest.approx(exact, rel=0.1)
    assert found["int8"]["losses"][0] == pytest.approx(exact[0], rel=1e-6)
    assert found["int8"]["norms"][0] != pytest.approx(found["plain"]["norms"][0], rel=1e-6)


@pytest.mark.parametrize("way", ALL)
def test_a_refused_step_changes_nothing_and_can_be_taken_later(found: dict[str, Any], way: str) -> None:
    seen = found[way]
    assert not seen["refused"]
    assert seen["unmoved"]
    assert seen["again"][1] == pytest.approx(seen["again"][0], rel=1e-6)
    assert seen["moved"]


@pytest.mark.parametrize("way", [way for way in ALL if "pipeline" not in way])
def test_a_step_that_is_no_number_is_never_taken(found: dict[str, Any], way: str) -> None:
    assert found[way]["poisoned"] is False


@pytest.mark.parametrize("way", ALL)
def test_the_report_is_of_all_ranks(found: dict[str, Any], way: str) -> None:
    seen = found[way]
    assert seen["units"] == {"causal": 64}
    assert seen["per_objective"]["causal"] == pytest.approx(seen["losses"][0], rel=1e-6)
    assert seen["asked"] == [False, True, False]  # rank 1 asked in the second step, and rank 0 heard it


def test_a_pipeline_refuses_rows_that_need_a_mask(found: dict[str, Any]) -> None:
    assert "set parallel.pipeline to 1" in found["masked"]


def test_a_pipeline_goes_on_from_its_checkpoint_with_the_same_bits(found: dict[str, Any]) -> None:
    """DeepSpeed leaves layers that are functions out of it, as a tied embedding easily is."""
    assert found["resumed"][0] == found["resumed"][1]
