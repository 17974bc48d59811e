"""Gradients over slow links in 8 bits or 1 bit, with error feedback.

What a step's rounding leaves out is added to the next step's gradient (Seide et al. 2014), so that the error does not
add up (Karimireddy et al. 2019). Each rank averages one part of the gradient for all, and rounds its average the same
way (Tang et al. 2021): one all-to-all and one all-gather of compressed bytes, instead of an all-reduce of fp32.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import torch
import torch.distributed as dist
from torch import Tensor, nn

Codec = Literal["int8", "sign"]

BLOCK = 256
"""Values that share a scale, which takes 4 bytes."""

BYTES = {"int8": BLOCK + 4, "sign": BLOCK // 8 + 4}
"""Of a compressed block; fp32 takes 1024."""


def encode(values: Tensor, codec: Codec) -> Tensor:
    """values: (..., n) fp32, n a multiple of BLOCK -> (..., n / BLOCK, BYTES[codec]) uint8.

    A block's scale is its largest magnitude / 127, or for signs its mean magnitude, which is the nearest (least
    squares) that equal magnitudes come to it.
    """
    blocks = values.reshape(*values.shape[:-1], -1, BLOCK)
    if codec == "int8":
        scale = blocks.abs().amax(-1, keepdim=True) / 127
        body = (blocks / scale.clamp(min=1e-38)).round().to(torch.int8).view(torch.uint8)
    else:
        scale = blocks.abs().mean(-1, keepdim=True)
        bits = (blocks >= 0).to(torch.uint8).reshape(*blocks.shape[:-1], -1, 8)
        body = (bits << _places(bits)).sum(-1, dtype=torch.uint8)
    return torch.cat((scale.view(torch.uint8), body), dim=-1)


def decode(packed: Tensor, codec: Codec) -> Tensor:
    """The inverse of `encode`, up to rounding: (..., blocks, BYTES[codec]) -> (..., blocks x BLOCK) fp32."""
    scale = packed[..., :4].contiguous().view(torch.float32)
    body = packed[..., 4:].contiguous()
    if codec == "int8":
        return (body.view(torch.int8) * scale).flatten(-2)
    bits = (body[..., None] >> _places(body)) & 1
    return ((bits.flatten(-2).float() * 2 - 1) * scale).flatten(-2)


def _places(like: Tensor) -> Tensor:
    return torch.arange(8, dtype=torch.uint8, device=like.device)


class Compressor:
    """Averages the gradients of the ranks' equal parameters.

    `residuals`: what this rank has left out so far, as a sender and of the part that it averages.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], codec: Codec) -> None:
        self.parameters, self.codec, self.ranks = list(parameters), codec, dist.get_world_size()
        self.sizes = [p.numel() for p in self.parameters]
        part = -(-sum(self.sizes) // (self.ranks * BLOCK)) * BLOCK
        device = self.parameters[0].device
        self.residuals = (torch.zeros(self.ranks, part, device=device), torch.zeros(part, device=device))
        self._new = self.residuals

    @torch.no_grad()
    def reduce(self) -> None:
        """Replace each parameter's gradient by the average over ranks. Collective; `settle` has to follow."""
        sent, averaged = self.residuals
        flat = torch.zeros_like(sent).flatten()
        flat[: sum(self.sizes)] = torch.cat([p.grad.flatten().float() for p in self.parameters])  # type: ignore[union-attr]
        parts = flat.view_as(sent) + sent
        packed = encode(parts, self.codec)
        received = torch.empty_like(packed)
        dist.all_to_all_single(received, packed)
        mean = decode(received, self.codec).mean(0) + averaged
        answer = encode(mean, self.codec)
        answers = [torch.empty_like(answer) for _ in range(self.ranks)]
        dist.all_gather(answers, answer)
        self._new = (parts - decode(packed, self.codec), mean - decode(answer, self.codec))
        whole = decode(torch.stack(answers), self.codec).flatten()
        for parameter, gradient in zip(self.parameters, torch.split(whole[: sum(self.sizes)], self.sizes), strict=True):
            parameter.grad.copy_(gradient.view_as(parameter))  # type: ignore[union-attr]

    def settle(self, applied: bool) -> None:
        """Keep what was left out of an applied step; a refused one leaves nothing behind."""
        if applied:
            self.residuals = self._new
