"""What every pretraining objective has in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from gristmill.schemas import END_OF_TEXT

IGNORED = -100
"""Target of a place where nothing is predicted; torch's default of `ignore_index`."""

SENTINELS = 256
"""Sentinel tokens of span corruption: enough for half of 2,048 tokens in spans of 3. T5 has 100, for 512 tokens."""

Tokens = NDArray[np.uint32]


@dataclass(frozen=True)
class Specials:
    """Tokens that objectives add behind a tokenizer's `vocabulary`; a causal run alone needs none of them."""

    vocabulary: int

    @property
    def mask(self) -> int:
        return self.vocabulary

    @property
    def prefix(self) -> int:
        return self.vocabulary + 1

    @property
    def suffix(self) -> int:
        return self.vocabulary + 2

    @property
    def middle(self) -> int:
        return self.vocabulary + 3

    def mode(self, name: Literal["R", "S", "X"]) -> int:
        """The token that tells a UL2 denoiser's rows apart."""
        return self.vocabulary + 4 + "RSX".index(name)

    def sentinel(self, number: int) -> int:
        """Sentinel 0 .. SENTINELS - 1."""
        return self.vocabulary + 7 + number

    @property
    def total(self) -> int:
        """Entries of the embedding with all of them."""
        return self.vocabulary + 7 + SENTINELS


@dataclass(frozen=True)
class Row:
    """One row before padding; four arrays of equal length. See training.batch.Batch for their meaning."""

    tokens: NDArray[np.int64]
    targets: NDArray[np.int64]
    segments: NDArray[np.int32]
    visible: NDArray[np.bool_]


Head = Literal["tokens", "pairs", "classes"]
"""What reads the trunk: the tied token head, the pair embedding, or the task's own classes."""


class Objective(Protocol):
    """One way to make a task of text. Stateless: a row is a function of its documents and the generator."""

    head: Head

    def capacity(self, length: int) -> int:
        """Tokens of documents that a row of `length` is packed with, so that the made row always fits."""
        ...

    def row(
        self, documents: Sequence[Tokens], length: int, draw: np.random.Generator, before: Sequence[int] | None = None
    ) -> Row:
        """A row of at most `length` tokens of spans of documents, whose tokens sum to at most `capacity(length)`.

        The last token of a whole document is end-of-text; a span that was cut has none. `before` holds the token
        before each span in its document, from which a causal objective predicts the span's first: end-of-text
        before a document's start, and for all spans where it is not given.
        """
        ...


def joined(documents: Sequence[Tokens]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(the documents' tokens one after another, start of each)."""
    sizes = np.fromiter(map(len, documents), np.int64, len(documents))
    return np.concatenate(documents).astype(np.int64), np.cumsum(sizes) - sizes


def numbered(starts: NDArray[np.int64], size: int) -> NDArray[np.int32]:
    """Segment number of each of `size` places, of segments that begin at `starts`, from 1."""
    steps = np.zeros(size, np.int32)
    steps[starts] = 1
    return np.cumsum(steps, dtype=np.int32)


def shifted(text: NDArray[np.int64], starts: NDArray[np.int64], before: Sequence[int] | None) -> NDArray[np.int64]:
    """What a causal model reads to predict `text`: each span behind the token before it, less its own last."""
    tokens = np.empty_like(text)
    tokens[1:] = text[:-1]
    tokens[starts] = END_OF_TEXT if before is None else before
    return tokens
