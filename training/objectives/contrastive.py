"""Contrastive pairs: two spans of one document are closer than spans of different ones (van den Oord et al. 2018)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gristmill.schemas import END_OF_TEXT
from training.objectives.base import IGNORED, Head, Row, Tokens
from training.objectives.settings import ObjectiveSettings

SHORTEST = 8
"""Tokens of a document, below which it makes no pair."""


class ContrastiveConfig(ObjectiveSettings):
    """`view`: `neighbouring` cuts a document in two (Neelakantan et al. 2022), `augmented` crops it twice and deletes
    a tenth of the tokens (Izacard et al. 2022). `temperature` divides cosines; 0.05 is that of Gao et al. 2021."""

    name: Literal["contrastive"] = "contrastive"
    view: Literal["neighbouring", "augmented"] = "neighbouring"
    temperature: float = Field(default=0.05, gt=0)


class Contrastive:
    """Segments 2k - 1 and 2k of a row are a pair. Each sees itself alone, in both directions; nothing is predicted.

    Every other pair's span is a negative, also one of another piece of the same document, which is rare.
    """

    head: Head = "pairs"

    def __init__(self, config: ContrastiveConfig) -> None:
        self.config = config

    def capacity(self, length: int) -> int:
        """The two spans of a document are never longer than it."""
        return length

    def row(
        self, documents: Sequence[Tokens], length: int, draw: np.random.Generator, before: Sequence[int] | None = None
    ) -> Row:
        """Empty where no document makes a pair."""
        spans: list[NDArray[np.integer]] = []
        for document in documents:
            words = document[:-1] if document[-1] == END_OF_TEXT else document
            if len(words) >= SHORTEST:
                spans += self._pair(words, draw)
        tokens = np.concatenate([np.zeros(0, np.int64), *spans])
        segments = np.repeat(np.arange(1, len(spans) + 1, dtype=np.int32), [len(span) for span in spans])
        return Row(tokens, np.full(len(tokens), IGNORED, np.int64), segments, np.ones(len(tokens), bool))

    def _pair(self, words: Tokens, draw: np.random.Generator) -> list[NDArray[np.integer]]:
        size = len(words)
        if self.config.view == "neighbouring":
            cut = int(draw.integers(size // 4, size - size // 4 + 1))
            return [words[:cut], words[cut:]]
        return [self._crop(words, draw), self._crop(words, draw)]

    def _crop(self, words: Tokens, draw: np.random.Generator) -> NDArray[np.integer]:
        """A quarter to a half of the document, anywhere in it, less a tenth of its tokens; never empty."""
        size = int(draw.integers(len(words) // 4, len(words) // 2 + 1))
        start = int(draw.integers(0, len(words) - size + 1))
        keep = draw.random(size) >= 0.1
        keep[draw.integers(size)] = True
        return words[start : start + size][keep]
