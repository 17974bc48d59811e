"""A decoder-only transformer: RMSNorm before each block, RoPE, SwiGLU, grouped-query attention, tied embeddings.

Single-device code: ZeRO partitions it from outside.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from training.batch import Batch
from training.config import ModelConfig


class Attention(nn.Module):
    """Grouped-query attention (Ainslie et al. 2023): `kv_heads` keys and values serve `heads` queries."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.heads, self.kv_heads = config.heads, config.kv_heads
        self.head_width = config.width // config.heads
        self.query = nn.Linear(config.width, config.width, bias=False)
        self.key_value = nn.Linear(config.width, 2 * config.kv_heads * self.head_width, bias=False)
        self.out = nn.Linear(config.width, config.width, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, mask: Tensor | None) -> Tensor:
        """x: (batch, time, width) -> the same shape. `mask` as of `attention_mask`; None is causal."""
        batch, time, _ = x.shape
        query = self.query(x).view(batch, time, self.heads, self.head_width).transpose(1, 2)
        key, value = self.key_value(x).view(batch, time, 2, self.kv_heads, self.head_width).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(
            rotate(query, cos, sin), rotate(key, cos, sin), value, mask, is_causal=mask is None, enable_gqa=True
        )
        return self.out(mixed.transpose(1, 2).reshape(batch, time, -1))  # type: ignore[no-any-return]


class SwiGLU(nn.Module):
    """down(silu(gate(x)) * up(x)) (Shazeer 2020)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.gate_up = nn.Linear(config.width, 2 * config.hidden, bias=False)
        self.down = nn.Linear(config.hidden, config.width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """x: (..., width) -> the same shape."""
        gate, up = self.gate_up(x).chunk(2, dim=-1)
        return self.down(F.silu(gate) * up)  # type: ignore[no-any-return]


class Block(nn.Module):
    """Attention and feed-forward, each on the normalised residual stream."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.attention_norm = nn.RMSNorm(config.width, eps=config.norm_epsilon)
        self.attention = Attention(config)
        self.feed_norm = nn.RMSNorm(config.width, eps=config.norm_epsilon)
        self.feed = SwiGLU(config)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, mask: Tensor | None) -> Tensor:
        """x: (batch, time, width) -> the same shape."""
        x = x + self.attention(self.attention_norm(x), cos, sin, mask)
        return x + self.feed(self.feed_norm(x))  # type: ignore[no-any-return]


class Transformer(nn.Module):
    """The trunk that all objectives share, and its token head, which is tied to the embedding.

    `recompute` trades time for memory: a block's activations are made again in the backward pass (Chen et al. 2016).
    """

    recompute = False

    def __init__(self, config: ModelConfig, vocabulary: int, seed: int) -> None:
        super().__init__()
        self.config = config
        self.embed = nn.Embedding(vocabulary, config.width)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = nn.RMSNorm(config.width, eps=config.norm_epsilon)
        self._initialise(seed)

    def _initialise(self, seed: int) -> None:
        """Normal(0, 0.02); projections onto the residual stream scaled by 1/sqrt(2 layers) (GPT-2)."""
        generator = torch.Generator().manual_seed(seed)
        for name, parameter in self.named_parameters():
            if parameter.dim() < 2:
                continue
            onto_stream = name.endswith(("out.weight", "down.weight"))
            deviation = 0.02 / math.sqrt(2 * self.config.layers) if onto_stream else 0.02
            with torch.no_grad():
                parameter.normal_(0.0, deviation, generator=generator)

    def forward(self, batch: Batch) -> Tensor:
        """The normalised last layer, (rows, time, width)."""
        x = self.embed(batch.tokens)
        cos, sin = rope_tables(batch, self.config, x.dtype)
        mask = None if batch.plain else attention_mask(batch)
        for block in self.blocks:
            if self.recompute and torch.is_grad_enabled():
                x = checkpoint(block, x, cos, sin, mask, use_reentrant=False)
            else:
                x = block(x, cos, sin, mask)
        return self.norm(x)  # type: ignore[no-any-return]

    def logits(self, hidden: Tensor) -> Tensor:
        """(..., width) -> (..., vocabulary)."""
        return F.linear(hidden, self.embed.weight)

    @property
    def parameter_count(self) -> int:
        """Parameters; the tied embedding counts once."""
        return sum(p.numel() for p in self.parameters())


def attention_mask(batch: Batch) -> Tensor:
    """(rows, 1, time, time) bool: which places each place sees. Every place, also of padding, sees itself."""
    places = torch.arange(batch.tokens.shape[1], device=batch.tokens.device)
    seen = (places[:, None] >= places) | batch.visible[:, None, :]
    return (seen & (batch.segments[:, :, None] == batch.segments[:, None, :]))[:, None]


def rope_tables(batch: Batch, config: ModelConfig, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """(cos, sin): angle = position in the segment / base^(2i / head width), i < head width / 2 (Su et al. 2021).

    Each (time, head width / 2) where all rows have the same positions, else (rows, 1, time, head width / 2).
    """
    half = config.width // config.heads // 2
    device = batch.tokens.device
    frequencies = config.rope_base ** (-torch.arange(half, dtype=torch.float32, device=device) / half)
    positions = batch.positions[0] if batch.plain else batch.positions[:, None]
    angles = positions[..., None] * frequencies
    return angles.cos().to(dtype), angles.sin().to(dtype)


class Rotation(torch.autograd.Function):
    """Rotate the halves of each head, x: (batch, heads, time, head width); the gradient is the rotation back.

    It took 8 percent off forward and backward of a small model on a CPU, where autograd copies at chunk and cat.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        ctx.save_for_backward(cos, sin)
        return rotated(x, cos, sin)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        cos, sin = ctx.saved_tensors
        return rotated(gradients[0], cos, -sin), None, None


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """`rotated`, with its gradient."""
    return Rotation.apply(x, cos, sin)  # type: ignore[no-any-return, no-untyped-call]


def rotated(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """(left cos - right sin, right cos + left sin) of the two halves of each head."""
    result = torch.empty_like(x, memory_format=torch.contiguous_format)
    (left, right), (first, second) = x.chunk(2, dim=-1), result.chunk(2, dim=-1)
    torch.mul(left, cos, out=first).addcmul_(right, sin, value=-1)
    torch.mul(right, cos, out=second).addcmul_(left, sin)
    return result
