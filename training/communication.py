"""Starting the process group, and a clock of the seconds that this process waits for others."""

from __future__ import annotations

import functools
import os
import time
import warnings
from collections.abc import Callable
from typing import Any

import deepspeed
import torch.distributed as dist

_COLLECTIVES = (
    "all_reduce", "reduce", "broadcast", "all_gather", "all_gather_into_tensor", "reduce_scatter",
    "reduce_scatter_tensor", "all_to_all_single", "barrier", "send", "recv",
)  # fmt: skip


class Waiting:
    """Seconds that this process has been blocked in collectives and transfers since it began.

    Only on CPUs, whose collectives return when they are done. A GPU's are queued: to time them would mean to stop
    what they overlap with.
    """

    seconds = 0.0


def start_processes() -> None:
    """Join the group that torchrun describes: gloo on CPUs, NCCL on GPUs."""
    os.environ.setdefault("LOCAL_SIZE", os.environ["LOCAL_WORLD_SIZE"])
    warnings.filterwarnings("ignore", r"`torch\.distributed\.\w+` is deprecated", FutureWarning)  # DeepSpeed's calls
    if deepspeed.accelerator.get_accelerator().device_name() == "cpu":
        _skip_compiled_communication()
        _watch()  # before DeepSpeed looks these functions up
    deepspeed.init_distributed(verbose=False)


def _skip_compiled_communication() -> None:
    """Keep DeepSpeed from compiling its shared-memory all-reduce for CPUs at start.

    It costs half a minute and a C++ compiler, and its link step fails where the environment's path has a space.
    Only tensor-parallel layers call it, and take gloo's without it. DeepSpeed looks the operator up in this table,
    whose edits it keeps; on GPUs it has no such operator.
    """
    deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False


def _watch() -> None:
    for name in _COLLECTIVES:
        function = getattr(dist, name)
        if not getattr(function, "timed", False):
            setattr(dist, name, _timed(function))


def _timed(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        begin = time.perf_counter()
        found = function(*args, **kwargs)
        Waiting.seconds += time.perf_counter() - begin
        return _Handle(found) if kwargs.get("async_op") and found is not None else found

    call.timed = True  # type: ignore[attr-defined]
    return call


class _Handle:
    """A collective under way, whose wait is counted."""

    def __init__(self, work: Any) -> None:
        self._work = work

    def wait(self, *args: Any) -> Any:
        begin = time.perf_counter()
        found = self._work.wait(*args)
        Waiting.seconds += time.perf_counter() - begin
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._work, name)
