"""What a step trains on: a sampler that is a pure function of the step.

The global batch of a step is the same sequences for any number of ranks, so the only state of the data is
the step.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gristmill.lake import LakeError
from training.config import PretrainConfig


@dataclass(frozen=True)
class Sampler:
    """Windows of `length` + 1 tokens, in a new order every epoch."""

    tokens: int
    length: int
    seed: int

    def __post_init__(self) -> None:
        if self.windows < 1:
            raise LakeError(f"{self.tokens} training tokens are less than one sequence of {self.length + 1}")

    @property
    def windows(self) -> int:
        """Sequences per epoch."""
        return (self.tokens - 1) // self.length

    def starts(self, first: int, count: int) -> list[int]:
        """Start offsets of the global sequences first .. first + count - 1 since the run began."""
        return [self._start(number) for number in range(first, first + count)]

    def _start(self, number: int) -> int:
        epoch, place = divmod(number, self.windows)
        return int(_order(self.windows, self.seed, epoch)[place]) * self.length


@lru_cache(maxsize=2)
def _order(windows: int, seed: int, epoch: int) -> NDArray[np.int64]:
    return np.random.default_rng([seed, epoch]).permutation(windows)


def share(config: PretrainConfig, step: int, part: int, rank: int) -> tuple[int, int]:
    """(first, count) of the global sequences that `rank` takes as micro-batch `part` of `step` (from 0)."""
    count = config.parallel.micro_batch
    return step * config.global_batch + (part * config.parallel.ranks + rank) * count, count


def batch(stream: NDArray[np.uint32], starts: list[int], length: int) -> tuple[Tensor, Tensor]:
    """(inputs, targets), each (len(starts), length) int64."""
    rows = torch.from_numpy(np.stack([stream[s : s + length + 1].astype(np.int64) for s in starts]))
    return rows[:, :-1].contiguous(), rows[:, 1:].contiguous()
