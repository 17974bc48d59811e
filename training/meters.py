"""What a run measures of itself: one JSON line per step, TensorBoard, a Parquet history, and lines of progress."""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch.utils.tensorboard import SummaryWriter

from gristmill.process import say
from training.batch import Batch
from training.energy import EnergyConfig, EnergyCounter, kwh_per_million_tokens
from training.events import json_line

PARTS = ("data", "forward", "backward", "communication", "optimizer", "checkpoint")
"""Parts of a step's time; what they leave of it is `other`."""

QUIET_STEPS, QUIET_SECONDS = 10, 30.0
"""A line of progress every so many steps, or when nothing was said for so long."""


class Result(Protocol):
    """What an engine says of a step (training.engine.StepResult)."""

    @property
    def loss(self) -> float: ...
    @property
    def losses(self) -> Mapping[str, float]: ...
    @property
    def grad_norm(self) -> float: ...
    @property
    def applied(self) -> bool: ...
    @property
    def seconds(self) -> Mapping[str, float]: ...


@dataclass(frozen=True)
class Scale:
    """What a run's figures are set against: its steps and tokens, the work of a token, and what its ranks can do.

    `peak_flops` is the sum over all ranks, FLOP/s.
    """

    steps: int
    tokens: int
    flops_per_token: float
    peak_flops: float
    ranks: int


class Meters:
    """Writes from rank 0. A resumed run cuts the steps after its checkpoint, so each step has one line."""

    def __init__(self, folder: Path, resumed_at: int, scale: Scale, energy: EnergyConfig | None = None) -> None:
        self.folder, self.path, self.scale = folder, folder / "metrics.jsonl", scale
        lines = read_metrics(self.path)
        kept = [line for line in lines if line["step"] <= resumed_at]
        temporary = self.path.with_suffix(".tmp")
        temporary.write_text("".join(json_line(line) for line in kept), encoding="utf-8")
        temporary.replace(self.path)
        self.writer = SummaryWriter(str(folder / "tensorboard"), purge_step=resumed_at + 1, flush_secs=10)
        last = kept[-1] if kept else {}
        self.tokens, self.skipped = int(last.get("tokens", 0)), int(last.get("skipped", 0))
        spent = max((line.get("joules", 0.0) for line in lines), default=0.0)  # on the steps that were cut, too
        self.energy, self.counter = energy or EnergyConfig(), EnergyCounter(scale.ranks, spent)
        self.clock = self.said = time.monotonic()
        self.checkpoint_seconds = 0.0
        self.pace: float | None = None

    def checkpoint(self, seconds: float) -> None:
        """Count the time that a checkpoint kept the loop waiting; it is part of the next step's."""
        self.checkpoint_seconds += seconds

    def step(self, step: int, result: Result, rate: float, batches: Sequence[Batch], tokens: int, stall: float) -> None:
        """Record optimizer step `step` (1-based), which trained on `tokens` over all ranks.

        `batches`: rank 0's micro-batches. `stall`: seconds that the loop waited for them.
        """
        now = time.monotonic()
        seconds, self.clock = now - self.clock, now
        self.tokens += tokens
        self.skipped += not result.applied
        line = {
            "step": step, "loss": result.loss, "lr": rate, "grad_norm": result.grad_norm, "tokens": self.tokens,
            "step_seconds": round(seconds, 4), "tokens_per_second": round(tokens / seconds, 1),
            "skipped": self.skipped, "applied": result.applied, "losses": dict(result.losses),
            "seconds": self._parts(seconds, result, stall), "padding": round(padding(batches), 4),
            "mfu": round(self.scale.flops_per_token * tokens / seconds / self.scale.peak_flops, 4),
            "memory_mib": round(memory_mib(), 1), **self._energy(),
        }  # fmt: skip
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json_line(line))
        for name, value in flat(line).items():
            self.writer.add_scalar(f"train/{name}", value, step)
        self.pace = seconds / tokens if self.pace is None else 0.9 * self.pace + 0.1 * seconds / tokens
        if step % QUIET_STEPS == 0 or step in (1, self.scale.steps) or now - self.said > QUIET_SECONDS:
            self.said = now
            say(self._progress(line))

    def _parts(self, seconds: float, result: Result, stall: float) -> dict[str, float]:
        known = {**result.seconds, "data": stall, "checkpoint": self.checkpoint_seconds}
        self.checkpoint_seconds = 0.0
        parts = {name: round(known.get(name, 0.0), 4) for name in PARTS}
        return {**parts, "other": round(max(0.0, seconds - sum(parts.values())), 4)}

    def _energy(self) -> dict[str, Any]:
        joules = self.counter.joules()
        return {
            "joules": round(joules, 1), "energy_method": self.counter.method,
            "kwh_per_million_tokens": round(kwh_per_million_tokens(joules, self.tokens), 6),
            "co2_grams": round(self.energy.co2_grams(joules), 3),
        }  # fmt: skip

    def _progress(self, line: dict[str, Any]) -> str:
        left = (self.scale.tokens - self.tokens) * (self.pace or 0.0)
        losses = line["losses"] if len(line["losses"]) > 1 else {}
        each = "".join(f"  {name} {value:.3f}" for name, value in losses.items())
        skipped = f"  {self.skipped} steps skipped" if self.skipped else ""
        return (
            f"step {line['step']}/{self.scale.steps}  loss {line['loss']:.4f}{each}  "
            f"{line['tokens_per_second']:,.0f} tokens/s  MFU {100 * line['mfu']:.0f} %{skipped}  "
            f"about {duration(left)} left"
        )

    def close(self) -> None:
        """Flush what is buffered and write all steps as history.parquet."""
        self.writer.close()
        write_history(read_metrics(self.path), self.folder / "history.parquet")


def flat(line: Mapping[str, Any]) -> dict[str, float]:
    """The figures of a line by name, those of its groups as group/name: what TensorBoard and the history show."""
    found: dict[str, float] = {}
    for name, value in line.items():
        if isinstance(value, Mapping):
            found |= {f"{name}/{key}": each for key, each in value.items()}
        elif isinstance(value, int | float) and name != "step":
            found[name] = value
    return found


def write_history(lines: list[dict[str, Any]], path: Path) -> None:
    """One row per step, one float64 column per figure; a figure that a step lacks is null there."""
    rows = [{"step": line["step"], **{k: float(v) for k, v in flat(line).items()}} for line in lines]
    names = list(dict.fromkeys(name for row in rows for name in row))
    temporary = path.with_suffix(".tmp")
    pq.write_table(pa.table({name: [row.get(name) for row in rows] for name in names}), temporary)
    temporary.replace(path)


def padding(batches: Sequence[Batch]) -> float:
    """Share of the places in `batches` that hold no token."""
    empty = sum(int((batch.segments == 0).sum()) for batch in batches)
    return empty / max(1, sum(batch.tokens.numel() for batch in batches))


def memory_mib() -> float:
    """The most memory that this process has held: of its GPU where it has one, else its resident set."""
    if torch.cuda.is_available():
        return float(torch.cuda.max_memory_allocated()) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def duration(seconds: float) -> str:
    """For people: "42 s", "7 min", "3 h 05 min"."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60:02d} min"


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The lines of a metrics file; a line cut off by a kill is dropped."""
    lines = []
    for text in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        try:
            lines.append(json.loads(text))
        except json.JSONDecodeError:
            continue
    return lines
