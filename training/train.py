"""The training loop, one process per rank under torchrun. Started by `training.launch`; reads top to bottom."""

from __future__ import annotations

import argparse
import json
import math
import os
import signal
import sys
from pathlib import Path
from typing import Any

import deepspeed
import torch
import torch.distributed as dist
from safetensors.torch import save_file
from torch import nn

from gristmill.children import signal_at_parents_death
from gristmill.errors import UserError
from gristmill.lake import Lake
from gristmill.process import run_main, say
from gristmill.profile import load_profile
from training.checkpoint import Checkpoints
from training.config import PretrainConfig
from training.data import Sampler, batch, share
from training.launch import ERROR_FILE, EXIT_STOPPED
from training.meters import Meters
from training.model import Transformer
from training.stream import token_stream


class NotFinite(UserError):
    """The loss, or too many steps' gradients, are no numbers any more; the message says what to change."""


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
        (folder / ERROR_FILE).write_text(str(error), encoding="utf-8")
        raise


def train(folder: Path) -> None:
    """Train to the end of the config's steps, from the newest checkpoint if there is one."""
    request = json.loads((folder / "request.json").read_bytes())
    config = PretrainConfig.model_validate(request["config"])
    profile = load_profile(request["profile"])
    lake = Lake.open(profile)

    # Processes. torchrun says who we are; DeepSpeed picks gloo on CPUs and NCCL on GPUs.
    os.environ.setdefault("LOCAL_SIZE", os.environ["LOCAL_WORLD_SIZE"])
    skip_compiled_communication()
    deepspeed.init_distributed(verbose=False)
    rank, ranks = dist.get_rank(), dist.get_world_size()
    torch.manual_seed(config.seed)

    # Data. Refused here, too, without an approving verdict on exactly this digest.
    stream = token_stream(lake, request["tokens"], "train", profile.work_dir / "tokens")
    sampler = Sampler(len(stream), config.sequence_length, config.seed)

    # Model and engine.
    model = Transformer(config.model, request["vocabulary"], config.seed)
    parameters = model.parameter_count  # here, for ZeRO 3 takes them away
    engine, *_ = deepspeed.initialize(model=model, model_parameters=groups(model, config), config=config.deepspeed())
    digests = {"tokens": request["tokens"], "tokenizer": request["tokenizer"]}
    identity = {"config": config.identity(), "digests": digests}
    checkpoints = Checkpoints(Path(request["checkpoints"]), identity, config.checkpoint.keep)
    done = checkpoints.resume(engine)
    meters = None
    if rank == 0:
        start = f"resuming after step {done}" if done else "starting"
        say(f"{parameters:,} parameters, ZeRO stage {config.parallel.zero_stage}, {ranks} ranks, "
            f"{len(stream):,} training tokens; {start}")  # fmt: skip
        meters = Meters(folder, done, config.steps, config.global_batch * config.sequence_length)

    # The loop. A termination signal is agreed on by all ranks, at the end of a step.
    stop = _StopFlag()
    while done < config.steps:
        rate = config.optimizer.rate(done, config.steps)
        for group in engine.optimizer.param_groups:
            group["lr"] = rate
        total = 0.0
        for part in range(config.accumulation):
            starts = sampler.starts(*share(config, done, part, rank))
            inputs, targets = batch(stream, starts, config.sequence_length)
            loss = engine(inputs.to(engine.device), targets.to(engine.device))
            engine.backward(loss)
            engine.step()
            total += loss.item() / config.accumulation
        mean, stopping = agree(total / ranks, float(stop.asked), engine.device)
        done += 1
        check_finite(mean, engine.skipped_steps, done, config.optimizer.max_skipped_steps)
        if meters:
            meters.step(done, mean, rate, float(engine.get_global_grad_norm() or 0.0), engine.skipped_steps)
        if done % config.checkpoint.every == 0 or done == config.steps or stopping:
            checkpoints.save(engine, done)
        if stopping and done < config.steps:
            if meters:
                meters.close()
            say(f"rank {rank}: stopped after step {done}, checkpoint saved")
            sys.exit(EXIT_STOPPED)

    # The weights, gathered from wherever ZeRO keeps them, without optimizer state or pickle.
    weights = gathered_weights(engine)
    if meters:
        temporary = folder / "model.safetensors.tmp"
        save_file(weights, str(temporary))
        temporary.replace(folder / "model.safetensors")
        meters.close()
    dist.barrier()
    dist.destroy_process_group()


def skip_compiled_communication() -> None:
    """Keep DeepSpeed from compiling its shared-memory all-reduce for CPUs at start.

    Only tensor-parallel layers call it (`inference_all_reduce`), never ZeRO. It costs half a minute and a C++
    compiler, and its link step fails where the environment's path has a space. DeepSpeed looks the operator up
    in this table, whose edits it keeps; on GPUs it has no such operator.
    """
    if deepspeed.accelerator.get_accelerator().device_name() == "cpu":
        deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False


def groups(model: nn.Module, config: PretrainConfig) -> list[dict[str, Any]]:
    """Weight decay for matrices, none for norms."""
    matrices = [p for p in model.parameters() if p.dim() >= 2]
    vectors = [p for p in model.parameters() if p.dim() < 2]
    decay = config.optimizer.weight_decay
    return [{"params": matrices, "weight_decay": decay}, {"params": vectors, "weight_decay": 0.0}]


def check_finite(loss: float, skipped: int, step: int, tolerance: int) -> None:
    """Raises NotFinite; ZeRO skips a step with bad gradients, and a run of skipped steps looks healthy."""
    cure = "lower learning_rate or clip_norm and run again"
    if not math.isfinite(loss):
        raise NotFinite(f"the loss is {loss} at step {step}; {cure}")
    if skipped > tolerance:
        raise NotFinite(f"{skipped} of {step} steps were skipped, for their gradients were not finite; {cure}")


def agree(loss: float, stop: float, device: torch.device) -> tuple[float, bool]:
    """(sum of the ranks' losses, whether any rank was asked to stop), in one all-reduce."""
    values = torch.tensor([loss, stop], dtype=torch.float64, device=device)
    dist.all_reduce(values)
    return float(values[0]), bool(values[1] > 0)


def gathered_weights(engine: Any) -> dict[str, torch.Tensor]:
    """fp32 copies of all parameters; collective under ZeRO 3."""
    weights = {}
    for name, parameter in engine.module.named_parameters():
        with deepspeed.zero.GatheredParameters([parameter], enabled=hasattr(parameter, "ds_id")):
            weights[name] = parameter.detach().float().cpu().clone()
    return weights


class _StopFlag:
    """Set by SIGTERM; the loop looks at it once a step."""

    def __init__(self) -> None:
        self.asked = False
        signal.signal(signal.SIGTERM, self._ask)

    def _ask(self, number: int, frame: object) -> None:
        self.asked = True


if __name__ == "__main__":
    run_main(main)
