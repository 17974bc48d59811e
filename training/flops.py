"""Work per token, the device's measured peak, and the share of it that training uses."""

from __future__ import annotations

import time

import torch


def flops_per_token(parameters: int, layers: int, width: int, length: int) -> float:
    """Floating-point operations of forward and backward per token: 6 N + 12 layers x width x length.

    6 N is Kaplan et al. 2020: a multiplication and an addition per parameter forward, twice that backward. N counts
    the embedding once, for the logits are a product with it while looking a token up costs nothing. The second term
    is attention's (Chowdhery et al. 2022, appendix B), counted in full as they do although half of it is masked.
    Recomputed activations do not count.
    """
    return 6.0 * parameters + 12.0 * layers * width * length


def measured_peak(device: torch.device, dtype: torch.dtype, seconds: float = 0.3) -> float:
    """FLOP/s of one process' square matrix product, the best of those that fit in `seconds`.

    On CPUs with the process' own threads, on GPUs of a size that fills them. Ranks that share a machine should
    measure at the same time.
    """
    size = 8192 if device.type == "cuda" else 1024
    left = torch.ones(size, size, dtype=dtype, device=device)
    best, deadline = float("inf"), time.perf_counter() + seconds
    left @ left  # the first product also plans
    while True:
        _finish(device)
        start = time.perf_counter()
        left @ left
        _finish(device)
        best = min(best, time.perf_counter() - start)
        if time.perf_counter() > deadline:
            return 2.0 * size**3 / best


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
