"""Supervised tasks in the mixture: one label for a document, or one for each token, from labelled Parquet.

Classification and tagging with a linear layer on the trunk follow Devlin et al. 2019.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field

from gristmill.errors import UserError
from training.objectives.base import IGNORED, Head, Row, Specials, Tokens, joined, numbered
from training.objectives.settings import ObjectiveSettings


class LabelError(UserError):
    """Labelled data that cannot be learned from."""


class ClassificationConfig(ObjectiveSettings):
    """`data`: a Parquet file with `tokens` (list of integers) and `label` (0 .. `classes` - 1), a row a document."""

    name: Literal["classification"] = "classification"
    data: Path
    classes: int = Field(ge=2)

    needs_specials: ClassVar[bool] = True


class TaggingConfig(ObjectiveSettings):
    """`data`: a Parquet file with `tokens` and `labels`, two lists of equal length; a label of -100 is not learned."""

    name: Literal["tagging"] = "tagging"
    data: Path
    classes: int = Field(ge=2)


class Classification:
    """A labelled document is its tokens and then its label, in whose place the row has the mask token."""

    head: Head = "classes"

    def __init__(self, config: ClassificationConfig, specials: Specials) -> None:
        self.config, self.specials = config, specials

    def capacity(self, length: int) -> int:
        """A label's place counts as a token."""
        return length

    def row(
        self, documents: Sequence[Tokens], length: int, draw: np.random.Generator, before: Sequence[int] | None = None
    ) -> Row:
        """Nothing is drawn."""
        text, starts = joined(documents)
        ends = np.append(starts[1:], len(text)) - 1
        targets = np.full(len(text), IGNORED, np.int64)
        targets[ends] = text[ends]
        text[ends] = self.specials.mask
        return Row(text, targets, numbered(starts, len(text)), np.ones(len(text), bool))

    def documents(self, length: int) -> list[Tokens]:
        """The labelled documents, those of `length` tokens or more cut. Raises LabelError."""
        tokens, labels = _read(self.config.data, "label")
        values = labels.to_numpy(zero_copy_only=False)
        _check(values, self.config.classes, self.config.data)
        return [np.append(t[: length - 1], np.uint32(v)) for t, v in zip(_lists(tokens), values, strict=True)]


class Tagging:
    """A labelled document is its tokens and then, for each, its label + 1; 0 stands for none."""

    head: Head = "classes"

    def __init__(self, config: TaggingConfig) -> None:
        self.config = config

    def capacity(self, length: int) -> int:
        """A token and its label are two in a document and one place in a row."""
        return 2 * length

    def row(
        self, documents: Sequence[Tokens], length: int, draw: np.random.Generator, before: Sequence[int] | None = None
    ) -> Row:
        """Nothing is drawn."""
        text, starts = joined([document[: len(document) // 2] for document in documents])
        labels, _ = joined([document[len(document) // 2 :] for document in documents])
        targets = np.where(labels == 0, IGNORED, labels - 1)
        return Row(text, targets, numbered(starts, len(text)), np.ones(len(text), bool))

    def documents(self, length: int) -> list[Tokens]:
        """The labelled documents, those longer than `length` tokens cut. Raises LabelError."""
        tokens, labels = _read(self.config.data, "labels")
        found = []
        for words, tags in zip(_lists(tokens), _lists(labels), strict=True):
            if len(words) != len(tags):
                raise LabelError(
                    f"{self.config.data}: {len(words)} tokens have {len(tags)} labels; give each token one"
                )
            known = tags[tags != IGNORED]
            _check(known, self.config.classes, self.config.data)
            codes = np.where(tags == IGNORED, 0, tags + 1)
            found.append(np.concatenate([words[:length], codes[:length]]).astype(np.uint32))
        return found


def _read(path: Path, column: str) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    try:
        table = pq.read_table(path, columns=["tokens", column])
    except (OSError, pa.ArrowException) as error:
        raise LabelError(f"{path} cannot be read as Parquet with columns tokens and {column}: {error}") from None
    if table.column("tokens").null_count or table.column(column).null_count or not table.num_rows:
        raise LabelError(f"{path} has no rows, or rows without tokens or {column}; take those out")
    return table.column("tokens"), table.column(column)


def _lists(column: pa.ChunkedArray) -> list[Tokens]:
    whole = column.combine_chunks()
    values = whole.values.to_numpy(zero_copy_only=False)
    offsets = whole.offsets.to_numpy()
    return [values[a:b] for a, b in pairwise(offsets)]


def _check(labels: np.typing.NDArray[np.integer], classes: int, path: Path) -> None:
    if len(labels) and (labels.min() < 0 or labels.max() >= classes):
        raise LabelError(f"{path}: labels are {labels.min()} to {labels.max()}, but classes is {classes}; "
                         f"number the labels from 0 to {classes - 1}")  # fmt: skip
