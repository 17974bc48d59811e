"""Ranks that train a tiny model in several ZeRO stages, save in the middle and resume; rank 0 prints losses as JSON.

`resume_ranks.py FOLDER '{"save": [0, 1], "load": [[0, 3]]}'`: save stages 0 and 1, then go on with stage 3 from the
checkpoint of stage 0. A layout is a stage, or "stage-tensor-pipeline".
"""

from __future__ import annotations

import json
import logging
import os
import sys
from pathlib import Path

os.environ |= {"DS_ACCELERATOR": "cpu", "TORCHDYNAMO_DISABLE": "1", "GLOO_SOCKET_IFNAME": "lo"}

import torch
import torch.distributed as dist

from training.batch import plain_batch
from training.checkpoint import Checkpoints
from training.communication import start_processes
from training.config import ModelConfig
from training.engine import build_engine
from training.events import Events
from training.groups import OptimizerConfig
from training.losses import Learner
from training.model import Transformer
from training.objectives.causal import CausalConfig
from training.optimizer import build_optimizer
from training.parallel import ParallelConfig
from training.shelf import Shelf
from training.universal import Layout

MODEL = ModelConfig(layers=2, width=16, heads=2, kv_heads=2, hidden=24)
OPTIMIZER = OptimizerConfig(learning_rate=0.01)
BATCH, MIDDLE, END = 4, 3, 7


def rows(step: int) -> torch.Tensor:
    """(4, 9): counting in steps of 1 to 3 from a random start."""
    draw = torch.Generator().manual_seed(step)
    start, stride = torch.randint(0, 11, (4, 1), generator=draw), torch.randint(1, 4, (4, 1), generator=draw)
    return (start + stride * torch.arange(9)) % 11


class Training:
    """One engine with its checkpoints."""

    def __init__(self, folder: Path, layout: int | str, seed: int = 0) -> None:
        stage, tensor, pipeline = map(int, layout.split("-")) if isinstance(layout, str) else (layout, 1, 1)
        ranks = dist.get_world_size()
        copies = ranks // (tensor * pipeline)
        self.config = ParallelConfig(
            ranks=ranks, zero_stage=stage, micro_batch=BATCH // copies, tensor=tensor, pipeline=pipeline
        )
        self.engine = build_engine(
            Learner(Transformer(MODEL, 11, seed), [CausalConfig()]),
            lambda part: build_optimizer(part.named_parameters(), OPTIMIZER, MODEL.width, stage),
            self.config, BATCH, OPTIMIZER.clip_norm,
        )  # fmt: skip
        shelf = Shelf(folder, keep=1)
        events = Events(folder.parent, active=dist.get_rank() == 0)
        saved = Layout(ranks, stage, tensor, pipeline)
        self.checkpoints = Checkpoints(shelf, {}, saved, events, asynchronous=stage % 2 == 1)

    def train(self, first: int, last: int) -> list[float]:
        """Losses of steps first .. last - 1."""
        count, found = self.config.micro_batch, []
        for step in range(first, last):
            mine = rows(step)[count * self.config.data_rank(dist.get_rank()) :][:count]
            found.append(self.engine.step([plain_batch(mine[:, :-1], mine[:, 1:])], 0.01).loss)
        return found

    def resume(self) -> list[float]:
        """Losses after the checkpoint."""
        state = self.checkpoints.resume(self.engine.deepspeed)
        assert state == {"step": MIDDLE}
        return self.train(MIDDLE, END)


def main() -> None:
    """Save, go on, go back, and resume elsewhere."""
    torch.set_num_threads(1)
    logging.disable(logging.WARNING)
    folder, work = Path(sys.argv[1]), json.loads(sys.argv[2])
    start_processes()
    found: dict[str, list[float]] = {}
    for layout in work["save"]:
        training = Training(folder / str(layout), layout)
        training.train(0, MIDDLE)
        training.checkpoints.save(training.engine.deepspeed, {"step": MIDDLE})
        found[f"{layout} straight"] = training.train(MIDDLE, END)
        training.checkpoints.wait()
        if training.config.pipeline * training.config.tensor == 1:
            found[f"{layout} back"] = training.resume()
    for source, target in work["load"]:
        found[f"{source} to {target}"] = Training(folder / str(source), target, seed=1).resume()
    if dist.get_rank() == 0:
        print(json.dumps(found), flush=True)
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
