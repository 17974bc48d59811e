"""What changes with the step: learning rate and batch size. Pure functions of it, so a resume needs no state."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from gristmill.settings import Settings


class ScheduleConfig(Settings):
    """A linear warm-up, then a decay to `final_share` of the learning rate; steps are optimizer steps.

    `cosine` decays over all steps (Loshchilov and Hutter 2017), `linear` likewise in a line (Defazio et al. 2023),
    `wsd` stays at the top and decays in the last `decay_share` of the steps as 1 - sqrt (Hu et al. 2024; the shape
    from Hägele et al. 2024).
    """

    kind: Literal["cosine", "linear", "wsd"] = "cosine"
    warmup_steps: int = Field(default=20, ge=0)
    final_share: float = Field(default=0.1, ge=0, le=1)
    decay_share: float = Field(default=0.2, gt=0, le=1)

    def share(self, step: int, steps: int) -> float:
        """Share of the learning rate that step 0 .. steps - 1 uses; `final_share` from `steps` on."""
        if step < self.warmup_steps:
            return (step + 1) / self.warmup_steps
        start = self.warmup_steps
        if self.kind == "wsd":
            start = max(start, steps - math.ceil(self.decay_share * steps))
        done = min(1.0, max(0.0, (step - start) / max(1, steps - start)))
        return self.final_share + (1 - self.final_share) * self._left(done)

    def _left(self, done: float) -> float:
        """1 at the start of the decay, 0 at its end."""
        if self.kind == "cosine":
            return 0.5 * (1 + math.cos(math.pi * done))
        return 1 - done if self.kind == "linear" else 1 - math.sqrt(done)


class RampStage(Settings):
    """Steps before `before` (and after the stage before) train on `global_batch` sequences each."""

    before: int = Field(ge=1)
    global_batch: int = Field(ge=1)


Ramp = Sequence[RampStage]
"""Small batches first, where the gradient's noise is small against the gradient (McCandlish et al. 2018)."""


def check_ramp(ramp: Ramp, final: int, together: int) -> None:
    """Raises ValueError unless stages follow each other, grow up to `final`, and fill whole micro-batches.

    `together` is ranks x micro_batch: the gradient accumulates over global_batch / together micro-batches a rank.
    """
    steps, sizes = [s.before for s in ramp], [*(s.global_batch for s in ramp), final]
    if steps != sorted(set(steps)):
        raise ValueError("batch_ramp: each stage's `before` must be larger than that of the stage above it")
    if sizes != sorted(set(sizes)):
        raise ValueError(f"batch_ramp: global_batch must grow from stage to stage and end below global_batch {final}")
    for size in sizes:
        if size % together:
            raise ValueError(f"batch_ramp: global_batch {size} must be a multiple of ranks x micro_batch = {together}")


def batch_at(step: int, ramp: Ramp, final: int) -> int:
    """Sequences of step 0, 1, ..."""
    return next((stage.global_batch for stage in ramp if step < stage.before), final)


def sequences_before(step: int, ramp: Ramp, final: int) -> int:
    """Sequences of all steps before `step`: the number of the first sequence of `step`."""
    total = since = 0
    for stage in ramp:
        total += (min(step, stage.before) - since) * stage.global_batch
        since = min(step, stage.before)
    return total + (step - since) * final
