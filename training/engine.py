"""One optimizer step over all ranks, however the model is spread: DeepSpeed's ZeRO and AutoTP, a pipeline, plain DDP.

A learner's loss of a micro-batch is its share of the step's loss, over denominators that are counted over the whole
step. So shares add up, over micro-batches and ranks alike, and any split of a step gives the same gradient.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import deepspeed
import torch
from deepspeed.runtime.utils import clip_grad_norm_
from torch import Tensor

from training.admission import Admission, Admit
from training.batch import Batch
from training.compression import Compressor
from training.losses import Learner
from training.optimizer import set_rate
from training.parallel import ParallelConfig, deepspeed_json
from training.pipeline import PipelineEngine
from training.result import MakeOptimizer, Report, StepResult, always, counted
from training.shards import cut_heads, whole
from training.stopwatch import Stopwatch


class Engine(Protocol):
    """What trains. Its methods are collective."""

    device: torch.device

    def step(self, batches: Sequence[Batch], rate: float, admit: Admit = ..., asked: bool = False) -> StepResult:
        """Train one step on this rank's micro-batches at a learning rate, if `admit` allows it.

        A step whose loss or gradient norm is no number is never applied.
        """
        ...

    def weights(self) -> dict[str, Tensor]:
        """All parameters whole, fp32, on the CPU, by the learner's names."""
        ...


def build_engine(
    learner: Learner, make_optimizer: MakeOptimizer, config: ParallelConfig, global_batch: int, clip_norm: float
) -> ZeroEngine | PipelineEngine:
    """The engine of a config; its `deepspeed` is what checkpoints are made of. The learner then holds this rank's
    part alone."""
    settings = deepspeed_json(config, global_batch, clip_norm)
    if config.pipeline > 1:
        return PipelineEngine(learner, make_optimizer, config, settings)
    learner.trunk.recompute = config.activation_checkpointing
    return ZeroEngine(learner, make_optimizer(learner), config, settings)


class ZeroEngine:
    """ZeRO 0-3 with offload, and AutoTP."""

    def __init__(
        self, learner: Learner, optimizer: torch.optim.Optimizer, config: ParallelConfig, settings: dict[str, Any]
    ) -> None:
        self.learner, self.config, self.optimizer = learner, config, optimizer
        set_rate(optimizer, 0.0)
        self.deepspeed, *_ = deepspeed.initialize(model=learner, optimizer=optimizer, config=settings)
        if config.zero_stage == 0:
            # In half precision DeepSpeed makes the states by a step without gradients, which Adam would count.
            optimizer.state.clear()
        self.device = self.deepspeed.device
        self.compressor: Compressor | None = None
        if config.compression != "none":
            self.deepspeed.enable_backward_allreduce = False
            self.compressor = Compressor(learner.parameters(), config.compression)
            self.deepspeed.compressor = self.compressor
        if config.tensor > 1:
            cut_heads(self.deepspeed, learner, config.tensor)
        if not hasattr(self.deepspeed.optimizer, "_global_grad_norm"):  # ZeRO 0 in fp32, which hides its norm
            self.deepspeed.clip_fp32_gradients = self._clip
        self.admission = Admission(optimizer, self._norm)

    def step(self, batches: Sequence[Batch], rate: float, admit: Admit = always, asked: bool = False) -> StepResult:
        """See Engine."""
        watch = Stopwatch(self.device)
        set_rate(self.optimizer, rate)
        with watch.phase("forward"):
            denominators = counted(self.learner, batches, self.config.tensor, self.device)
        report = Report(self.learner, self.device, asked)
        for number, batch in enumerate(batches):
            self.deepspeed.set_gradient_accumulation_boundary(number == len(batches) - 1)
            with watch.phase("forward"):
                loss, sums = self.deepspeed(batch.to(self.device), denominators)
            with watch.phase("backward"):
                # DeepSpeed averages over the copies of the model; shares are summed.
                self.deepspeed.backward(loss * self.config.data_ranks, scale_wrt_gas=False)
            report.add(loss, sums)
        with watch.phase("optimizer"):
            if self.compressor:
                self.compressor.reduce()
            self.admission.open(report.values / self.config.tensor, admit)
            self.deepspeed.step()
            total = self.admission.close()
            if self.compressor:
                self.compressor.settle(self.admission.applied)
        return report.result(total, self.admission, watch)

    def weights(self) -> dict[str, Tensor]:
        """See Engine."""
        found = {}
        for name, parameter in self.deepspeed.module.named_parameters():
            with deepspeed.zero.GatheredParameters([parameter], enabled=hasattr(parameter, "ds_id")):
                part = parameter.detach().float().clone()
            found[name] = (whole(name, part) if self.config.tensor > 1 else part).cpu()
        return found

    def _norm(self) -> float:
        return float(getattr(self.deepspeed.optimizer, "_global_grad_norm", self.deepspeed._global_grad_norm))

    def _clip(self) -> None:
        engine = self.deepspeed
        limit = engine.gradient_clipping()
        engine._global_grad_norm = float(clip_grad_norm_(engine.module.parameters(), limit, mpu=engine.mpu))
