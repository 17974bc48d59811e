"""Metrics files: one line per step, whatever was killed in between."""

from __future__ import annotations

import json
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from training.meters import Meters, read_metrics


def record(folder: Path, resumed_at: int, steps: range) -> None:
    meters = Meters(folder, resumed_at, 10, tokens_per_step=64)
    for step in steps:
        meters.step(step, loss=5 - step / 10 + resumed_at, rate=0.1, grad_norm=1.0, skipped=0)
    meters.close()


def test_a_resumed_run_cuts_the_steps_after_its_checkpoint(tmp_path: Path) -> None:
    record(tmp_path, 0, range(1, 7))
    record(tmp_path, 4, range(5, 11))
    lines = read_metrics(tmp_path / "metrics.jsonl")
    assert [line["step"] for line in lines] == list(range(1, 11))
    assert [line["loss"] > 6 for line in lines] == [False] * 4 + [True] * 6
    assert [line["tokens"] for line in lines] == [64 * step for step in range(1, 11)]


def test_a_line_that_a_kill_cut_off_is_dropped_and_replaced(tmp_path: Path) -> None:
    record(tmp_path, 0, range(1, 5))
    with (tmp_path / "metrics.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps({"step": 5, "loss": 1})[:-4])
    assert [line["step"] for line in read_metrics(tmp_path / "metrics.jsonl")] == [1, 2, 3, 4]
    record(tmp_path, 4, range(5, 8))
    assert [line["step"] for line in read_metrics(tmp_path / "metrics.jsonl")] == list(range(1, 8))


def test_no_file_is_no_lines(tmp_path: Path) -> None:
    assert read_metrics(tmp_path / "absent.jsonl") == []


def test_tensorboard_shows_the_steps_of_a_resumed_run_once(tmp_path: Path) -> None:
    record(tmp_path, 0, range(1, 7))
    record(tmp_path, 4, range(5, 11))
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [event.step for event in events.Scalars("train/loss")] == list(range(1, 11))
    assert set(events.Tags()["scalars"]) == {f"train/{n}" for n in ("loss", "lr", "grad_norm", "tokens_per_second")}
