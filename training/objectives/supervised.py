"""Supervised tasks in the mixture: one label for a document, or one for each of its tokens.

Classification and tagging with a linear layer on the trunk follow Devlin et al. 2019.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from training.objectives.base import IGNORED, Head, Row, Specials, Tokens, joined, numbered
from training.objectives.labels import LabelError, check_labels, read_labelled
from training.objectives.settings import ObjectiveSettings


class ClassificationConfig(ObjectiveSettings):
    """`data`: a Parquet file with `tokens` (lists of whole numbers) and `label` (0 to `classes` - 1)."""

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
        path = self.config.data
        texts, labels = read_labelled(path, "label", self.specials.vocabulary)
        check_labels(labels, self.config.classes, path)
        return [
            np.append(text[: length - 1], label).astype(np.uint32) for text, label in zip(texts, labels, strict=True)
        ]


class Tagging:
    """A labelled document is its tokens and then, for each, its label + 1; 0 stands for none."""

    head: Head = "classes"

    def __init__(self, config: TaggingConfig, specials: Specials) -> None:
        self.config, self.specials = config, specials

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
        path = self.config.data
        found = []
        for text, tags in zip(*read_labelled(path, "labels", self.specials.vocabulary), strict=True):
            if len(text) != len(tags):
                raise LabelError(f"{path}: {len(text)} tokens have {len(tags)} labels; give each token one")
            check_labels(tags[tags != IGNORED], self.config.classes, path)
            codes = np.where(tags == IGNORED, 0, tags + 1)
            found.append(np.concatenate([text[:length], codes[:length]]).astype(np.uint32))
        return found
