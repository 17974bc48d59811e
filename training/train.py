"""The training loop, one process per rank under torchrun. Started by `training.launch`; reads top to bottom."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from safetensors.torch import save_file

from gristmill.children import signal_at_parents_death
from gristmill.errors import UserError
from gristmill.lake import Lake
from gristmill.process import run_main, say
from gristmill.profile import load_profile
from training.communication import start_processes
from training.config import PretrainConfig
from training.determinism import make_deterministic
from training.engine import build_engine
from training.events import Events
from training.flops import flops_per_token, measured_peak
from training.guard import Decision
from training.keeper import ERROR, EXIT_STOPPED
from training.learner import build_learner
from training.loader import Loader, Share
from training.meters import Meters, Scale
from training.optimizer import build_optimizer
from training.result import StepResult
from training.run import Run
from training.stream import approved_stream
from training.tasks import build_sampler


class Stopped(UserError):
    """A guard ended the run; the message says why and what to change."""


def main() -> None:
    """Run one rank."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--run-folder", type=Path, required=True)
    folder: Path = parser.parse_args().run_folder
    # torchrun gives each rank a session of its own, which a signal to torchrun's group does not reach.
    signal_at_parents_death(signal.SIGKILL)
    try:
        train(folder)
    except UserError as error:
        (folder / ERROR).write_text(str(error), encoding="utf-8")
        raise


def train(folder: Path) -> None:
    """Train to the end of the config's steps, from the newest checkpoint if there is one."""
    request = json.loads((folder / "request.json").read_bytes())
    config = PretrainConfig.model_validate(request["config"])
    profile = load_profile(request["profile"])
    lake = Lake.open(profile)
    parallel = config.parallel

    # Processes. torchrun says who we are.
    start_processes()
    if dist.get_world_size() != parallel.ranks:
        raise UserError(f"{dist.get_world_size()} processes for a config of {parallel.ranks} ranks; start them anew")
    rank, first = dist.get_rank(), dist.get_rank() == 0
    torch.manual_seed(config.seed)
    if config.deterministic:
        make_deterministic(config.seed, torch.get_num_threads())

    # Data. Refused here, too, without an approving verdict on exactly this digest.
    maps = profile.work_dir / "tokens"
    stream = approved_stream(lake, request["tokens"], "train", maps, profile.objects)
    sampler = build_sampler(
        config.objectives, stream, maps, vocabulary=request["vocabulary"], length=config.sequence_length,
        batch=config.batch_at, seed=config.seed,
    )  # fmt: skip
    share = Share(parallel.data_rank(rank), parallel.data_ranks, parallel.micro_batch)
    loader = Loader(sampler, config.sequence_length, share)

    # Model and engine.
    learner = build_learner(config, request["vocabulary"])
    parameters = learner.trunk.parameter_count  # here, for an engine takes them away
    engine = build_engine(learner, lambda part: build_optimizer(
        part.named_parameters(), config.optimizer, config.model.width, parallel.zero_stage
    ), parallel, config.global_batch, config.optimizer.clip_norm)  # fmt: skip

    # What was done before.
    events = Events(folder, active=first)
    run = Run(config, request, events, engine, sampler)
    done = run.resume()
    meters = None
    peak = total_peak(engine.device, parallel.precision)
    if first:
        start = f"resuming after step {done}" if done else "starting"
        say(f"{parameters:,} parameters, ZeRO stage {parallel.zero_stage}, {dist.get_world_size()} ranks, "
            f"{len(stream.tokens):,} training tokens; {start}")  # fmt: skip
        work = flops_per_token(parameters, config.model.layers, config.model.width, config.sequence_length)
        scale = Scale(config.steps, config.tokens, work, peak, dist.get_world_size())
        meters = Meters(folder, done, scale, config.energy)
    if not done and config.guard.rolls_back:
        run.save(0)

    # The loop. All ranks have the same results, and so the same decisions.
    stop = _StopFlag()
    while done < config.steps:
        run.checkpoints.check()
        run.begin(done)
        stalled = loader.stall_seconds
        data_step = run.route.data_step(done)
        batches = loader.step(data_step)
        rate = config.rate(done)
        result = engine.step(batches, rate, run.admit, stop.asked)
        decision = run.guard.settle(result.loss, result.grad_norm, result.applied)
        done += 1
        if meters:
            tokens = config.batch_at(data_step) * config.sequence_length
            meters.step(done, result, rate, batches, tokens, loader.stall_seconds - stalled)
        if not decision:
            report(events, done, decision, result, [d.as_dict() for d in loader.documents(data_step)])
        if decision.action == "stop":
            run.checkpoints.wait()
            loader.close()
            if meters:
                meters.close()
            raise Stopped(f"step {done}: {decision.reason}")
        if decision.action == "rollback":
            done = run.roll_back(done)
            if meters:
                meters.close()
                meters = Meters(folder, done, meters.scale, config.energy)
            continue
        if done % config.checkpoint.every == 0 or done == config.steps or result.asked:
            clock = time.monotonic()
            run.save(done)
            if meters:
                meters.checkpoint(time.monotonic() - clock)
        if result.asked and done < config.steps:
            run.checkpoints.wait()
            loader.close()
            if meters:
                meters.close()
            say(f"rank {rank}: stopped after step {done}, checkpoint saved")
            sys.exit(EXIT_STOPPED)

    # The weights, gathered from wherever the engine keeps them, without optimizer state or pickle.
    run.checkpoints.wait()
    loader.close()
    weights = engine.weights()
    if meters:
        temporary = folder / "model.safetensors.tmp"
        save_file({name.removeprefix("trunk."): tensor for name, tensor in weights.items()}, str(temporary))
        temporary.replace(folder / "model.safetensors")
        meters.close()
    dist.barrier()
    dist.destroy_process_group()


def report(events: Events, step: int, decision: Decision, result: StepResult, documents: list[dict[str, Any]]) -> None:
    """Tell of a step that was not applied: never silently."""
    if dist.get_rank() == 0:
        say(f"step {step}: {decision.action}, {decision.reason}")
    events.write(
        decision.action if decision.action != "rollback" else "spike", step, reason=decision.reason, loss=result.loss,
        grad_norm=result.grad_norm, score=decision.score, documents=documents,
    )  # fmt: skip


def total_peak(device: torch.device, precision: str) -> float:
    """FLOP/s of all ranks together, measured at the same time."""
    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]
    peak = torch.tensor(measured_peak(device, dtype), dtype=torch.float64, device=device)
    dist.all_reduce(peak)
    return float(peak)


class _StopFlag:
    """Set by SIGTERM; the ranks agree on it with each step's result."""

    def __init__(self) -> None:
        self.asked = False
        signal.signal(signal.SIGTERM, self._ask)

    def _ask(self, number: int, frame: object) -> None:
        self.asked = True


if __name__ == "__main__":
    run_main(main)
