"""Guards: what to do with a step whose loss or gradient is no number, or whose loss leaps.

No torch here. Every rank asks with the same numbers, all-reduced before, and gets the same answer.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from pydantic import Field, model_validator

from gristmill.settings import Settings

Action = Literal["apply", "skip", "rollback", "stop"]

NORMAL = 1.4826
"""Median absolute deviation -> standard deviation for a normal distribution (Rousseeuw and Croux 1993)."""

FLOOR = 0.01
"""Least scale of a loss relative to its median: on a flat stretch the deviation says nothing."""

EMA_DECAY = 0.98
"""Of the smoothed loss: about the last 50 steps."""

CURE = (
    "change the `guard` group (rollback, another threshold or tolerance) to go on from the last checkpoint; with "
    "another learning_rate or clip_norm it is a new run, from step 0"
)


class GuardConfig(Settings):
    """What happens at a bad step: its update is skipped, the run goes back to the last good checkpoint and passes
    over the data since (Chowdhery et al. 2022, section 5.1), or it stops.

    A loss spikes when it lies more than `threshold` robust standard deviations above the median of the last
    `window` good losses; none is judged before `warmup` of them. More than `tolerance` bad steps among the last
    `window` end the run, and so does a rollback after `max_rollbacks`.
    """

    not_finite: Literal["skip", "rollback", "stop"] = "skip"
    spike: Literal["ignore", "skip", "rollback", "stop"] = "skip"
    threshold: float = Field(default=10.0, gt=0)
    window: int = Field(default=128, ge=8)
    warmup: int = Field(default=32, ge=8)
    tolerance: int = Field(default=3, ge=0)
    max_rollbacks: int = Field(default=3, ge=0)

    @model_validator(mode="after")
    def _reachable(self) -> GuardConfig:
        if self.warmup > self.window:
            raise ValueError(f"warmup {self.warmup} is never reached in a window of {self.window}")
        return self

    @property
    def rolls_back(self) -> bool:
        """Whether a run needs a checkpoint from its very start."""
        return "rollback" in (self.not_finite, self.spike)


@dataclass(frozen=True)
class Decision:
    """`score` is the loss in robust standard deviations above the median; None where it was not judged. A `routine`
    skip belongs to loss scaling."""

    action: Action
    reason: str = ""
    score: float | None = None
    routine: bool = False

    def __bool__(self) -> bool:
        """Whether the update is to be applied."""
        return self.action == "apply"


class Guard:
    """Judges each step before its update (`admit`) and remembers it afterwards (`settle`).

    `rollbacks`: how many the run has had. `scaled`: gradients overflow now and then by design (fp16 with loss
    scaling); such a step is reported, but not counted as bad.
    """

    def __init__(self, config: GuardConfig, rollbacks: int = 0, scaled: bool = False) -> None:
        self.config, self.rollbacks, self.scaled = config, rollbacks, scaled
        self.losses: deque[float] = deque(maxlen=config.window)
        self.bad: deque[int] = deque(maxlen=config.tolerance + 1)
        self.steps = 0
        self.ema: float | None = None

    def admit(self, loss: float, grad_norm: float) -> Decision:
        """What to do with a step of this loss (nats) and gradient norm. Changes nothing."""
        if not math.isfinite(loss):
            return self._bad(self.config.not_finite, f"the loss is {loss}", None)
        if not math.isfinite(grad_norm):
            if self.scaled:
                return Decision("skip", "the scaled gradients overflowed; the loss scale was lowered", routine=True)
            return self._bad(self.config.not_finite, f"the gradient norm is {grad_norm}", None)
        score = self.score(loss)
        if self.config.spike != "ignore" and score is not None and score > self.config.threshold:
            reason = f"the loss {loss:.4g} lies {score:.1f} robust standard deviations above its median"
            return self._bad(self.config.spike, reason, score)
        return Decision("apply", score=score)

    def settle(self, loss: float, grad_norm: float, applied: bool) -> Decision:
        """Remember a step that was done; the decision that holds for it.

        `applied` is what the engine did: an update that the library refused by itself counts as one with a
        gradient that is no number.
        """
        decision = self.admit(loss, grad_norm)
        if decision and not applied:
            decision = self.admit(loss, math.inf)
        self.steps += 1
        if decision:
            self.losses.append(loss)
            self.ema = loss if self.ema is None else EMA_DECAY * self.ema + (1 - EMA_DECAY) * loss
        elif not decision.routine:
            self.bad.append(self.steps)
        return decision

    def score(self, loss: float) -> float | None:
        """Robust z-score of a loss against the window; None before `warmup` losses."""
        if len(self.losses) < self.config.warmup:
            return None
        window = np.array(self.losses)
        median = float(np.median(window))
        scale = max(NORMAL * float(np.median(np.abs(window - median))), FLOOR * abs(median), 1e-12)
        return (loss - median) / scale

    def state_dict(self) -> dict[str, Any]:
        """For a checkpoint: plain JSON. Rollbacks are the route's."""
        return {"losses": list(self.losses), "bad": list(self.bad), "steps": self.steps, "ema": self.ema}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a checkpoint's state, also with another window."""
        self.losses = deque(state["losses"], maxlen=self.config.window)
        self.bad = deque(state["bad"], maxlen=self.config.tolerance + 1)
        self.steps, self.ema = state["steps"], state["ema"]

    def _bad(self, action: Action, reason: str, score: float | None) -> Decision:
        recent = [step for step in self.bad if step > self.steps + 1 - self.config.window]
        if action == "skip" and len(recent) >= self.config.tolerance:
            of = min(self.steps + 1, self.config.window)
            skipped = f"{len(recent) + 1} of {of} steps were skipped, the last because {reason}"
            return Decision("stop", f"{skipped}; {CURE}", score)
        if action == "rollback" and self.rollbacks >= self.config.max_rollbacks:
            return Decision("stop", f"after {self.rollbacks} rollbacks {reason}; {CURE}", score)
        return Decision(action, f"{reason}; {CURE}" if action == "stop" else reason, score)
