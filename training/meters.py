"""What a run measures of itself: one JSON line per step, TensorBoard, and a line of progress."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from torch.utils.tensorboard import SummaryWriter

from gristmill.process import say


class Meters:
    """Writes from rank 0. A resumed run cuts the steps after its checkpoint, so each step has one line."""

    def __init__(self, folder: Path, resumed_at: int, steps: int, tokens_per_step: int) -> None:
        self.path = folder / "metrics.jsonl"
        self.steps, self.tokens_per_step = steps, tokens_per_step
        kept = [line for line in read_metrics(self.path) if line["step"] <= resumed_at]
        temporary = self.path.with_suffix(".tmp")
        temporary.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")
        temporary.replace(self.path)
        self.writer = SummaryWriter(str(folder / "tensorboard"), purge_step=resumed_at + 1, flush_secs=10)
        self.clock = time.monotonic()

    def step(self, step: int, loss: float, rate: float, grad_norm: float, skipped: int) -> None:
        """Record optimizer step `step` (1-based): loss in nats per token, seconds, tokens per second."""
        now = time.monotonic()
        seconds, self.clock = now - self.clock, now
        speed = self.tokens_per_step / seconds
        line = {
            "step": step, "loss": loss, "lr": rate, "grad_norm": grad_norm, "tokens": step * self.tokens_per_step,
            "step_seconds": round(seconds, 4), "tokens_per_second": round(speed, 1), "skipped": skipped,
        }  # fmt: skip
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        for name in ("loss", "lr", "grad_norm", "tokens_per_second"):
            self.writer.add_scalar(f"train/{name}", line[name], step)
        if step % 10 == 0 or step in (1, self.steps):
            left = (self.steps - step) * seconds
            say(f"step {step}/{self.steps}  loss {loss:.4f}  {speed:,.0f} tokens/s  about {left:.0f} s left")

    def close(self) -> None:
        """Flush what is buffered."""
        self.writer.close()


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The lines of a metrics file; a line cut off by a kill is dropped."""
    lines = []
    for text in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        try:
            lines.append(json.loads(text))
        except json.JSONDecodeError:
            continue
    return lines
