"""What the pretraining benchmark counts and shows; its runs are too long for a test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bench.pretraining import formula, formula_at_update, ratios
from bench.pretraining_report import generated
from bench.shakespeare import LENGTH, WARM, NoPeer, prepare, speeds, windows
from bench.tensors import tensor_bytes


def side(speed: float, loss: float = 1.8) -> dict[str, float]:
    keys = ("tokens_per_second", "tokens_per_cpu_second", "median_tokens_per_second")
    return {"validation_loss": loss, **dict.fromkeys(keys, speed)}


def test_memory_is_that_of_the_zero_paper_and_falls_with_each_stage() -> None:
    """Its figure 1: 120, 31.4, 16.6 and 1.9 GB for 7.5 billion parameters on 64 ranks."""
    gigabytes = [7.5 * formula(stage, 64, "bf16") for stage in range(4)]
    assert gigabytes == pytest.approx([120, 31.4, 16.6, 1.9], abs=0.06)
    assert [formula(stage, 2, "fp32") for stage in range(4)] == [16, 14, 12, 10]
    assert [formula_at_update(stage, 2, "fp32") for stage in range(4)] == [16, 14, 14, 12]
    assert [formula_at_update(stage, 2, "bf16") for stage in range(4)] == [20, 11, 11, 10]


def test_ratios_are_medians_over_the_turns() -> None:
    found = ratios([side(10), side(20), side(90)], [side(10), side(10), side(30)])
    assert set(found.values()) == {2.0}


def test_speeds_leave_out_the_first_steps_and_tell_wall_from_cpu_time() -> None:
    steps = np.array([[9.0, 9.0]] * WARM + [[0.5, 0.25], [0.5, 0.25], [2.0, 0.5]])
    found = speeds(np.concatenate([[[0, 0]], steps.cumsum(0)]), tokens=6)
    assert found == {"tokens_per_second": 6.0, "tokens_per_cpu_second": 18.0, "median_tokens_per_second": 12.0}


def test_the_text_is_split_and_encoded_like_nanogpts_and_its_absence_is_explained(tmp_path: Path) -> None:
    with pytest.raises(NoPeer, match="karpathy/nanoGPT"):
        prepare(tmp_path, tmp_path / "input.txt", tmp_path / "copy")
    (tmp_path / "peer").mkdir()
    (tmp_path / "peer" / "train.py").write_text("")
    (tmp_path / "input.txt").write_text("cab" * 500)
    data = prepare(tmp_path / "peer", tmp_path / "input.txt", tmp_path / "copy")
    train = np.fromfile(data / "train.bin", np.uint16)
    assert train[:6].tolist() == [2, 0, 1, 2, 0, 1]
    assert len(train) == 1350
    inputs, targets = windows(data / "val.bin")
    assert inputs.shape == targets.shape == ((150 - 1) // LENGTH, LENGTH)
    assert torch.equal(inputs.flatten()[1:], targets.flatten()[:-1])


def test_a_storage_that_several_tensors_share_is_counted_once() -> None:
    before = tensor_bytes()
    held = torch.zeros(1000)
    views = [held[:10], held.view(10, 100)]
    weight = torch.zeros(500, requires_grad=True)
    weight.grad = torch.zeros(500)
    assert tensor_bytes() - before == 4 * 2000
    assert len(views) == 2


def test_the_page_shows_what_was_measured_and_leaves_out_the_rest() -> None:
    about = {"load": 2.5, "cores": 2}
    pair: dict[str, Any] = {"about": about, "ours": [side(22_000, 1.79)], "nanogpt": [side(20_000, 1.88)],
                            **ratios([side(22)], [side(20)])}  # fmt: skip
    row = {"after_backward": 14.2, "formula": 14.0, "at_update": 14.1, "formula_at_update": 14.0}
    memory = {"rows": [{"stage": 1, "precision": "fp32", **row}]}
    page = generated({"nanogpt": pair, "memory": memory})
    assert "| ours against nanoGPT | 22,000 | 20,000 | 1.7900 | 1.8800 | 1.10 | 1.10 | 2.5 |" in page
    assert "| 0 | 1.8800 | 1.7900 |" in page
    assert "| ZeRO 1, fp32 | 14.20 | 14.00 | 14.10 | 14.00 |" in page
    assert "bf16 against fp32" not in page
    busy = generated({"nanogpt": {**pair, "about": {"load": 3.5, "cores": 2}}})
    assert "| busy | busy | 1.7900 | 1.8800 | busy | 1.10 | 3.5 |" in busy
