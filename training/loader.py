"""The batches of one rank, made ahead by a thread from local memory maps. A rank reads its own sequences alone."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from training.batch import Batch, collate
from training.objectives.base import Row
from training.objectives.causal import Causal
from training.rows import causal_batch, read_spans
from training.sampler import Ints, Sampler, SamplerError, Trained

AHEAD = 2
"""Steps that are made while one is trained on."""


@dataclass(frozen=True)
class Share:
    """Which sequences of a step a rank takes: of each `ranks` x `micro_batch` together its own `micro_batch`.

    `rank` and `ranks` count replicas of the model: processes that hold parts of one model read the same data.
    """

    rank: int = 0
    ranks: int = 1
    micro_batch: int = 1

    def parts(self, batch: int) -> list[slice]:
        """The rank's sequences of a step of `batch`, a slice for each micro-batch. Raises SamplerError."""
        together = self.ranks * self.micro_batch
        if batch % together:
            raise SamplerError(f"a batch of {batch} sequences is no multiple of ranks x micro_batch = {together}")
        first = self.rank * self.micro_batch
        return [slice(start + first, start + first + self.micro_batch) for start in range(0, batch, together)]


class Loader:
    """Micro-batches by step. Steps may be asked for in any order; the next ones are made ahead.

    `stall_seconds`: time that `step` waited, in all; `fetched_tokens`: tokens read from the maps, those made ahead too.
    """

    def __init__(self, sampler: Sampler, length: int, share: Share) -> None:
        """`length`: tokens of a row."""
        self.sampler, self.length, self.share = sampler, length, share
        self.stall_seconds = 0.0
        self.fetched_tokens = 0
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="loader")
        self._draws = _Draws(sampler.seed)
        self._made: dict[int, Future[list[Batch]]] = {}

    def step(self, number: int) -> list[Batch]:
        """The rank's micro-batches of data step `number` (0-based). Raises what making them raised."""
        wanted = range(number, number + 1 + AHEAD)
        for other in set(self._made) - set(wanted):  # after a rollback
            self._made.pop(other).cancel()
        for one in wanted:
            if one not in self._made:
                self._made[one] = self._worker.submit(self._make, one)
        start = time.perf_counter()
        batches = self._made.pop(number).result()
        self.stall_seconds += time.perf_counter() - start
        return batches

    def documents(self, number: int) -> list[Trained]:
        """Every span of the step's batch, of all ranks."""
        return self.sampler.documents(number)

    def close(self) -> None:
        """End the thread."""
        self._worker.shutdown(cancel_futures=True)

    def _make(self, step: int) -> list[Batch]:
        objective, number, row = self.sampler.step(step)
        return [self._batch(objective[p], number[p], row[p]) for p in self.share.parts(len(objective))]

    def _batch(self, objective: Ints, number: Ints, row: Ints) -> Batch:
        first = int(objective[0])
        task = self.sampler.tasks[first]
        if isinstance(task.objective, Causal) and (objective == first).all():
            batch, tokens = causal_batch(task, row, self.length, first)
            self.fetched_tokens += tokens
            return batch
        places = zip(objective.tolist(), number.tolist(), row.tolist(), strict=True)
        return collate([self._row(*place) for place in places], objective.tolist(), self.length)

    def _row(self, index: int, number: int, row: int) -> Row:
        task = self.sampler.tasks[index]
        spans = task.plan.row(row)
        documents, before = read_spans(task.stream, spans)
        self.fetched_tokens += int(spans[:, 2].sum())
        return task.objective.row(documents, self.length, self._draws.of(task.key, number), before)


class _Draws:
    """A generator for each sequence: other masks in each epoch, the same on any rank.

    One generator is set anew instead of made anew, which takes a tenth of the time; so each holds until the next.
    """

    def __init__(self, seed: int) -> None:
        self._bits = np.random.Philox(key=[seed << 32, 0])
        self._start = self._bits.state
        self._generator = np.random.Generator(self._bits)
        self._seed = seed

    def of(self, key: int, number: int) -> np.random.Generator:
        """That of sequence `number` of the task with this key; to be used before the next call."""
        self._start["state"]["key"][:] = self._seed << 32 | key, number
        self._bits.state = self._start
        return self._generator
