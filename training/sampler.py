"""What a step trains on: pure functions of (seed, step), the same for any number of ranks, workers and restarts.

The step is the whole position of the data in a checkpoint. No torch here: `gristmill train batch` asks it too.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gristmill.errors import UserError
from gristmill.packing import Plan
from training.objectives.base import Objective
from training.stream import TokenStream

Ints = NDArray[np.int64]

_GOLDEN = (math.sqrt(5) - 1) / 2
_TABLE_STEPS = 1024


class SamplerError(UserError):
    """The data cannot fill the steps that are asked for; the message says what to change."""


class Mixture:
    """Which objective each sequence of a step belongs to, and how many sequences each has had before.

    Systematic sampling: a step's `batch` sequences are equally spaced points on the line of cumulated weights, so an
    objective has its exact share of each step rounded down or up. The offset of the points moves by the golden ratio
    from step to step, a sequence of low discrepancy (Kuipers and Niederreiter 1974, section 2.3): over n steps an
    objective is off its exact share by some log n sequences, never by a part of n.
    """

    def __init__(self, weights: Callable[[int], Sequence[float]], batch: Callable[[int], int], seed: int) -> None:
        """`weights(step)` of each objective, 0 or more; `batch(step)`: sequences of all ranks."""
        self.weights, self.batch, self.seed = weights, batch, seed
        self._phase = float(np.random.default_rng(seed).random())
        self._before = np.zeros((1, len(weights(0))), np.int64)
        self._lock = Lock()  # a loader's thread asks, and so does the training loop

    def counts(self, step: int) -> Ints:
        """(objectives,) sequences of each before `step` (0-based), from a table that grows to twice its size."""
        with self._lock:
            while len(self._before) <= step:
                known = len(self._before)
                shares = self._shares(np.arange(known - 1, known - 1 + max(known, _TABLE_STEPS)))
                self._before = np.concatenate([self._before, self._before[-1] + np.cumsum(shares, axis=0)])
            before: Ints = self._before[step]
        return before

    def layout(self, step: int) -> tuple[Ints, Ints]:
        """(objective, number) of each sequence of the step's batch, both (batch,); `number` counts the objective's
        sequences since the run began. Objectives are spread evenly over the batch, and so over ranks.

        Raises SamplerError for a step at which no objective has a weight.
        """
        first = self.counts(step)
        shares = self.counts(step + 1) - first
        if not shares.any():
            raise SamplerError(f"no objective has a weight above 0 at step {step + 1}; let one keep some")
        objective = np.repeat(np.arange(len(shares)), shares)
        within = np.arange(len(objective)) - np.repeat(np.cumsum(shares) - shares, shares)
        if np.count_nonzero(shares) > 1:
            phase = np.random.default_rng([self.seed, step]).random(len(shares))
            order = np.lexsort((objective, (within + phase[objective]) / shares[objective]))
            objective, within = objective[order], within[order]
        return objective, first[objective] + within

    def _shares(self, steps: Ints) -> Ints:
        """(steps, objectives) sequences of each; their sum is the step's batch, or 0 where nothing has a weight."""
        batch = np.array([self.batch(step) for step in steps.tolist()])[:, None]
        weights = np.array([self.weights(step) for step in steps.tolist()], np.float64)
        if weights.shape[1] == 1:
            return batch
        bounds = np.cumsum(weights, axis=1)
        whole = bounds[:, -1:]
        offset = (self._phase + steps[:, None] * _GOLDEN) % 1.0
        below = np.ceil(batch * (bounds / np.where(whole > 0, whole, 1)) - offset).clip(0, batch).astype(np.int64)
        below[:, -1:] = batch  # also where rounding lost the last point
        below *= whole > 0
        shares: Ints = np.diff(below, axis=1, prepend=0)
        return shares


@dataclass(frozen=True)
class Task:
    """An objective of the mixture with the rows of documents that it reads, in the order of a `Mixture`'s weights."""

    title: str
    objective: Objective
    stream: TokenStream
    plan: Plan

    @property
    def key(self) -> int:
        """Tells its draws from those of the other objectives."""
        return zlib.crc32(self.title.encode())


@dataclass(frozen=True)
class Trained:
    """A span of a document in a batch: tokens `start` .. `start + tokens - 1` of the document."""

    sequence: int
    objective: str
    snapshot: str
    doc_id: int
    start: int
    tokens: int

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


class Sampler:
    """The rows of each step: each objective goes through its plan in a new order every epoch."""

    def __init__(self, tasks: Sequence[Task], mixture: Mixture, seed: int) -> None:
        """Raises SamplerError for an objective that has no rows."""
        self.tasks, self.mixture, self.seed = tuple(tasks), mixture, seed
        self._orders: dict[int, tuple[int, Ints]] = {}
        for task in self.tasks:
            if not task.plan.count:
                raise SamplerError(f"objective {task.title} has no documents; give it data or take it out")

    def step(self, step: int) -> tuple[Ints, Ints, Ints]:
        """(objective, number, row of the objective's plan) of each sequence of a step (0-based), each (batch,)."""
        objective, number = self.mixture.layout(step)
        row = np.empty_like(number)
        for index in range(len(self.tasks)):
            mine = objective == index
            row[mine] = self._rows(index, number[mine])
        return objective, number, row

    def _rows(self, index: int, numbers: Ints) -> Ints:
        """Rows of consecutive sequences of one objective."""
        count = self.tasks[index].plan.count
        parts = [numbers[:0]]
        while len(numbers):
            epoch = int(numbers[0]) // count
            here = numbers[: (epoch + 1) * count - int(numbers[0])]
            parts.append(self._order(index, epoch)[here - epoch * count])
            numbers = numbers[len(here) :]
        return np.concatenate(parts)

    def _order(self, index: int, epoch: int) -> Ints:
        """A permutation of the rows; that of the epoch which was asked for last is kept."""
        kept, order = self._orders.get(index, (-1, None))
        if order is None or kept != epoch:
            task = self.tasks[index]
            order = np.random.default_rng([self.seed, epoch, task.key]).permutation(task.plan.count)
            self._orders[index] = (epoch, order)
        return order

    def documents(self, step: int) -> list[Trained]:
        """Every span of the step's batch (0-based), of all ranks, in the order of its sequences."""
        found = []
        for sequence, (index, _, row) in enumerate(zip(*self.step(step), strict=True)):
            task = self.tasks[index]
            for document, start, tokens in task.plan.row(row).tolist():
                entry = task.stream.documents[document]
                name = task.stream.snapshots[entry["snapshot"]]
                found.append(Trained(sequence, task.title, name, int(entry["doc_id"]), start, tokens))
        return found

    def position(self, step: int) -> dict[str, Any]:
        """Where the data are before a step: derived from it, and told in checkpoints for people to read."""
        counts = self.mixture.counts(step).tolist()
        of = {t.title: {"sequences": n, "epoch": n // t.plan.count} for t, n in zip(self.tasks, counts, strict=True)}
        return {"data_step": step, "objectives": of}
