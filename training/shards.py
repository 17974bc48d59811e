"""Tensor parallel: what DeepSpeed's AutoTP leaves to us, the number of heads and the way back to whole matrices."""

from __future__ import annotations

import re
from typing import Any

import torch
import torch.distributed as dist
from deepspeed.utils import groups
from torch import Tensor

from training.losses import Learner
from training.parallel import TENSOR_PARTITION


def cut_heads(engine: Any, learner: Learner, ranks: int) -> None:
    """AutoTP cuts matrices; a rank then has fewer heads, and shares rows with the other copies alone."""
    engine.first_dataloader_check.remove()  # it compares tensors, and ours come in a Batch
    learner.group = groups.get_data_parallel_group()
    for block in learner.trunk.blocks:
        block.attention.heads //= ranks  # type: ignore[operator, union-attr]
        block.attention.kv_heads //= ranks  # type: ignore[operator, union-attr]


def whole(name: str, part: Tensor) -> Tensor:
    """A parameter of all tensor ranks; `part`: this rank's, as AutoTP cut it. Collective."""
    spec = next((s for s in TENSOR_PARTITION["layer_specs"] if any(re.match(p, name) for p in s["patterns"])), None)
    if spec is None:
        return part
    group = groups.get_tensor_model_parallel_group()
    parts = [torch.empty_like(part) for _ in range(dist.get_world_size(group))]
    dist.all_gather(parts, part.contiguous(), group=group)
    if spec["partition_type"] == "row":
        return torch.cat(parts, dim=1)
    halves = spec.get("shape", [1, -1])[0]
    return torch.cat([p.view(halves, -1, p.shape[1]) for p in parts], dim=1).reshape(-1, part.shape[1])
