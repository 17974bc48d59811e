"""Width transfer: the learning rate that is best at a small width is near the best at a large one."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from training.batch import plain_batch
from training.config import ModelConfig
from training.groups import OptimizerConfig
from training.model import Transformer
from training.optimizer import build_optimizer, set_rate, transfer
from training.schedule import ScheduleConfig

NARROW, WIDE, STEPS = 32, 256, 60
RATES = {"adamw": [2.0**-k for k in range(3, 12)], "muon": [2.0**-k for k in range(9)]}


def rows(step: int) -> torch.Tensor:
    """(16, 33): walks over 61 tokens whose stride is drawn per row and changed now and then."""
    draw = torch.Generator().manual_seed(step)
    stride = torch.randint(1, 6, (16, 33), generator=draw)
    stride = torch.where(torch.rand(16, 33, generator=draw) < 0.1, stride, stride[:, :1])
    return (torch.randint(0, 61, (16, 1), generator=draw) + stride.cumsum(1)) % 61


def final_loss(width: int, rate: float, base: int | None, kind: str) -> float:
    """Mean loss of the last ten steps, infinite where training diverged."""
    shape = ModelConfig(layers=2, width=width, heads=width // 16, kv_heads=width // 16, hidden=2 * width)
    config = OptimizerConfig.model_validate({"kind": kind, "learning_rate": rate, "base_width": base})
    model = Transformer(shape, 61, seed=1)
    transfer(model, config, width)
    optimizer, schedule = build_optimizer(model.named_parameters(), config, width), ScheduleConfig(warmup_steps=10)
    losses = []
    for step in range(STEPS):
        tokens = rows(step)
        logits = model.logits(model(plain_batch(tokens[:, :-1])))
        loss = F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), config.clip_norm)
        set_rate(optimizer, rate * schedule.share(step, STEPS))
        optimizer.step()
        losses.append(float(loss.detach()))
    mean = float(np.mean(losses[-10:]))
    return mean if math.isfinite(mean) else math.inf


def best(width: int, base: int | None, kind: str) -> float:
    """log2 of the best rate, by a parabola through the best of the grid and its neighbours."""
    rates = RATES[kind]
    losses = [final_loss(width, rate, base, kind) for rate in rates]
    at = min(max(int(np.argmin(losses)), 1), len(rates) - 2)
    left, middle, right = losses[at - 1 : at + 2]
    return math.log2(rates[at]) + 0.5 * (right - left) / (left - 2 * middle + right)


@pytest.mark.long
@pytest.mark.parametrize("kind", ["adamw", "muon"])
def test_the_best_rate_moves_less_with_the_width_than_without_transfer(kind: str) -> None:
    """Yang et al. 2022, figure 1, at 8 times the width; in octaves."""
    narrow = best(NARROW, None, kind)
    with_transfer, without = best(WIDE, NARROW, kind), best(WIDE, None, kind)
    assert abs(with_transfer - narrow) < abs(without - narrow)
    assert abs(with_transfer - narrow) < 1.25
