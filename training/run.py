"""Where a run stands, and its ways back: engine, guard, checkpoints, the route through the data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch.distributed as dist

from training.checkpoint import Checkpoints
from training.config import PretrainConfig
from training.engine import ZeroEngine
from training.events import Events
from training.guard import Guard
from training.keeper import STARTED_BY
from training.pipeline import PipelineEngine
from training.route import Route, read_route
from training.sampler import Sampler
from training.shelf import Shelf, step_of
from training.universal import Layout


class Run:
    """All of a run that a checkpoint holds."""

    def __init__(
        self,
        config: PretrainConfig,
        request: dict[str, Any],
        events: Events,
        engine: ZeroEngine | PipelineEngine,
        sampler: Sampler,
    ) -> None:
        self.config, self.request, self.engine, self.sampler = config, request, engine, sampler
        self.checkpoints = open_checkpoints(config, request, events)
        self.route = Route()
        self.guard = Guard(config.guard)

    def begin(self, step: int) -> None:
        """Before step `step` (0-based): where the weights of objectives move, earlier losses say nothing of a spike."""
        weights = [[o.weight_at(at) for o in self.config.objectives] for at in (max(0, step - 1), step)]
        if weights[0] != weights[1]:
            self.guard.losses.clear()

    def admit(self, loss: float, grad_norm: float) -> bool:
        """Whether a step's update may be written."""
        return bool(self.guard.admit(loss, grad_norm))

    def save(self, step: int) -> None:
        """Collective."""
        started_by = self.checkpoints.events.folder / STARTED_BY
        self.checkpoints.save(self.engine.deepspeed, {
            "step": step, "guard": self.guard.state_dict(), "data": self.sampler.position(self.route.data_step(step)),
            "loss_ema": self.guard.ema, "config": self.request["config"],
            "started_by": started_by.read_text(encoding="utf-8"),
        })  # fmt: skip

    def resume(self) -> int:
        """Collective. Go on from the newest whole checkpoint; its step, 0 without any."""
        self.route = read_route(self.checkpoints.shelf.folder)
        scaled = self.config.parallel.precision == "fp16"
        self.guard = Guard(self.config.guard, len(self.route.detours), scaled)
        state = self.checkpoints.resume(self.engine.deepspeed)
        if state is None:
            return 0
        self.guard.load_state_dict(state["guard"])
        return int(state["step"])

    def roll_back(self, done: int) -> int:
        """Collective. Back to the newest checkpoint, past the data since, those of step `done` included."""
        self.checkpoints.wait()
        to = step_of(self.checkpoints.shelf.tags()[-1])
        route = self.route.rolled_back(done - 1, to)
        if dist.get_rank() == 0:
            route.write(self.checkpoints.shelf.folder)
        dist.barrier()
        first, last = route.detours[-1].first, route.detours[-1].last
        self.checkpoints.events.write("rollback", done, to=to, first=first, last=last)
        return self.resume()


def open_checkpoints(config: PretrainConfig, request: dict[str, Any], events: Events) -> Checkpoints:
    """The checkpoints of a request."""
    parallel, how = config.parallel, config.checkpoint
    digests = {"tokens": request["tokens"], "tokenizer": request["tokenizer"]}
    layout = Layout(
        parallel.ranks, parallel.zero_stage, parallel.tensor, parallel.pipeline, parallel.precision,
        config.optimizer.kind, parallel.offload.optimizer,
    )  # fmt: skip
    shelf = Shelf(Path(request["checkpoints"]), how.keep, how.keep_every)
    return Checkpoints(shelf, {"config": config.identity(), "digests": digests}, layout, events, how.asynchronous)
