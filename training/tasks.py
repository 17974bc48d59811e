"""The tasks of a mixture: for each objective the documents that it reads and the plan of its rows. No torch here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from gristmill.packing import plan, stored_plan
from training.objectives.base import Objective, Specials, Tokens
from training.objectives.config import ObjectiveConfig, build
from training.sampler import Mixture, Sampler, Task
from training.stream import DOCUMENT, TokenStream


@runtime_checkable
class Labelled(Protocol):
    """An objective that brings its own documents."""

    def documents(self, length: int) -> list[Tokens]:
        """The labelled documents for rows of `length` tokens."""
        ...


def build_sampler(
    configs: Sequence[ObjectiveConfig],
    stream: TokenStream,
    folder: Path,
    *,
    vocabulary: int,
    length: int,
    batch: Callable[[int], int],
    seed: int,
) -> Sampler:
    """The sampler of a run; its plans are kept in `folder`, beside the stream's maps.

    `vocabulary`: the tokenizer's entries; `length`: tokens of a row; `batch(step)`: sequences of a step (0-based) on
    all ranks. Raises SamplerError for an objective without rows, LabelError for labelled data that are no good.
    """
    tasks = [_task(config, build(config, Specials(vocabulary)), stream, folder, length) for config in configs]
    return Sampler(tasks, Mixture(lambda step: [config.weight_at(step) for config in configs], batch, seed), seed)


def _task(config: ObjectiveConfig, objective: Objective, stream: TokenStream, folder: Path, length: int) -> Task:
    capacity = objective.capacity(length)
    if isinstance(objective, Labelled):
        own = own_stream(config.title, objective.documents(length))
        return Task(config.title, objective, own, plan(own.lengths, capacity))
    rows = stored_plan(folder, stream.digest, stream.split, stream.lengths, capacity)
    return Task(config.title, objective, stream, rows)


def own_stream(title: str, documents: Sequence[Tokens]) -> TokenStream:
    """Documents in memory as a stream; in place of a snapshot stands the objective, and a document's id is its row."""
    table = np.zeros(len(documents), DOCUMENT)
    table["length"] = [len(document) for document in documents]
    table["start"] = np.cumsum(table["length"]) - table["length"]
    table["doc_id"] = np.arange(len(documents))
    tokens = np.concatenate([np.zeros(0, np.uint32), *documents])
    return TokenStream("", "train", tokens, table, (f"labelled data of {title}",))
