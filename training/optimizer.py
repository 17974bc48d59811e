"""AdamW and Muon over groups of parameters, whole or in the flat partitions that ZeRO makes of them.

DeepSpeed 0.19.8 has a Muon of its own that orthogonalises while gradients are reduced: the gradient norm that is
reported and clipped is then the update's, and the momentum moves before a step can be refused. This one works in
`step`, like any optimizer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from training.groups import OptimizerConfig, Role, role, treatment

EPSILON = 1e-8
"""Of Adam's denominator (Kingma and Ba 2015)."""

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""Coefficients of the quintic iteration, steepest at zero; five rounds bring singular values near 1 (Jordan 2024)."""


@torch.no_grad()
def transfer(model: nn.Module, config: OptimizerConfig, width: int) -> None:
    """Scale the initial weights for the model's width; nothing without `base_width`. Before any engine is built."""
    for name, parameter in model.named_parameters():
        parameter.mul_(treatment(role(name, parameter.dim()), config, width).initial)


def build_optimizer(
    parameters: Iterable[tuple[str, nn.Parameter]], config: OptimizerConfig, width: int, zero_stage: int = 0
) -> torch.optim.Optimizer:
    """The optimizer over named parameters, matrices before vectors. Set rates with `set_rate`.

    Build it before ZeRO partitions the parameters; it may then replace a group's parameters by its partition.
    """
    found: dict[tuple[bool, float, float], dict[str, Any]] = {}
    named = sorted(parameters, key=lambda item: item[1].dim() < 2)
    for name, parameter in named:
        kind: Role = role(name, parameter.dim())
        how = treatment(kind, config, width)
        muon = config.kind == "muon" and kind == "hidden"
        new = {"params": [], "weight_decay": how.weight_decay, "multiplier": how.rate, "muon": muon, "shapes": []}
        group = found.setdefault((muon, how.rate, how.weight_decay), new)
        group["params"].append(parameter)
        group["shapes"].append(tuple(parameter.shape))
    groups = list(found.values())
    if config.kind == "adamw":
        rate = config.learning_rate
        return torch.optim.AdamW(groups, lr=rate, betas=config.betas, eps=EPSILON, fused=True)
    return Muon(groups, config, partitioned_by_parameter=zero_stage == 3)


def set_rate(optimizer: Any, rate: float) -> None:
    """Give each group its share of the step's learning rate. `optimizer`: torch's or DeepSpeed's."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group.get("multiplier", 1.0)


class Muon(torch.optim.Optimizer):
    """Momentum, orthogonalised, for groups with `muon`; AdamW for the others.

    A partition of a group is a flat tensor: a contiguous part of the concatenated matrices (ZeRO 1 and 2), or, with
    `partitioned_by_parameter`, the concatenated parts of each matrix (ZeRO 3). The momentum is gathered over all
    ranks, and each rank orthogonalises the matrices that it holds a part of.
    """

    def __init__(self, groups: list[dict[str, Any]], config: OptimizerConfig, partitioned_by_parameter: bool) -> None:
        super().__init__(groups, {"lr": config.learning_rate, "betas": config.betas, "momentum": config.momentum})
        self.layout = by_parameter if partitioned_by_parameter else contiguous

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One update of every group; closures are not supported."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    (self._muon if group["muon"] else self._adamw)(parameter, parameter.grad, group)

    def _muon(self, parameter: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        # Named like Adam's first moment, which is what tools that convert checkpoints look for.
        momentum = self.state[parameter].setdefault("exp_avg", torch.zeros_like(parameter))
        momentum.lerp_(gradient, 1 - group["momentum"])
        ahead = gradient.lerp(momentum, group["momentum"])  # Nesterov
        update = orthogonalised(ahead) if parameter.dim() == 2 else self.layout(ahead, group["shapes"])
        parameter.mul_(1 - group["lr"] * group["weight_decay"]).add_(update, alpha=-group["lr"])

    def _adamw(self, parameter: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        """Loshchilov and Hutter 2019."""
        state = self.state[parameter]
        if not state:
            state["step"] = torch.zeros(())
            state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(parameter), torch.zeros_like(parameter)
        state["step"] += 1
        first, second, step = group["betas"][0], group["betas"][1], float(state["step"])
        mean, square = state["exp_avg"], state["exp_avg_sq"]
        mean.lerp_(gradient, 1 - first)
        square.mul_(second).addcmul_(gradient, gradient, value=1 - second)
        deviation = (square.sqrt() / math.sqrt(1 - second**step)).add_(EPSILON)
        parameter.mul_(1 - group["lr"] * group["weight_decay"])
        parameter.addcdiv_(mean, deviation, value=-group["lr"] / (1 - first**step))


def orthogonalised(matrix: Tensor) -> Tensor:
    """The matrix with its singular values brought near 1, times 0.2 sqrt(longer side): elements of about 0.2 rms,
    as AdamW's updates have (Liu et al. 2025). In bf16 on GPUs, as published; fp32 on CPUs, which emulate bf16."""
    a, b, c = NEWTON_SCHULZ
    x = matrix.bfloat16() if matrix.is_cuda else matrix.float()
    wide = x if x.shape[0] <= x.shape[1] else x.T
    wide = wide / wide.norm().clamp(min=1e-7)
    for _ in range(5):
        gram = wide @ wide.T
        wide = a * wide + (b * gram + c * gram @ gram) @ wide
    result = wide if x.shape[0] <= x.shape[1] else wide.T
    scaled: Tensor = result * (0.2 * math.sqrt(max(matrix.shape)))
    return scaled.to(matrix.dtype)


def contiguous(part: Tensor, shapes: list[tuple[int, ...]]) -> Tensor:
    """The update of this rank's part of the concatenated, then padded, matrices; part: (elements,)."""
    sizes = [math.prod(shape) for shape in shapes]
    whole, start = part, 0
    if part.numel() < sum(sizes):
        whole, start = _gathered(part).flatten(), dist.get_rank() * part.numel()
    update = torch.zeros_like(part)
    offset = 0
    for shape, size in zip(shapes, sizes, strict=True):
        low, high = max(offset, start), min(offset + size, start + part.numel())
        if low < high:
            matrix = orthogonalised(whole[offset : offset + size].view(shape)).flatten()
            update[low - start : high - start] = matrix[low - offset : high - offset]
        offset += size
    return update


def by_parameter(part: Tensor, shapes: list[tuple[int, ...]]) -> Tensor:
    """The update of this rank's equal (padded) part of each matrix, one after the other; part: (elements,)."""
    rank, ranks = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
    shares = [math.ceil(math.prod(shape) / ranks) for shape in shapes]
    if sum(shares) != part.numel():
        raise ValueError("muon needs a group's matrices in one ZeRO 3 sub-group: leave sub_group_size at its default")
    whole = _gathered(part)
    update, offset = torch.zeros_like(part), 0
    for shape, share in zip(shapes, shares, strict=True):
        size = math.prod(shape)
        matrix = whole[:, offset : offset + share].reshape(-1)[:size].view(shape)
        padded = torch.zeros(share * ranks, dtype=part.dtype, device=part.device)
        padded[:size] = orthogonalised(matrix).flatten()
        update[offset : offset + share] = padded[rank * share : (rank + 1) * share]
        offset += share
    return update


def _gathered(part: Tensor) -> Tensor:
    """(ranks, elements): every rank's part."""
    if not dist.is_initialized() or dist.get_world_size() == 1:
        return part[None]
    parts = [torch.empty_like(part) for _ in range(dist.get_world_size())]
    dist.all_gather(parts, part.contiguous())
    return torch.stack(parts)
