"""Two ranks train a mixture of everything; rank 0 prints each step's loss and gradient norm as JSON.

A module to import, too: the test trains the same rows in one process.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from typing import Any

os.environ |= {"DS_ACCELERATOR": "cpu", "TORCHDYNAMO_DISABLE": "1", "GLOO_SOCKET_IFNAME": "lo"}

import numpy as np
import torch
import torch.distributed as dist
from pydantic import TypeAdapter
from torch import nn

from training.batch import Batch, collate
from training.communication import start_processes
from training.config import ModelConfig
from training.engine import Engine, build_engine
from training.gather import gather_rows
from training.groups import OptimizerConfig
from training.losses import Learner
from training.model import Transformer
from training.objectives.base import Row, Specials
from training.objectives.config import ObjectiveConfig, build, embedding_size
from training.optimizer import build_optimizer
from training.parallel import ParallelConfig
from training.plain import PlainEngine

MODEL = ModelConfig(layers=2, width=16, heads=2, kv_heads=1, hidden=24)
OPTIMIZER = OptimizerConfig(learning_rate=0.01, clip_norm=0.5)
LENGTH, VOCABULARY = 40, 30
ENTRIES: list[dict[str, Any]] = [
    {"name": "causal"}, {"name": "masked"}, {"name": "contrastive"}, {"name": "tagging", "data": "-", "classes": 4},
]  # fmt: skip
# Objectives of the rows that each rank has in a step: pairs on both, on one, on none; a task on one rank alone.
STEPS = [([0, 2, 2], [2, 1, 0]), ([2, 1, 2], [0, 0, 3]), ([0, 0, 0], [1, 1, 3]), ([0, 2, 3], [2, 2, 2])]


def learner() -> Learner:
    """The same on every rank."""
    configs = TypeAdapter(list[ObjectiveConfig]).validate_python(ENTRIES)
    made = Learner(Transformer(MODEL, embedding_size(configs, VOCABULARY), 0), configs)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.mul_(4.0 if parameter.dim() > 1 else 1.0)
    return made


def rows(step: int, rank: int) -> tuple[list[Row], list[int]]:
    """Those of a rank; a contrastive row holds one to four pairs."""
    draw, owners = np.random.default_rng([step, rank]), STEPS[step][rank]
    configs = TypeAdapter(list[ObjectiveConfig]).validate_python(ENTRIES)
    found = []
    for owner in owners:
        texts = [draw.integers(1, VOCABULARY, 10).astype(np.uint32) for _ in range(draw.integers(1, 5))]
        if owner == 3:
            texts = [np.append(text, draw.integers(0, 5, 10)).astype(np.uint32) for text in texts]
        found.append(build(configs[owner], Specials(VOCABULARY)).row(texts, LENGTH, draw))
    return found, owners


def batch(step: int, ranks: list[int]) -> Batch:
    """The rows of these ranks as one micro-batch."""
    parts = [rows(step, rank) for rank in ranks]
    return collate([row for found, _ in parts for row in found], [o for _, owners in parts for o in owners], LENGTH)


def optimizer(module: nn.Module) -> torch.optim.Optimizer:
    """AdamW on any part of the learner."""
    return build_optimizer(module.named_parameters(), OPTIMIZER, MODEL.width, 0)


def train(engine: Engine) -> list[list[float]]:
    """[loss, gradient norm] of each step."""
    results = [engine.step([batch(step, [dist.get_rank()])], 0.01) for step in range(len(STEPS))]
    return [[result.loss, result.grad_norm] for result in results]


def gathered() -> list[list[float]]:
    """Gradients of three rows of rank 0 and one of rank 1, from a weighted sum that differs between the ranks."""
    rank = dist.get_rank()
    mine = torch.full((1 if rank else 3, 2), float(rank + 1), requires_grad=True)
    everything, first = gather_rows(mine)
    assert everything.tolist() == [[1.0, 1.0]] * 3 + [[2.0, 2.0]]
    assert first == 3 * rank
    weights = torch.arange(8.0).view(4, 2) + 10 * rank
    (everything * weights).sum().backward()
    assert mine.grad is not None
    assert mine.grad.tolist() == (weights + weights + 10 - 20 * rank)[first : first + len(mine)].tolist()
    nothing, _ = gather_rows(torch.zeros(0, 2, requires_grad=True))
    return nothing.tolist()  # type: ignore[no-any-return]


def main() -> None:
    """All engines in one pair of processes."""
    logging.disable(logging.INFO)
    torch.set_num_threads(1)
    start_processes()
    found: dict[str, Any] = {"nothing": gathered()}
    found["plain"] = train(PlainEngine(learner(), optimizer, OPTIMIZER.clip_norm, 1024))
    for stage in range(4):
        config = ParallelConfig(zero_stage=stage, micro_batch=3)
        found[str(stage)] = train(build_engine(learner(), optimizer, config, 6, OPTIMIZER.clip_norm))
    if dist.get_rank() == 0:
        print(json.dumps(found))
    sys.stdout.flush()
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
