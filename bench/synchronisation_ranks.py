"""One rank of bench.synchronisation: times the steps of each job, and trains to see what compression costs."""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import nn

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
from training.parity_reference import GLOBAL_BATCH, MODEL, VOCABULARY, share
from training.plain import PlainEngine

BIG = ModelConfig(layers=4, width=192, heads=6, kv_heads=2, hidden=512)
ENTRIES = 2048
LENGTH, MICRO_BATCH = 128, 2
OPTIMIZER = OptimizerConfig(learning_rate=3e-3)
WARM, TIMED = 1, 5


def main() -> None:
    """Jobs from the command line, results as JSON lines into a file."""
    jobs, out = json.loads(sys.argv[1]), Path(sys.argv[2])
    torch.set_num_threads(1)
    start_processes()
    for job in jobs:
        found = job | (learned(job) if "seed" in job else timed(job))
        if dist.get_rank() == 0:
            with out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(found) + "\n")
    dist.destroy_process_group()


def timed(job: dict[str, Any]) -> dict[str, Any]:
    """Seconds of the fastest step, ranks starting together, and the bytes of its gradient."""
    learner = Learner(Transformer(BIG, ENTRIES, 0), [CausalConfig()])
    size = sum(p.numel() for p in learner.parameters())
    engine = made(job, learner, BIG.width, MICRO_BATCH, 2 * MICRO_BATCH * job["accumulation"])
    tokens = torch.randint(ENTRIES, (MICRO_BATCH, LENGTH + 1), generator=torch.Generator().manual_seed(0))
    batches: list[Batch] = [plain_batch(tokens[:, :-1], tokens[:, 1:])] * job["accumulation"]
    seconds = []
    for _ in range(WARM + TIMED):
        dist.barrier()
        clock = time.perf_counter()
        engine.step(batches, 1e-4)
        dist.barrier()
        seconds.append(time.perf_counter() - clock)
    return {"seconds": min(seconds[WARM:]), "gradient_bytes": 4 * size}


def learned(job: dict[str, Any]) -> dict[str, Any]:
    """Mean loss of the last tenth of a run of the small model that `gristmill train parity` trains."""
    learner = Learner(Transformer(MODEL, VOCABULARY, job["seed"]), [CausalConfig()])
    engine = made(job, learner, MODEL.width, GLOBAL_BATCH // 2, GLOBAL_BATCH)
    steps = job["steps"]
    losses = [
        engine.step(share(step, 2, dist.get_rank(), 1), OPTIMIZER.learning_rate * min(1.0, 2 - 2 * step / steps)).loss
        for step in range(steps)
    ]
    return {"loss": statistics.fmean(losses[-steps // 10 :])}


def made(job: dict[str, Any], learner: Learner, width: int, micro_batch: int, batch: int) -> Engine:
    """The engine of a job."""
    config = ParallelConfig.model_validate({"ranks": 2, "micro_batch": micro_batch, **job["parallel"]})

    def optimizer(part: nn.Module) -> torch.optim.Optimizer:
        return build_optimizer(part.named_parameters(), OPTIMIZER, width, config.zero_stage)

    if job["engine"] == "zero":
        return build_engine(learner, optimizer, config, batch, OPTIMIZER.clip_norm)
    engine = PlainEngine(learner, optimizer, OPTIMIZER.clip_norm, config.bucket)
    if job["engine"] == "silent":  # computes as much as the others and keeps its gradients to itself
        engine.parallel = learner  # type: ignore[assignment]
    return engine


if __name__ == "__main__":
    main()
