"""Prefix language modelling: a document's start is seen whole, its rest is predicted (Raffel et al. 2020)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from training.objectives.base import IGNORED, Head, Row, Tokens, joined, numbered, shifted
from training.objectives.settings import ObjectiveSettings


class PrefixConfig(ObjectiveSettings):
    """Has no options of its own: where a document's prefix ends is drawn evenly over its length."""

    name: Literal["prefix"] = "prefix"


class Prefix:
    """A document of n tokens has a prefix of 0 .. n - 1, which attends in both directions and is not predicted.

    Raffel et al. draw the end of the prefix evenly, too; each document of a row sees itself alone.
    """

    head: Head = "tokens"

    def __init__(self, config: PrefixConfig) -> None:
        pass

    def capacity(self, length: int) -> int:
        """As for a causal row."""
        return length

    def row(
        self, documents: Sequence[Tokens], length: int, draw: np.random.Generator, before: Sequence[int] | None = None
    ) -> Row:
        """One draw per document. A prefix of p tokens shows places 0 .. p: the token before the document, and its
        first p, the last of which predicts the first target."""
        text, starts = joined(documents)
        sizes = np.diff(starts, append=len(text))
        prefixes = draw.integers(0, sizes)
        places = np.arange(len(text)) - np.repeat(starts, sizes)
        ends = np.repeat(prefixes, sizes)
        targets = np.where(places >= ends, text, IGNORED)
        return Row(shifted(text, starts, before), targets, numbered(starts, len(text)), places <= ends)
