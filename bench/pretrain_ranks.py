"""One rank of a run that bench.pretraining measures. Started by torchrun with a JSON `Job`; rank 0 prints the result.

The loop is the trainer's: loader, engine, schedule, meters. `plain` is what one would write without it: the same
model and data, torch's AdamW, DistributedDataParallel on several ranks.
"""

from __future__ import annotations

import json
import logging
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from bench.pretrain_job import OPTIMIZER, Job
from bench.shakespeare import WARM, speeds, windows
from bench.tensors import tensor_bytes
from gristmill.packing import plan
from training.batch import Batch, plain_batch
from training.communication import start_processes
from training.engine import build_engine
from training.flops import flops_per_token, measured_peak
from training.loader import Loader, Share
from training.losses import Learner
from training.meters import Meters, Scale
from training.model import Transformer
from training.objectives.causal import Causal, CausalConfig
from training.optimizer import build_optimizer
from training.sampler import Mixture, Sampler, Task
from training.stream import DOCUMENT, TokenStream


def loader(job: Job) -> Loader:
    """All characters as one document, in rows of `length`."""
    tokens = np.fromfile(Path(job.data) / "train.bin", np.uint16)
    documents = np.array([(0, len(tokens), 0, 0)], DOCUMENT)
    task = Task("causal", Causal(CausalConfig()), TokenStream("", "train", tokens, documents, ("text",)),
                plan(np.array([len(tokens)]), job.length))  # fmt: skip
    sampler = Sampler([task], Mixture(lambda step: [1.0], lambda step: job.batch, job.seed), job.seed)
    return Loader(sampler, job.length, Share(dist.get_rank(), dist.get_world_size(), job.spread.micro_batch))


def ours(job: Job) -> dict[str, Any]:
    """The trainer."""
    spread, data = job.spread, loader(job)
    learner = Learner(Transformer(job.config, job.vocabulary, job.seed), [CausalConfig()])
    parameters = learner.trunk.parameter_count

    def optimizer(module: nn.Module) -> torch.optim.Optimizer:
        return build_optimizer(module.named_parameters(), OPTIMIZER, job.config.width, spread.zero_stage)

    engine = build_engine(learner, optimizer, spread, job.batch, OPTIMIZER.clip_norm)
    tokens = job.batch * job.length
    work = flops_per_token(parameters, job.config.layers, job.config.width, job.length)
    peak = measured_peak(engine.device, torch.float32) * dist.get_world_size()
    with tempfile.TemporaryDirectory() as folder:
        meters = Meters(Path(folder), 0, Scale(job.steps, job.steps * tokens, work, peak, spread.ranks))
        stall = 0.0
        held = watched(engine) if job.memory else {}

        def step(number: int) -> float:
            nonlocal stall
            batches = data.step(number)
            rate = job.rate(number)
            result = engine.step(batches, rate)
            meters.step(number + 1, result, rate, batches, tokens, data.stall_seconds - stall)
            stall = data.stall_seconds
            return result.loss

        found = timed(job, step, parameters)
        meters.close()
        lines = [json.loads(line) for line in meters.path.read_text().splitlines()][WARM:]
    data.close()
    found["seconds"] = {
        k: round(statistics.fmean(line["seconds"][k] for line in lines), 5) for k in lines[0]["seconds"]
    }
    found["mfu"] = round(statistics.fmean(line["mfu"] for line in lines), 4)
    if job.memory:
        return {**found, **held}
    weights = engine.weights()
    return {**found, "validation_loss": validation(job, {k.removeprefix("trunk."): v for k, v in weights.items()})}


def watched(engine: Any) -> dict[str, int]:
    """Filled at each step with the bytes of all tensors after the backward pass, and at the update."""
    held: dict[str, int] = {}
    begin, write = engine.admission.open, engine.admission._write

    def opened(*args: Any) -> None:
        held["after_backward"] = tensor_bytes()
        begin(*args)

    def written(*args: Any, **kwargs: Any) -> Any:
        held["at_update"] = tensor_bytes()
        return write(*args, **kwargs)

    engine.admission.open, engine.admission._write = opened, written
    return held


def plain(job: Job) -> dict[str, Any]:
    """The bare loop."""
    spread, data = job.spread, loader(job)
    model = Transformer(job.config, job.vocabulary, job.seed)
    module: Callable[[Batch], torch.Tensor] = DistributedDataParallel(model) if dist.get_world_size() > 1 else model
    matrices = [p for p in model.parameters() if p.dim() >= 2]
    vectors = [p for p in model.parameters() if p.dim() < 2]
    groups = [{"params": matrices, "weight_decay": OPTIMIZER.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, betas=OPTIMIZER.betas, fused=True)

    def step(number: int) -> float:
        (batch,) = data.step(number)
        for group in optimizer.param_groups:
            group["lr"] = job.rate(number)
        with torch.autocast("cpu", torch.bfloat16, enabled=spread.precision == "bf16"):
            logits = model.logits(module(batch))
        loss = F.cross_entropy(logits.float().flatten(0, 1), batch.targets.flatten())
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(model.parameters(), OPTIMIZER.clip_norm)
        optimizer.step()
        optimizer.zero_grad()
        return float(loss.detach())

    found = timed(job, step, model.parameter_count)
    data.close()
    return {**found, "validation_loss": validation(job, model.state_dict())}


def timed(job: Job, step: Callable[[int], float], parameters: int) -> dict[str, Any]:
    """Run all steps."""
    looks, loss = [(time.perf_counter(), time.process_time())], 0.0
    for number in range(job.steps):
        loss = step(number)
        looks.append((time.perf_counter(), time.process_time()))
    every = np.array(looks) * [1, dist.get_world_size()]  # the ranks' CPU time is alike
    return {"parameters": parameters, "loss": round(loss, 5), **speeds(every, job.batch * job.length)}


@torch.no_grad()
def validation(job: Job, weights: dict[str, torch.Tensor]) -> float:
    """Nats per token over all of val.bin."""
    model = Transformer(job.config, job.vocabulary, 0)
    model.load_state_dict({k: v for k, v in weights.items() if not k.startswith("heads.")})
    inputs, targets = windows(Path(job.data) / "val.bin")
    total = 0.0
    for some, wanted in zip(inputs.chunk(16), targets.chunk(16), strict=True):
        logits = model.logits(model(plain_batch(some)))
        total += float(F.cross_entropy(logits.flatten(0, 1), wanted.flatten(), reduction="sum"))
    return round(total / targets.numel(), 5)


def main() -> None:
    """Run the job; the result of rank 0, and the greatest of the ranks' bytes."""
    job = Job(**json.loads(sys.argv[1]))
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    logging.disable(logging.WARNING)
    start_processes()
    found = plain(job) if job.plain else ours(job)
    for key in ("after_backward", "at_update") if job.memory else ():
        most = torch.tensor(found[key])
        dist.all_reduce(most, dist.ReduceOp.MAX)
        found[key] = int(most)
    if dist.get_rank() == 0:
        print(f"result {json.dumps(found)}", flush=True)
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
