"""Two ranks train under every engine; rank 0 prints what they saw as JSON."""

from __future__ import annotations

import json
import logging
import os
import sys
from typing import Any

os.environ |= {"DS_ACCELERATOR": "cpu", "TORCHDYNAMO_DISABLE": "1", "GLOO_SOCKET_IFNAME": "lo"}

import torch
import torch.distributed as dist
from torch import Tensor, nn

from gristmill.errors import UserError
from training.batch import Batch, plain_batch
from training.communication import start_processes
from training.config import ModelConfig
from training.engine import Engine, build_engine
from training.groups import OptimizerConfig
from training.losses import Learner
from training.model import Transformer
from training.objectives.causal import CausalConfig
from training.optimizer import build_optimizer
from training.parallel import ParallelConfig
from training.plain import PlainEngine

MODEL = ModelConfig(layers=2, width=16, heads=2, kv_heads=1, hidden=24)
OPTIMIZER = OptimizerConfig(learning_rate=0.01)
WAYS: dict[str, dict[str, Any]] = {
    "zero 0": {"zero_stage": 0},
    "zero 1": {"zero_stage": 1},
    "zero 2": {"zero_stage": 2, "bucket": 1024},
    "zero 3": {"zero_stage": 3, "bucket": 1024},
    "overlap": {"zero_stage": 2, "overlap": True, "bucket": 1024},
    "recomputed": {"zero_stage": 3, "activation_checkpointing": True},
    "optimizer on cpu": {"zero_stage": 1, "offload": {"optimizer": "cpu"}},
    "all on cpu": {"zero_stage": 3, "offload": {"optimizer": "cpu", "parameters": "cpu"}},
    "int8": {"zero_stage": 0, "compression": "int8"},
    "sign": {"zero_stage": 0, "compression": "sign"},
    # Last: DeepSpeed keeps a pipeline's process groups for every engine after it.
    "pipeline": {"pipeline": 2},
    "pipeline, recomputed": {"pipeline": 2, "activation_checkpointing": True},
}


class Poisoned(Learner):
    """Its loss is no number when told so."""

    poison = False

    def forward(self, batch: Batch, denominators: Tensor) -> tuple[Tensor, Tensor]:
        loss, sums = super().forward(batch, denominators)
        return loss * (torch.nan if self.poison else 1.0), sums


def optimizer(part: nn.Module) -> torch.optim.Optimizer:
    return build_optimizer(part.named_parameters(), OPTIMIZER, MODEL.width)


def made(how: dict[str, Any]) -> tuple[Poisoned, Engine]:
    learner = Poisoned(Transformer(MODEL, 11, 0), [CausalConfig()])
    if not how:
        return learner, PlainEngine(learner, optimizer, OPTIMIZER.clip_norm, 1024)
    config = ParallelConfig.model_validate({"micro_batch": 2, **how})
    return learner, build_engine(learner, optimizer, config, 8, OPTIMIZER.clip_norm)


def batches(step: int, copies: int) -> list[Batch]:
    """This rank's micro-batches of 2 of the step's 8 rows: counting in strides of 1 to 3, modulo 11."""
    draw = torch.Generator().manual_seed(step)
    start, stride = torch.randint(0, 11, (8, 1), generator=draw), torch.randint(1, 4, (8, 1), generator=draw)
    rows = (start + stride * torch.arange(9)) % 11
    mine = rows if copies == 1 else rows[dist.get_rank() :: 2]
    return [plain_batch(part[:, :-1], part[:, 1:]) for part in torch.split(mine, 2)]


def watch(how: dict[str, Any]) -> dict[str, Any]:
    """Three steps, a refused one, one whose loss is no number, and a last one."""
    learner, engine = made(how)
    copies = 1 if how.get("pipeline") else 2
    results = [engine.step(batches(step, copies), 0.01, asked=step == dist.get_rank() == 1) for step in range(3)]
    before = engine.weights()
    refused = engine.step(batches(3, copies), 0.01, lambda loss, norm: False)
    unmoved = same(before, engine.weights())
    poisoned = None
    if copies == 2:
        learner.poison = True
        poisoned = engine.step(batches(4, copies), 0.01).applied or not same(before, engine.weights())
        learner.poison = False
    last = engine.step(batches(3, copies), 0.01)
    return {
        "losses": [r.loss for r in results], "norms": [r.grad_norm for r in results],
        "units": results[0].units, "per_objective": results[0].losses, "asked": [r.asked for r in results],
        "refused": refused.applied, "unmoved": unmoved, "poisoned": poisoned,
        "again": [refused.loss, last.loss], "moved": not same(before, engine.weights()),
    }  # fmt: skip


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return all(torch.equal(value, other[name]) for name, value in one.items())


def masked_rows() -> str:
    """What the pipeline says to rows whose documents must not see each other."""
    _, engine = made({"pipeline": 2})
    found = batches(0, 1)
    found[1].segments[:, 4:] = 2
    try:
        engine.step(found, 0.01)
    except UserError as error:
        return str(error)
    return ""


def resumed(how: dict[str, Any], folder: str) -> list[float]:
    """The loss of the step after a checkpoint, of the engine that wrote it and of a new one that loaded it."""
    engine = made(how)[1]
    engine.step(batches(0, 1), 0.01)
    engine.deepspeed.save_checkpoint(folder, tag="one", save_latest=False)  # type: ignore[attr-defined]
    went_on = engine.step(batches(1, 1), 0.01).loss
    again = made(how)[1]
    again.deepspeed.load_checkpoint(folder, tag="one")  # type: ignore[attr-defined]
    return [went_on, again.step(batches(1, 1), 0.01).loss]


def main() -> None:
    """All ways in one pair of processes."""
    torch.set_num_threads(1)
    logging.disable(logging.WARNING)
    start_processes()
    found: dict[str, Any] = {"plain": watch({})} | {name: watch(how) for name, how in WAYS.items()}
    found["masked"] = masked_rows()
    found["resumed"] = resumed({"pipeline": 2}, sys.argv[1])
    if dist.get_rank() == 0:
        print(json.dumps(found), flush=True)
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
