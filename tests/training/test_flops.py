"""Work per token against a count of the operations that torch runs, and the measured peak."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from training.flops import flops_per_token, measured_peak


def test_the_formula_is_what_torch_counts_for_a_dense_transformer() -> None:
    """Norms and the embedding's look-up are what the formula simplifies."""
    layers, width, vocabulary, length, heads = 3, 64, 96, 32, 4

    class Layer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.qkv, self.out = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width, bias=False)
            self.up, self.down = nn.Linear(width, 4 * width, bias=False), nn.Linear(4 * width, width, bias=False)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            q, k, v = (t.view(1, length, heads, -1).transpose(1, 2) for t in self.qkv(x).chunk(3, -1))
            mixed = (torch.softmax(q @ k.transpose(-1, -2), -1) @ v).transpose(1, 2).reshape(x.shape)
            x = x + self.out(mixed)
            return x + self.down(F.relu(self.up(x)))

    body = nn.Sequential(*(Layer() for _ in range(layers)))
    embed = nn.Embedding(vocabulary, width)
    with FlopCounterMode(display=False) as counter:
        F.linear(body(embed(torch.zeros(1, length, dtype=torch.long))), embed.weight).sum().backward()
    parameters = sum(p.numel() for p in [*body.parameters(), embed.weight])
    assert counter.get_total_flops() / length == pytest.approx(flops_per_token(parameters, layers, width, length))


def test_the_measured_peak_is_a_speed_that_a_product_can_reach() -> None:
    peak = measured_peak(torch.device("cpu"), torch.float32, seconds=0.0)
    assert 1e8 < peak < 1e14
