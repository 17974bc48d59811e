"""Rows read from the memory maps: the spans of one for any objective, and all causal rows of a micro-batch at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gristmill.packing import Plan
from gristmill.schemas import END_OF_TEXT
from training.batch import Batch
from training.objectives.base import IGNORED, Tokens
from training.objectives.causal import Causal
from training.sampler import Task
from training.stream import TokenStream

Ints = NDArray[np.int64]


def read_spans(stream: TokenStream, spans: Ints) -> tuple[list[Tokens], list[int]]:
    """(the tokens of each span, the token before each in its document); `spans` as in a Plan."""
    starts = _starts(stream, spans)
    ends = starts + spans[:, 2]
    documents = [stream.tokens[a:b] for a, b in zip(starts.tolist(), ends.tolist(), strict=True)]
    return documents, _before(stream, spans, starts).tolist()


def causal_batch(task: Task, rows: Ints, length: int, index: int) -> tuple[Batch, int]:
    """(the batch that `collate` makes of the causal rows of plan rows `rows`, tokens read); `index` in the mixture.

    Each span is copied from the map to its place in the batch; all else is done for the whole batch at once, for the
    calls that each row would cost take most of the time.
    """
    assert isinstance(task.objective, Causal)
    spans, row, place = _placed(task.plan, rows)
    sizes, starts = spans[:, 2], _starts(task.stream, spans)
    begins = row * length + place
    shape, read = (len(rows), length), task.stream.tokens
    tokens, targets = np.zeros(shape, np.int64), np.full(shape, IGNORED, np.int64)
    left, right = tokens.reshape(-1), targets.reshape(-1)
    lists = (starts, sizes, begins, _before(task.stream, spans, starts))
    for start, size, begin, before in zip(*(each.tolist() for each in lists), strict=True):
        right[begin : begin + size] = read[start : start + size]
        left[begin] = before
        left[begin + 1 : begin + size] = right[begin : begin + size - 1]
    places = np.arange(length, dtype=np.int32)
    used = np.bincount(row, sizes).astype(np.int64)  # places of each row
    segments = (places < used[:, None]).astype(np.int32)
    positions = np.tile(places, (len(rows), 1))
    plain = not task.objective.separate or len(spans) == len(rows)
    if not plain:
        first = np.zeros(shape, np.bool_)
        first.reshape(-1)[begins] = True
        segments *= np.cumsum(first, axis=1, dtype=np.int32)
        short = used < length
        first[short, used[short]] = True  # padding counts from its own start
        positions -= np.maximum.accumulate(np.where(first, places, 0), axis=1)
    of = torch.from_numpy
    objective = torch.full((len(rows),), index, dtype=torch.int64)
    batch = Batch(of(tokens), of(targets), of(segments), of(positions), torch.zeros(shape, dtype=torch.bool),
                  objective, plain)  # fmt: skip
    return batch, int(sizes.sum())


def _placed(plan: Plan, rows: Ints) -> tuple[Ints, Ints, Ints]:
    """(spans of the plan rows one after another, (spans,) row of the batch, (spans,) first place in the row)"""
    counts = plan.rows[rows + 1] - plan.rows[rows]
    row = np.repeat(np.arange(len(rows)), counts)
    first = np.cumsum(counts) - counts
    spans = plan.spans[np.arange(len(row)) + (plan.rows[rows] - first)[row]]
    before = np.cumsum(spans[:, 2]) - spans[:, 2]
    return spans, row, before - before[first][row]


def _starts(stream: TokenStream, spans: Ints) -> Ints:
    """Each span's first token in the stream."""
    starts: Ints = stream.documents["start"][spans[:, 0]] + spans[:, 1]
    return starts


def _before(stream: TokenStream, spans: Ints, starts: Ints) -> NDArray[Any]:
    """The token before each span in its document; before its start, end-of-text."""
    return np.where(spans[:, 1] > 0, stream.tokens[np.maximum(starts - 1, 0)], END_OF_TEXT)
