"""The state of one rank's random generators as plain JSON."""

from __future__ import annotations

import base64
import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import torch.distributed as dist


def capture() -> dict[str, Any]:
    """Of Python, numpy, torch and this rank's accelerator."""
    name, keys, *rest = np.random.get_state()
    state = {"python": random.getstate(), "numpy": [name, np.asarray(keys).tolist(), *rest]}
    devices = torch.cuda.get_rng_state() if torch.cuda.is_available() else None
    return {**state, "torch": _text(torch.get_rng_state()), "device": None if devices is None else _text(devices)}


def restore(state: Mapping[str, Any] | None, step: int) -> None:
    """Put the generators back. None: the ranks are other ones than those that saved, and each draws anew, from a
    seed that is a function of the step and the rank."""
    if state is None:
        seed = int(np.random.SeedSequence([step, dist.get_rank()]).generate_state(1)[0])
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)
        return
    version, internal, gauss = state["python"]
    random.setstate((version, tuple(internal), gauss))
    np.random.set_state(tuple(state["numpy"]))
    torch.set_rng_state(_tensor(state["torch"]))
    if state["device"] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(_tensor(state["device"]))


def _text(state: torch.Tensor) -> str:
    return base64.b64encode(state.numpy().tobytes()).decode()


def _tensor(text: str) -> torch.Tensor:
    return torch.frombuffer(bytearray(base64.b64decode(text)), dtype=torch.uint8)
