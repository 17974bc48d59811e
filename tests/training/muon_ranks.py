"""Two ranks train a tiny model with Muon in every ZeRO stage; rank 0 prints the losses as JSON."""

from __future__ import annotations

import json
import logging
import os

os.environ |= {"DS_ACCELERATOR": "cpu", "TORCHDYNAMO_DISABLE": "1", "GLOO_SOCKET_IFNAME": "lo"}

import torch
import torch.distributed as dist
from torch import nn

from training.batch import plain_batch
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
OPTIMIZER = OptimizerConfig(kind="muon", learning_rate=0.01)
STEPS = 8


def rows(step: int) -> torch.Tensor:
    """(4, 9): counting in steps of 1 to 3 from a random start, which a few steps begin to learn."""
    draw = torch.Generator().manual_seed(step)
    start, stride = torch.randint(0, 11, (4, 1), generator=draw), torch.randint(1, 4, (4, 1), generator=draw)
    return (start + stride * torch.arange(9)) % 11


def losses(engine: Engine) -> list[float]:
    """Each rank trains on half of the batch."""
    found = []
    for step in range(STEPS):
        mine = rows(step)[2 * dist.get_rank() :][:2]
        found.append(engine.step([plain_batch(mine[:, :-1], mine[:, 1:])], 0.01).loss)
    return found


def engine(stage: int | None) -> Engine:
    """The engine of a ZeRO stage, or plain PyTorch, from the same weights."""
    learner = Learner(Transformer(MODEL, 11, 0), [CausalConfig()])

    def optimizer(module: nn.Module) -> torch.optim.Optimizer:
        return build_optimizer(module.named_parameters(), OPTIMIZER, MODEL.width, stage or 0)

    if stage is None:
        return PlainEngine(learner, optimizer, OPTIMIZER.clip_norm, 1024)
    return build_engine(learner, optimizer, ParallelConfig(zero_stage=stage, micro_batch=2), 4, OPTIMIZER.clip_norm)


def main() -> None:
    """All stages in one pair of processes."""
    torch.set_num_threads(1)
    logging.disable(logging.WARNING)
    start_processes()
    found = {"plain" if stage is None else str(stage): losses(engine(stage)) for stage in (None, 0, 1, 2, 3)}
    if dist.get_rank() == 0:
        print(json.dumps(found), flush=True)
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
