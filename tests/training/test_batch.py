"""Rows put together: padding, positions, and when a batch needs no mask."""

from __future__ import annotations

import numpy as np
import torch

from training.batch import collate, plain_batch
from training.objectives.base import IGNORED, Row


def row(segments: list[int], visible: bool = False) -> Row:
    size = len(segments)
    return Row(
        np.arange(1, size + 1), np.arange(2, size + 2), np.array(segments, np.int32), np.full(size, visible)
    )  # fmt: skip


def test_rows_are_padded_and_positions_start_anew_in_each_segment() -> None:
    batch = collate([row([1, 1, 2, 2, 2]), row([1])], [1, 0], 6)
    assert batch.tokens.tolist() == [[1, 2, 3, 4, 5, 0], [1, 0, 0, 0, 0, 0]]
    assert batch.targets.tolist() == [[2, 3, 4, 5, 6, IGNORED], [2] + [IGNORED] * 5]
    assert batch.segments.tolist() == [[1, 1, 2, 2, 2, 0], [1, 0, 0, 0, 0, 0]]
    assert batch.positions[0, :5].tolist() == [0, 1, 0, 1, 2]
    assert batch.objective.tolist() == [1, 0]
    assert (batch.tokens.dtype, batch.segments.dtype, batch.visible.dtype) == (torch.int64, torch.int32, torch.bool)


def test_only_one_causal_segment_a_row_needs_no_mask() -> None:
    assert collate([row([1, 1, 1]), row([1])], [0, 0], 3).plain
    assert not collate([row([1, 1, 2]), row([1])], [0, 0], 3).plain
    assert not collate([row([1, 1, 1], visible=True)], [0], 3).plain
    assert collate([row([])], [0], 3).segments.tolist() == [[0, 0, 0]]


def test_a_plain_batch_is_what_collate_makes_of_one_segment() -> None:
    made = collate([row([1, 1, 1])], [0], 3)
    found = plain_batch(torch.tensor([[1, 2, 3]]), torch.tensor([[2, 3, 4]]))
    for name, value in vars(made).items():
        assert torch.equal(getattr(found, name), value) if isinstance(value, torch.Tensor) else value is found.plain
    assert (plain_batch(torch.tensor([[1, 2, 3]])).targets == IGNORED).all()
