"""Rows read from the memory maps: the spans of one for any objective, and all causal rows of a micro-batch at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

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

    One pass of array operations over all rows, for rows are short and calls per row would take most of the time.
    """
    assert isinstance(task.objective, Causal)
    spans, first = _spans(task, rows)
    sizes = spans[:, 2]
    ends = np.cumsum(sizes)
    begins = ends - sizes  # of each span among the tokens read
    starts = _starts(task.stream, spans)
    count = int(ends[-1])
    text = task.stream.tokens[np.arange(count) + np.repeat(starts - begins, sizes)].astype(np.int64)
    shifted = np.empty_like(text)
    shifted[1:] = text[:-1]
    shifted[begins] = _before(task.stream, spans, starts)

    shape = (len(rows), length)
    row_begins = np.append(begins, count)[first]
    row_sizes = np.diff(row_begins)
    place = np.broadcast_to(np.arange(length, dtype=np.int32), shape)
    held = place < row_sizes[:, None]
    tokens, targets = np.zeros(shape, np.int64), np.full(shape, IGNORED, np.int64)
    tokens[held], targets[held] = shifted, text
    segments, positions, spans_of = held.astype(np.int32), place.copy(), np.diff(first)
    plain = not task.objective.separate or int(spans_of.max()) == 1
    if not plain:
        number = np.arange(len(spans)) - np.repeat(first[:-1], spans_of)
        segments[held] = np.repeat(number + 1, sizes)
        positions[held] -= np.repeat(begins - np.repeat(row_begins[:-1], spans_of), sizes).astype(np.int32)
        positions[~held] = (place - row_sizes[:, None])[~held]
    of = torch.from_numpy
    objective = torch.full((len(rows),), index, dtype=torch.int64)
    batch = Batch(of(tokens), of(targets), of(segments), of(positions), torch.zeros(shape, dtype=torch.bool),
                  objective, plain)  # fmt: skip
    return batch, count


def _spans(task: Task, rows: Ints) -> tuple[Ints, Ints]:
    """(spans of the plan rows one after another, (rows + 1,) where each row's begin)"""
    plan = task.plan
    counts = plan.rows[rows + 1] - plan.rows[rows]
    first = np.concatenate([[0], np.cumsum(counts)])
    return plan.spans[np.arange(first[-1]) + np.repeat(plan.rows[rows] - first[:-1], counts)], first


def _starts(stream: TokenStream, spans: Ints) -> Ints:
    """Each span's first token in the stream."""
    starts: Ints = stream.documents["start"][spans[:, 0]] + spans[:, 1]
    return starts


def _before(stream: TokenStream, spans: Ints, starts: Ints) -> NDArray[Any]:
    """The token before each span in its document; before its start, end-of-text."""
    return np.where(spans[:, 1] > 0, stream.tokens[np.maximum(starts - 1, 0)], END_OF_TEXT)
