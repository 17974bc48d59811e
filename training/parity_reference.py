"""What the variants of `gristmill train parity` are measured against: a fixed stream of tokens, and float64."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from training.batch import Batch, collate
from training.config import ModelConfig
from training.losses import Learner
from training.model import Transformer
from training.objectives.base import Row
from training.objectives.causal import CausalConfig

MODEL = ModelConfig(layers=2, width=32, heads=4, kv_heads=2, hidden=48)
VOCABULARY = 61
LENGTH = 32
GLOBAL_BATCH = 16


@lru_cache(maxsize=1)
def stream() -> NDArray[np.int64]:
    """Tokens that a small model can learn: three in four follow from the one before them."""
    draw = np.random.default_rng(0)
    count = GLOBAL_BATCH * LENGTH * 64
    tokens = draw.integers(VOCABULARY, size=count)
    for place in np.flatnonzero(draw.random(count) < 0.75)[1:]:
        tokens[place] = (tokens[place - 1] * 5 + 7) % VOCABULARY
    return tokens


def rows(step: int) -> list[Row]:
    """The global batch of a step, 0-based; the stream begins anew when it is used up."""
    tokens, size = stream(), GLOBAL_BATCH * LENGTH
    start = step * size % (len(tokens) - size - 1)
    text = tokens[start : start + size + 1]
    one, none = np.ones(LENGTH, np.int32), np.zeros(LENGTH, bool)
    inputs, targets = text[:-1].reshape(-1, LENGTH), text[1:].reshape(-1, LENGTH)
    return [Row(i, t, one, none) for i, t in zip(inputs, targets, strict=True)]


def share(step: int, copies: int, copy: int, accumulation: int) -> list[Batch]:
    """The micro-batches of one of `copies` copies of the model: rows are dealt out in turn."""
    mine = rows(step)
    micro = GLOBAL_BATCH // (copies * accumulation)
    starts = [(part * copies + copy) * micro for part in range(accumulation)]
    return [collate(mine[s : s + micro], [0] * micro, LENGTH) for s in starts]


def new_learner(perturbed: int = 0) -> Learner:
    """The model with its first weights, each moved by one unit in the last place where `perturbed` is a seed."""
    learner = Learner(Transformer(MODEL, VOCABULARY, seed=0), [CausalConfig()])
    if perturbed:
        draw = torch.Generator().manual_seed(perturbed)
        with torch.no_grad():
            for weight in learner.parameters():
                up = torch.randint(0, 2, weight.shape, generator=draw, dtype=torch.bool)
                weight.copy_(torch.nextafter(weight, torch.where(up, torch.inf, -torch.inf)))
    return learner


def reference(weights: Mapping[str, Tensor], step: int) -> tuple[float, float]:
    """(loss, gradient norm) of a step's whole batch in float64, in one piece, by PyTorch alone."""
    trunk = Transformer(MODEL, VOCABULARY, seed=0).double()
    trunk.load_state_dict({name.removeprefix("trunk."): value.double() for name, value in weights.items()})
    batch = collate(rows(step), [0] * GLOBAL_BATCH, LENGTH)
    logits = F.linear(trunk(batch), trunk.embed.weight)
    loss = F.cross_entropy(logits.flatten(0, 1), batch.targets.flatten())
    loss.backward()  # type: ignore[no-untyped-call]
    square = sum(float(p.grad.square().sum()) for p in trunk.parameters() if p.grad is not None)
    return loss.item(), square**0.5
