"""Causal language modelling: each token from those before it (Radford et al. 2019)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from training.objectives.base import Head, Row, Tokens, joined, numbered, shifted
from training.objectives.settings import ObjectiveSettings


class CausalConfig(ObjectiveSettings):
    """`documents`: `joined`, where a row's documents see each other as in GPT-2 and attention needs no mask, or
    `separate`, where a document sees itself alone."""

    name: Literal["causal"] = "causal"
    documents: Literal["joined", "separate"] = "joined"


class Causal:
    """Predict every token of every document."""

    head: Head = "tokens"

    def __init__(self, config: CausalConfig) -> None:
        self.separate = config.documents == "separate"

    def capacity(self, length: int) -> int:
        """A row holds `length` tokens, of which the first is the one before the first document."""
        return length

    def row(
        self, documents: Sequence[Tokens], length: int, draw: np.random.Generator, before: Sequence[int] | None = None
    ) -> Row:
        """Nothing is drawn."""
        text, starts = joined(documents)
        segments = numbered(starts if self.separate else starts[:1], len(text))
        return Row(shifted(text, starts, before), text, segments, np.zeros(len(text), bool))
