"""Token streams: verified shards decoded once into a memory map, and a sampler that is a pure function.

The global batch of a step is the same sequences for any number of ranks, so the only state of the data is
the step.
"""

from __future__ import annotations

import os
import uuid
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gristmill import verdicts
from gristmill.lake import Lake, LakeError, hash_file


def token_stream(lake: Lake, tokens: str, split: str, folder: Path) -> NDArray[np.uint32]:
    """The split's tokens as one memory map under `folder`, made once per digest.

    Raises NotApproved unless the dataset has an approving verdict, LakeError for a shard whose bytes are not
    those published.
    """
    verdicts.require_approved(lake, tokens)
    path = folder / f"{tokens}-{split}.u32"
    if not path.is_file():
        _decode(lake, tokens, split, path)
    return np.memmap(path, np.uint32, mode="r")


def _decode(lake: Lake, tokens: str, split: str, path: Path) -> None:
    """Write beside and rename, so that two ranks or a kill never show half a stream."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{uuid.uuid4().hex}.tmp")
    with temporary.open("wb") as file:
        for entry in lake.manifest(tokens).files:
            if not entry.unit.startswith(split):
                continue
            if hash_file(lake.path(entry)) != entry.sha256:
                raise LakeError(f"{lake.path(entry)} is not the shard that was published; run `gristmill verify`")
            column = lake.read_file(entry, ["tokens"]).column("tokens")
            for chunk in column.chunks:
                file.write(chunk.flatten().to_numpy().astype("<u4").tobytes())
    os.replace(temporary, path)


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


def batch(stream: NDArray[np.uint32], starts: list[int], length: int) -> tuple[Tensor, Tensor]:
    """(inputs, targets), each (len(starts), length) int64."""
    rows = torch.from_numpy(np.stack([stream[s : s + length + 1].astype(np.int64) for s in starts]))
    return rows[:, :-1].contiguous(), rows[:, 1:].contiguous()
