"""Compressed gradients: how far a rounding can be off, and that what it leaves out comes back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import nn

from training.compression import BLOCK, BYTES, Codec, Compressor, decode, encode

CODECS: list[Codec] = ["int8", "sign"]


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[None]:
    """A process group of one."""
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


def values(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * 10.0 ** (seed - 3)


@pytest.mark.parametrize("seed", range(6))
def test_int8_is_off_by_half_a_step_of_a_blocks_largest_at_most(seed: int) -> None:
    original = values(seed, 3, 4 * BLOCK)
    packed = encode(original, "int8")
    assert packed.shape == (3, 4, BYTES["int8"])
    assert packed.dtype == torch.uint8
    bound = original.view(3, 4, BLOCK).abs().amax(-1, keepdim=True) / 127 * 0.5001
    assert ((decode(packed, "int8") - original).view(3, 4, BLOCK).abs() <= bound).all()


@pytest.mark.parametrize("seed", range(6))
def test_a_sign_keeps_signs_and_mean_magnitudes(seed: int) -> None:
    original = values(seed, 2, 3 * BLOCK)
    packed = encode(original, "sign")
    found = decode(packed, "sign")
    assert packed.shape == (2, 3, BYTES["sign"])
    assert torch.equal(found.sign(), original.sign())
    means = original.view(2, 3, BLOCK).abs().mean(-1)
    torch.testing.assert_close(found.view(2, 3, BLOCK).abs().mean(-1), means)


@pytest.mark.parametrize("codec", CODECS)
def test_nothing_is_made_of_nothing(codec: Codec) -> None:
    assert not decode(encode(torch.zeros(2, BLOCK), codec), codec).any()


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.usefixtures("alone")
def test_what_is_left_out_comes_later(codec: Codec) -> None:
    """The updates of all steps and what is still left out are the gradients of all steps."""
    parameters = [nn.Parameter(torch.zeros(7, 50)), nn.Parameter(torch.zeros(13))]
    compressor = Compressor(parameters, codec)
    given, got = torch.zeros(363), torch.zeros(363)
    for step in range(30):
        for parameter, gradient in zip(parameters, torch.split(values(3, 30, 363)[step], [350, 13]), strict=True):
            parameter.grad = gradient.view_as(parameter).clone()
        given += torch.cat([p.grad.flatten() for p in parameters if p.grad is not None])
        compressor.reduce()
        compressor.settle(applied=True)
        got += torch.cat([p.grad.flatten() for p in parameters if p.grad is not None])
    left = (compressor.residuals[0].flatten() + compressor.residuals[1])[:363]
    torch.testing.assert_close(got + left, given, rtol=1e-4, atol=1e-4)
    assert left.norm() < 0.5 * given.norm()


@pytest.mark.usefixtures("alone")
def test_a_refused_step_leaves_nothing_behind_not_even_what_is_no_number() -> None:
    parameter = nn.Parameter(torch.zeros(BLOCK))
    compressor = Compressor([parameter], "int8")
    parameter.grad = values(3, BLOCK)
    parameter.grad[5] = torch.nan
    compressor.reduce()
    assert not parameter.grad.isfinite().all()
    compressor.settle(applied=False)
    assert not compressor.residuals[0].any()
    assert not compressor.residuals[1].any()
