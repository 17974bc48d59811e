"""What the trunk reads at once: rows of tokens with who may see whom, and what is to be predicted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from training.objectives.base import IGNORED, Row


@dataclass(frozen=True)
class Batch:
    """Rows of one micro-batch. A token sees a token of its own segment that is not later, or that is `visible`.

    `plain`: every row is one segment without visible tokens, and padding only behind it, so that causal attention
    needs no mask: what padding sees is of no account.
    """

    tokens: Tensor
    """(rows, time) int64"""
    targets: Tensor
    """(rows, time) int64: what the row's objective predicts at each place; IGNORED where nothing"""
    segments: Tensor
    """(rows, time) int32: number of the document in its row, from 1; 0 is padding, at the row's end"""
    positions: Tensor
    """(rows, time) int32: place in the segment, from 0"""
    visible: Tensor
    """(rows, time) bool: seen by the whole segment (an encoder's or a prefix's tokens)"""
    objective: Tensor
    """(rows,) int64: index of the row's objective in the mixture"""
    plain: bool

    def to(self, device: torch.device) -> Batch:
        """The same on a device."""
        return Batch(
            self.tokens.to(device), self.targets.to(device), self.segments.to(device), self.positions.to(device),
            self.visible.to(device), self.objective.to(device), self.plain,
        )  # fmt: skip


def collate(rows: list[Row], objectives: list[int], length: int) -> Batch:
    """Pad rows to `length` tokens; `objectives` holds each row's index in the mixture."""
    shape = (len(rows), length)
    tokens, targets = np.zeros(shape, np.int64), np.full(shape, IGNORED, np.int64)
    segments, visible = np.zeros(shape, np.int32), np.zeros(shape, bool)
    for i, row in enumerate(rows):
        size = len(row.tokens)
        tokens[i, :size], targets[i, :size], segments[i, :size] = row.tokens, row.targets, row.segments
        visible[i, :size] = row.visible
    plain = bool(segments.max(initial=0) <= 1 and not visible.any())
    places = np.broadcast_to(np.arange(length, dtype=np.int32), shape)
    positions = places.copy() if plain else places - _starts(segments, places)
    of = torch.from_numpy
    return Batch(of(tokens), of(targets), of(segments), of(positions), of(visible), torch.tensor(objectives), plain)


def _starts(segments: np.typing.NDArray[np.int32], places: np.typing.NDArray[np.int32]) -> np.typing.NDArray[np.int32]:
    """For each place, where its segment begins in the row."""
    first = np.diff(segments, axis=1, prepend=-1) != 0
    return np.asarray(np.maximum.accumulate(np.where(first, places, 0), axis=1))


def plain_batch(tokens: Tensor, targets: Tensor | None = None) -> Batch:
    """Rows of plain causal text, (rows, time) int64, of the mixture's first objective; for evaluation."""
    rows, time = tokens.shape
    place = torch.arange(time, dtype=torch.int32, device=tokens.device).expand(rows, time)
    nothing = torch.zeros(rows, time, dtype=torch.bool, device=tokens.device)
    first = torch.zeros(rows, dtype=torch.int64, device=tokens.device)
    wanted = torch.full_like(tokens, IGNORED) if targets is None else targets
    return Batch(tokens, wanted, torch.ones_like(place), place, nothing, first, True)
