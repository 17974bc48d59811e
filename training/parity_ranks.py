"""One rank of `gristmill train parity`: trains the variants of one process group, one after the other."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor, nn

from training.communication import start_processes
from training.engine import Engine, build_engine
from training.groups import OptimizerConfig
from training.optimizer import build_optimizer
from training.parallel import ParallelConfig
from training.parity_reference import GLOBAL_BATCH, MODEL, new_learner, reference, share
from training.plain import PlainEngine
from training.schedule import ScheduleConfig

OPTIMIZER = OptimizerConfig(learning_rate=3e-3)
SCHEDULE = ScheduleConfig(warmup_steps=20)


def main() -> None:
    """Write one JSON line per variant to --out."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--variants", required=True, help="JSON list")
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--checks", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    start_processes()
    for variant in json.loads(args.variants):
        found = run(variant, args.steps, args.checks, args.out.parent)
        if dist.get_rank() == 0:
            with args.out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(found) + "\n")
    dist.destroy_process_group()


def run(variant: dict[str, Any], steps: int, checks: int, folder: Path) -> dict[str, Any]:
    """Train a variant freely; its losses, and at `checks` points what float64 says of its own weights."""
    config = ParallelConfig.model_validate(variant["parallel"])
    engine = build(variant, config)
    losses, errors, points = [], [], []
    for step in range(steps):
        check = step % (steps // checks) == 0
        weights = engine.weights() if check else {}
        if check:
            points.append(flat(weights))
        mine = share(step, config.data_ranks, config.data_rank(dist.get_rank()), variant["accumulation"])
        result = engine.step(mine, OPTIMIZER.learning_rate * SCHEDULE.share(step, steps))
        losses.append(result.loss)
        if check and dist.get_rank() == 0:
            loss, norm = reference(weights, step)
            errors.append((abs(result.loss / loss - 1), abs(result.grad_norm / norm - 1)))
    points.append(flat(engine.weights()))
    if dist.get_rank() == 0:
        np.save(folder / variant["file"], np.stack(points))
    return {"name": variant["name"], "losses": losses, "errors": errors}


def flat(weights: Mapping[str, Tensor]) -> NDArray[np.float32]:
    """All parameters, one after the other."""
    return np.concatenate([value.numpy().ravel() for value in weights.values()])


def build(variant: dict[str, Any], config: ParallelConfig) -> Engine:
    """The variant's engine with the common first weights."""
    learner = new_learner(variant["perturbed"])

    def optimizer(part: nn.Module) -> torch.optim.Optimizer:
        return build_optimizer(part.named_parameters(), OPTIMIZER, MODEL.width, config.zero_stage)

    if variant["plain"]:
        return PlainEngine(learner, optimizer, OPTIMIZER.clip_norm, config.bucket)
    return build_engine(learner, optimizer, config, GLOBAL_BATCH, OPTIMIZER.clip_norm)


if __name__ == "__main__":
    main()
