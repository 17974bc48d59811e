"""What an optimizer step comes to, and how the ranks' shares become it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn

from training.admission import Admission
from training.batch import Batch
from training.losses import Learner
from training.stopwatch import Stopwatch

MakeOptimizer = Callable[[nn.Module], torch.optim.Optimizer]
"""Makes the optimizer over the part of the learner that this rank holds, under the whole learner's names."""


@dataclass(frozen=True)
class StepResult:
    """The same on every rank, but for `seconds`.

    `losses`: nats per unit of each objective that had units. `asked`: whether any rank's caller did.
    """

    loss: float
    losses: dict[str, float]
    units: dict[str, int]
    grad_norm: float
    applied: bool
    asked: bool
    seconds: dict[str, float]


class Report:
    """Loss, the caller's question and the objectives' sums of one step, as one float64 vector."""

    def __init__(self, learner: Learner, device: torch.device, asked: bool) -> None:
        self.names = [objective.title for objective in learner.objectives]
        self.values = torch.zeros(2 + 2 * len(self.names), dtype=torch.float64, device=device)
        self.values[1] = float(asked)

    def add(self, loss: Tensor, sums: Tensor) -> None:
        """Count a micro-batch's share of the loss, and its (objectives, 2) nats and units."""
        self.values[0] += loss.detach()
        self.values[2:] += sums.detach().flatten()

    def result(self, total: Tensor, admission: Admission, watch: Stopwatch) -> StepResult:
        """`total`: the sum of all ranks' values."""
        loss, asked, *sums = total.tolist()
        nats, units = dict(zip(self.names, sums[::2], strict=True)), dict(zip(self.names, sums[1::2], strict=True))
        return StepResult(
            loss=loss,
            losses={name: nats[name] / units[name] for name in self.names if units[name]},
            units={name: round(count) for name, count in units.items()},
            grad_norm=admission.norm,
            applied=admission.applied,
            asked=asked > 0,
            seconds=watch.seconds(),
        )


def counted(learner: Learner, batches: Sequence[Batch], shards: int, device: torch.device) -> Tensor:
    """The step's denominators, counted over all copies; the `shards` of one copy count the same."""
    counts = learner.counts(batches).to(device)
    dist.all_reduce(counts)
    return learner.denominators(counts / shards)


def always(loss: float, norm: float) -> bool:
    """Admit every step."""
    return True
