"""Metrics files: one line per step, whatever was killed in between, and what each figure means."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from training import meters as module
from training.batch import Batch
from training.meters import Meters, Scale, duration, flat, padding, read_metrics


@dataclass(frozen=True)
class Step:
    loss: float = 3.0
    losses: dict[str, float] = field(default_factory=lambda: {"causal": 3.0})
    grad_norm: float = 1.0
    applied: bool = True
    seconds: dict[str, float] = field(default_factory=lambda: {"forward": 0.25, "backward": 0.5})


def batch(rows: int = 4, time: int = 16, empty: int = 0) -> Batch:
    tokens, segments = torch.zeros(rows, time, dtype=torch.int64), torch.ones(rows, time, dtype=torch.int32)
    segments[0, :empty] = 0
    nothing = torch.zeros(rows, time, dtype=torch.bool)
    return Batch(tokens, tokens, segments, segments, nothing, torch.zeros(rows), plain=not empty)


def record(folder: Path, resumed_at: int, steps: range, **changes: object) -> None:
    meters = Meters(folder, resumed_at, Scale(10, 640, flops_per_token=10.0, peak_flops=1e3, ranks=2))
    for step in steps:
        meters.step(step, Step(**{"loss": 5 - step / 10 + resumed_at, **changes}), 0.1, [batch()], 64, 0.125)
    meters.close()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Every look at the clock is a second later."""
    now = [0.0]

    def tick() -> float:
        now[0] += 1
        return now[0]

    monkeypatch.setattr(module.time, "monotonic", tick)
    return now


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
    shown = {"loss", "lr", "grad_norm", "tokens_per_second", "mfu", "losses/causal", "seconds/data", "joules"}
    assert {f"train/{name}" for name in shown} <= set(events.Tags()["scalars"])


def test_the_history_holds_every_figure_of_every_step_as_parquet(tmp_path: Path) -> None:
    record(tmp_path, 0, range(1, 7))
    record(tmp_path, 4, range(5, 11), losses={"causal": 3.0, "masked": 2.0})
    table = pq.read_table(tmp_path / "history.parquet")
    lines = read_metrics(tmp_path / "metrics.jsonl")
    assert table["step"].to_pylist() == list(range(1, 11))
    assert table["loss"].to_pylist() == [line["loss"] for line in lines]
    assert table["losses/masked"].to_pylist() == [None] * 4 + [2.0] * 6
    assert set(table.column_names) == {"step"}.union(*(flat(line) for line in lines))


def test_the_parts_of_a_step_sum_to_it_and_a_checkpoint_counts_in_the_next(tmp_path: Path, clock: list[float]) -> None:
    meters = Meters(tmp_path, 0, Scale(10, 640, flops_per_token=10.0, peak_flops=1e3, ranks=2))
    meters.step(1, Step(), 0.1, [batch()], 64, 0.125)
    meters.checkpoint(0.0625)
    meters.step(2, Step(), 0.1, [batch()], 64, 0.125)
    meters.close()
    first, second = read_metrics(tmp_path / "metrics.jsonl")
    for line, checkpoint in ((first, 0.0), (second, 0.0625)):
        assert line["seconds"]["checkpoint"] == checkpoint
        assert (line["seconds"]["data"], line["seconds"]["forward"], line["seconds"]["optimizer"]) == (0.125, 0.25, 0)
        assert sum(line["seconds"].values()) == pytest.approx(line["step_seconds"])
        assert line["tokens_per_second"] == pytest.approx(64 / line["step_seconds"], rel=1e-3)
        assert line["mfu"] == pytest.approx(10 * line["tokens_per_second"] / 1e3, rel=1e-3)


def test_a_skipped_step_is_counted_shown_and_remembered(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record(tmp_path, 0, range(1, 3), applied=False)
    record(tmp_path, 2, range(3, 11))
    lines = read_metrics(tmp_path / "metrics.jsonl")
    assert [line["skipped"] for line in lines] == [1] + [2] * 9
    assert [line["applied"] for line in lines] == [False] * 2 + [True] * 8
    assert "2 steps skipped" in capsys.readouterr().out.splitlines()[-1]


def test_energy_goes_on_from_all_that_was_spent_also_on_steps_that_were_cut(tmp_path: Path) -> None:
    lines = [{"step": n, "loss": 1.0, "tokens": 64 * n, "joules": 1000.0 * n} for n in range(1, 7)]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    record(tmp_path, 4, range(5, 7))
    found = read_metrics(tmp_path / "metrics.jsonl")[-1]
    assert found["joules"] >= 6000
    assert found["kwh_per_million_tokens"] == pytest.approx(found["joules"] / 3.6 / found["tokens"], rel=1e-2)
    assert found["energy_method"].startswith(("measured", "estimated"))


def test_progress_names_what_is_left(tmp_path: Path, clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    record(tmp_path, 0, range(1, 6), losses={"causal": 3.0, "masked": 2.0})
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 1
    assert said[0].startswith("step 1/10  loss 4.9000  causal 3.000  masked 2.000")
    seconds = read_metrics(tmp_path / "metrics.jsonl")[0]["step_seconds"]
    assert f"about {duration(9 * seconds)} left" in said[0]


def test_a_slow_run_says_something_every_half_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [0.0]

    def tick() -> float:
        now[0] += 20
        return now[0]

    monkeypatch.setattr(module.time, "monotonic", tick)
    record(tmp_path, 0, range(1, 6))
    assert len(capsys.readouterr().out.splitlines()) == 5


def test_padding_is_the_share_of_empty_places() -> None:
    assert padding([batch()]) == 0.0
    assert padding([batch(), batch(empty=8)]) == pytest.approx(8 / 128)
    assert padding([]) == 0.0
    half = batch(empty=8)
    assert padding([Batch(**{**half.__dict__, "plain": True})]) == pytest.approx(8 / 64)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (42.4, "42 s"), (300, "5 min"), (11_100, "3 h 05 min"), (7_199, "2 h 00 min")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
