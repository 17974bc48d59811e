"""Resuming in real DeepSpeed engines: on the same ranks to the last bit, and on other ranks and ZeRO stages."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from training.shelf import CheckpointError
from training.universal import Layout, check


def run_ranks(count: int, folder: Path, save: list[Any], load: list[Any]) -> dict[str, list[float]]:
    """The losses that `resume_ranks.py` prints."""
    script = str(Path(__file__).with_name("resume_ranks.py"))
    command = [
        sys.executable, "-m", "torch.distributed.run", f"--nproc-per-node={count}", "--rdzv-backend=c10d",
        "--rdzv-endpoint=127.0.0.1:0", "--local-addr=127.0.0.1", script, str(folder),
        json.dumps({"save": save, "load": load}),
    ]  # fmt: skip
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    lines = [line for line in result.stdout.splitlines() if line.startswith("{")]
    assert lines, result.stderr[-3000:]
    found: dict[str, list[float]] = json.loads(lines[-1])
    return found


@pytest.mark.train
def test_a_run_resumes_to_the_last_bit_and_on_other_ranks_and_stages(tmp_path: Path) -> None:
    """Two ranks save every stage; then the same ranks, one and four go on, in the same stage and in others."""
    two = run_ranks(2, tmp_path, [0, 1, 2, 3], [(stage, stage) for stage in range(4)])
    for stage in range(4):
        straight = two[f"{stage} straight"]
        assert two[f"{stage} to {stage}"] == straight
        assert two[f"{stage} back"] == straight, "the same engine, as after a rollback"
    for ranks, pairs in ((1, [(3, 3), (1, 0), (0, 2)]), (4, [(1, 3), (3, 1)])):
        for name, losses in run_ranks(ranks, tmp_path, [], pairs).items():
            assert losses == pytest.approx(two["1 straight"], rel=2e-6), (ranks, name)


@pytest.mark.train
@pytest.mark.long
@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_every_stage_goes_on_as_every_stage(tmp_path: Path, ranks: int) -> None:
    straight = run_ranks(2, tmp_path, [0, 1, 2, 3], [])["1 straight"]
    for name, losses in run_ranks(ranks, tmp_path, [], list(product(range(4), repeat=2))).items():
        assert losses == pytest.approx(straight, rel=2e-6), name


@pytest.mark.train
@pytest.mark.long
@pytest.mark.parametrize("layout", ["1-1-2", "1-2-1"])
def test_stages_of_a_pipeline_and_tensor_shards_resume_to_the_last_bit(tmp_path: Path, layout: str) -> None:
    """In other processes, since DeepSpeed keeps its grid in global variables."""
    straight = run_ranks(2, tmp_path, [layout], [])[f"{layout} straight"]
    assert run_ranks(2, tmp_path, [], [(layout, layout)])[f"{layout} to {layout}"] == straight


@pytest.mark.parametrize(
    ("saved", "wanted", "reason"),
    [
        (Layout(2, 1, pipeline=2), Layout(4, 1, pipeline=2), "saved by layer"),
        (Layout(2, 1), Layout(2, 1, pipeline=2), "saved by layer"),
        (Layout(2, 1, tensor=2), Layout(4, 1, tensor=2), "same degree alone"),
        (Layout(2, 3, offload="nvme"), Layout(1, 3, offload="nvme"), "swapped it out"),
        (Layout(2, 1, optimizer="muon"), Layout(1, 1, optimizer="muon"), "not the state of muon"),
        (Layout(2, 0, precision="bf16"), Layout(2, 1, precision="bf16"), "keeps no fp32 copy"),
    ],
)
def test_what_cannot_be_converted_is_refused_with_the_reason_and_what_works(
    saved: Layout, wanted: Layout, reason: str
) -> None:
    with pytest.raises(CheckpointError, match=reason) as refusal:
        check(saved, wanted)
    assert f"resume with {saved}" in str(refusal.value)
    check(saved, saved)


@pytest.mark.parametrize("stages", list(product(range(4), repeat=2)))
def test_data_parallel_runs_in_fp32_may_change_ranks_and_stage(stages: tuple[int, int]) -> None:
    check(Layout(2, stages[0]), Layout(4, stages[1]))


def test_stage_0_may_change_its_ranks_with_any_optimizer_and_precision() -> None:
    check(Layout(2, 0, precision="bf16", optimizer="muon"), Layout(4, 0, precision="bf16", optimizer="muon"))
