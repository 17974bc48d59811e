"""PyTorch's DistributedDataParallel behind the same interface: what the other engines are compared with."""

from __future__ import annotations

from collections.abc import Sequence

import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from training.admission import Admission, Admit
from training.batch import Batch
from training.losses import Learner
from training.optimizer import set_rate
from training.result import MakeOptimizer, Report, StepResult, always, counted
from training.stopwatch import Stopwatch


class PlainEngine:
    """See training.engine.Engine; it has no checkpoints. Gradients are reduced while backward runs, in buckets;
    waiting for the last of them counts as backward."""

    def __init__(self, learner: Learner, make_optimizer: MakeOptimizer, clip_norm: float, bucket: int) -> None:
        self.learner, self.optimizer, self.clip_norm = learner, make_optimizer(learner), clip_norm
        self.device = next(learner.parameters()).device
        self.parallel = DistributedDataParallel(learner, bucket_cap_mb=bucket * 4 / 2**20)
        self.norm = 0.0
        self.admission = Admission(self.optimizer, lambda: self.norm)

    def step(self, batches: Sequence[Batch], rate: float, admit: Admit = always, asked: bool = False) -> StepResult:
        """See training.engine.Engine."""
        watch = Stopwatch(self.device)
        set_rate(self.optimizer, rate)
        denominators = counted(self.learner, batches, 1, self.device)
        report = Report(self.learner, self.device, asked)
        for number, batch in enumerate(batches):
            self.parallel.require_backward_grad_sync = number == len(batches) - 1
            with watch.phase("forward"):
                loss, sums = self.parallel(batch.to(self.device), denominators)
            with watch.phase("backward"):
                (loss * dist.get_world_size()).backward()
            report.add(loss, sums)
        with watch.phase("optimizer"):
            self.norm = float(nn.utils.clip_grad_norm_(self.parallel.parameters(), self.clip_norm))
            self.admission.open(report.values, admit)
            self.optimizer.step()
            total = self.admission.close()
            self.optimizer.zero_grad()
        return report.result(total, self.admission, watch)

    def weights(self) -> dict[str, Tensor]:
        """See training.engine.Engine."""
        return {name: value.detach().float().cpu().clone() for name, value in self.learner.named_parameters()}
