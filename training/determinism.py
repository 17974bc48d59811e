"""Deterministic mode: the same run on the same machine gives the same bits."""

from __future__ import annotations

import os

import torch


def make_deterministic(seed: int, threads: int) -> None:
    """Refuse operators without a deterministic form, and fix what sums are split by: the number of threads.

    Call it before the first CUDA call: cuBLAS reads its workspace setting once. A later operator that cannot be
    deterministic raises RuntimeError with its name.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
