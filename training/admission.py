"""The last look at a step: after the gradient norm is known, before the optimizer writes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

Admit = Callable[[float, float], bool]
"""(loss, gradient norm) -> whether to apply the step; the same answer on every rank"""


class Admission:
    """Stands in for an optimizer's `step`, which DeepSpeed calls once per shard, and lets it write or not.

    DeepSpeed has reduced and measured the gradients by then. The ranks agree on loss and norm in one all-reduce, the
    only one that a step needs for its reports, so that all of them decide alike.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, norm: Callable[[], float]) -> None:
        self._write: Callable[..., Any] = optimizer.step
        self._norm = norm
        optimizer.step = self._step  # type: ignore[method-assign]

    def open(self, report: Tensor, admit: Admit) -> None:
        """A new step. `report`: float64, this rank's shares, summed over ranks; its first entry is the loss."""
        self._report, self._admit = report, admit
        self.applied = False
        self.norm = math.nan
        self._asked = False

    def close(self) -> Tensor:
        """The ranks' summed report; where DeepSpeed found gradients that are no numbers, it never asked."""
        if not self._asked:
            self._agree()
        return self._report

    def _step(self, *args: Any, **kwargs: Any) -> Any:
        if not self._asked:
            self._agree()
            loss = float(self._report[0])
            self.applied = math.isfinite(loss) and math.isfinite(self.norm) and self._admit(loss, self.norm)
        return self._write(*args, **kwargs) if self.applied else None

    def _agree(self) -> None:
        self._asked = True
        norm = self._norm() if dist.get_rank() == 0 else 0.0
        self._report = torch.cat((self._report, self._report.new_tensor([norm])))
        dist.all_reduce(self._report)
        self._report, self.norm = self._report[:-1], float(self._report[-1])
