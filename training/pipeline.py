"""Pipeline parallel: the trunk's layers in stages, through which micro-batches follow each other (1F1B).

DeepSpeed's PipelineModule schedules and transfers. Between two stages one tensor travels, the hidden states, so rows
need no mask: only causal rows whose documents see each other can be trained so.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import deepspeed
import torch
import torch.distributed as dist
import torch.nn.functional as F
from deepspeed.pipe import PipelineModule, TiedLayerSpec
from deepspeed.runtime.pipe.module import LayerSpec
from torch import Tensor, nn

from gristmill.errors import UserError
from training.admission import Admission, Admit
from training.batch import Batch
from training.config import ModelConfig
from training.losses import Learner
from training.model import rope_tables
from training.objectives.base import IGNORED
from training.optimizer import set_rate
from training.parallel import ParallelConfig
from training.result import MakeOptimizer, Report, StepResult, always, counted
from training.stopwatch import Stopwatch


class PipelineEngine:
    """See training.engine.Engine. Every stage is given all micro-batches of its copy; the first and the last read."""

    def __init__(
        self, learner: Learner, make_optimizer: MakeOptimizer, config: ParallelConfig, settings: dict[str, Any]
    ) -> None:
        self.learner, self.config = learner, config
        self.names = [name for name, _ in learner.named_parameters()]
        module = PipelineModule(
            layers=_layers(learner), num_stages=config.pipeline, loss_fn=self._loss, partition_method="type:placed",
            activation_checkpoint_interval=1 if config.activation_checkpointing else 0,
            checkpointable_layers=["PlacedBlock"],
        )  # fmt: skip
        _prune(learner, module)
        self.optimizer = make_optimizer(learner)
        set_rate(self.optimizer, 0.0)
        self.deepspeed, *_ = deepspeed.initialize(model=module, optimizer=self.optimizer, config=settings)
        self.device = self.deepspeed.device
        if not hasattr(self.deepspeed.optimizer, "_global_grad_norm"):
            self.deepspeed.clip_fp32_gradients = self._clip
        self.admission = Admission(self.optimizer, self._norm)

    def step(self, batches: Sequence[Batch], rate: float, admit: Admit = always, asked: bool = False) -> StepResult:
        """See training.engine.Engine. Raises UserError for rows that need a mask."""
        _refuse_masks(batches)
        watch = Stopwatch(self.device)
        set_rate(self.optimizer, rate)
        engine = self.deepspeed
        if len(batches) != engine.micro_batches:
            engine.set_train_batch_size(len(batches) * self.config.micro_batch * self.config.data_ranks)
        with watch.phase("forward"):
            self.denominators = counted(self.learner, batches, self.config.pipeline, self.device)
        self.report = Report(self.learner, self.device, asked)
        self.admission.open(self.report.values, admit)
        with watch.phase("pipeline"):
            engine.train_batch(iter([(batch.tokens, batch.targets) for batch in batches]))
        total = self.admission.close()
        return self.report.result(total, self.admission, watch)

    def weights(self) -> dict[str, Tensor]:
        """See training.engine.Engine."""
        mine = {name: p.detach().float().cpu() for name, p in self.learner.named_parameters()}
        parts: list[dict[str, Tensor]] = [{} for _ in range(dist.get_world_size())]
        dist.all_gather_object(parts, mine if self.config.data_rank(dist.get_rank()) == 0 else {})
        whole = {name: value for part in reversed(parts) for name, value in part.items()}
        return {name: whole[name] for name in self.names}

    def _loss(self, hidden: Tensor, targets: Tensor) -> Tensor:
        """The micro-batch's share of the step's loss, as training.losses.Learner has it for one causal objective."""
        logits = self.learner.trunk.logits(hidden.flatten(0, 1)).float()
        nats = F.cross_entropy(logits, targets.flatten(), reduction="sum", ignore_index=IGNORED)
        kept = targets.flatten() != IGNORED
        penalty = self.learner.z_loss * (logits.logsumexp(1).square() * kept).sum() if self.learner.z_loss else 0.0
        loss = (nats + penalty) / self.denominators[0]
        self.report.add(loss, torch.stack([nats, kept.sum().to(nats)])[None])
        # DeepSpeed averages over copies and micro-batches; shares are summed.
        copies: int = self.config.data_ranks * self.deepspeed.micro_batches
        return loss * copies

    def _norm(self) -> float:
        holder = self.deepspeed.optimizer
        return float(getattr(holder, "_global_grad_norm", self.deepspeed._global_grad_norm))

    def _clip(self) -> None:
        """The norm over all stages; the tied embedding's gradient is the same on both that hold it, and counts once."""
        engine = self.deepspeed
        own = [p for p in engine.module.parameters() if p.grad is not None]
        square = sum((p.grad.double().square().sum() for p in own if not p.ds_pipe_replicated), start=_zero(own[0]))
        dist.all_reduce(square, group=engine.grid.get_pipe_parallel_group())
        norm = square.sqrt()
        engine._global_grad_norm = float(norm)
        factor = (engine.gradient_clipping() / (norm + 1e-6)).clamp(max=1.0)
        for parameter in own:
            parameter.grad.mul_(factor.to(parameter.grad.dtype))


