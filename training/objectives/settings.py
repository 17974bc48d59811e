"""What every objective of a mixture is configured with."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from pydantic import Field, field_validator

from gristmill.settings import Settings


class ObjectiveSettings(Settings):
    """`weight` of its sequences in the mixture: a number, or {step: weight} with straight lines between the steps.

    `loss_scale` multiplies its loss. `label` names it in logs and metrics where two entries have one name.
    """

    weight: float | dict[int, float] = 1.0
    loss_scale: float = Field(default=1.0, gt=0)
    label: str = Field(default="", pattern=r"^[a-z0-9_-]*$")

    needs_specials: ClassVar[bool] = False
    """whether its rows hold tokens behind the tokenizer's vocabulary"""

    @field_validator("weight")
    @classmethod
    def _weights(cls, value: float | dict[int, float]) -> float | dict[int, float]:
        weights = value if isinstance(value, dict) else {0: value}
        if not weights or min(weights) < 0 or min(weights.values()) < 0 or not np.isfinite([*weights.values()]).all():
            raise ValueError("a weight is a number from 0, or a mapping of steps from 0 to such numbers")
        return value

    def weight_at(self, step: int) -> float:
        """The weight at a step: constant before the first step of a schedule and after its last."""
        if not isinstance(self.weight, dict):
            return self.weight
        steps = sorted(self.weight)
        return float(np.interp(step, steps, [self.weight[s] for s in steps]))

    @property
    def title(self) -> str:
        """Its name in logs and metrics."""
        return self.label or self.default_title

    @property
    def default_title(self) -> str:
        """The name where no label is given."""
        name: Any = getattr(self, "name")  # noqa: B009 (a literal field of each objective)
        return str(name)