class PlacedBlock(nn.Module):
    """A block that makes its rotary tables itself: every row is one segment from position 0."""

    def __init__(self, block: nn.Module, config: ModelConfig) -> None:
        super().__init__()
        self.block, self.config = block, config

    def forward(self, x: Tensor) -> Tensor:
        """x: (rows, time, width) -> the same shape."""
        places = torch.arange(x.shape[1], device=x.device)[None]
        rows = cast(Batch, SimpleNamespace(tokens=x, positions=places, plain=True))
        return self.block(x, *rope_tables(rows, self.config, x.dtype), None)  # type: ignore[no-any-return]


class _Reader(nn.Module):
    """The embedding where the last stage reads hidden states out: the loss does it, through `trunk.logits`."""

    def __init__(self, embed: nn.Embedding) -> None:
        super().__init__()
        self.weight = embed.weight

    def forward(self, hidden: Tensor) -> Tensor:
        """The hidden states."""
        return hidden


class _Tied(TiedLayerSpec):  # type: ignore[misc]
    """A layer that is made already; the first and the last stage's have one weight, whose two gradients DeepSpeed
    adds up. Each is a module, or DeepSpeed would leave it out of checkpoints."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__("embed", nn.Module)
        self.module = module

    def build(self, log: bool = False) -> nn.Module:
        return self.module


def _layers(learner: Learner) -> list[nn.Module | LayerSpec]:
    trunk = learner.trunk
    placed = [PlacedBlock(block, trunk.config) for block in trunk.blocks]
    return [_Tied(trunk.embed), *placed, trunk.norm, _Tied(_Reader(trunk.embed))]


def _prune(learner: Learner, module: Any) -> None:
    """Let go of the other stages' layers; the learner then names this stage's parameters as the whole model does."""
    trunk, start, stop = learner.trunk, module._local_start, module._local_stop
    layers = len(trunk.blocks)
    for number in range(layers):
        if not start <= number + 1 < stop:
            trunk.blocks[number] = nn.Identity()
    if not start <= layers + 1 < stop:
        trunk.norm = nn.Identity()  # type: ignore[assignment]
    if not module.tied_modules:
        trunk.embed = nn.Identity()  # type: ignore[assignment]
    module._layer_specs[:] = [None] * len(module._layer_specs)


def _refuse_masks(batches: Sequence[Batch]) -> None:
    if any(batch.visible.any() or (batch.segments > 1).any() for batch in batches):
        raise UserError("pipeline stages take causal rows with joined documents alone; set parallel.pipeline to 1")


def _zero(like: Tensor) -> Tensor:
    return torch.zeros((), dtype=torch.float64, device=like.device)
