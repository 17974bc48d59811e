"""Masked language modelling: some tokens from all others around them (Devlin et al. 2019)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from gristmill.schemas import END_OF_TEXT
from training.objectives.base import IGNORED, Head, Row, Specials, Tokens, joined, numbered
from training.objectives.settings import ObjectiveSettings


class MaskedConfig(ObjectiveSettings):
    """`rate` of the tokens is predicted; of these `masked` become the mask token, `random` another token, and the
    rest stay. The defaults are BERT's: 15 %, of these 80 / 10 / 10 %."""

    name: Literal["masked"] = "masked"
    rate: float = Field(default=0.15, gt=0, lt=1)
    masked: float = Field(default=0.8, ge=0, le=1)
    random: float = Field(default=0.1, ge=0, le=1)

    needs_specials: ClassVar[bool] = True

    @model_validator(mode="after")
    def _shares(self) -> MaskedConfig:
        if self.masked + self.random > 1:
            raise ValueError("masked + random must be at most 1; the rest of the predicted tokens stays as it is")
        return self


class Masked:
    """Every document of a row sees itself alone, in both directions."""

    head: Head = "tokens"

    def __init__(self, config: MaskedConfig, specials: Specials) -> None:
        self.config, self.specials = config, specials

    def capacity(self, length: int) -> int:
        """Nothing is added."""
        return length

    def row(
        self, documents: Sequence[Tokens], length: int, draw: np.random.Generator, before: Sequence[int] | None = None
    ) -> Row:
        """`rate` of the row's tokens, at least one, ends of text aside, is chosen without replacement."""
        text, starts = joined(documents)
        words = np.flatnonzero(text != END_OF_TEXT)
        count = min(len(words), max(1, round(self.config.rate * len(words))))
        chosen = draw.choice(words, count, replace=False, shuffle=False)
        fate = draw.random(count)
        other = draw.integers(END_OF_TEXT + 1, self.specials.vocabulary, count)
        tokens, targets = text.copy(), np.full(len(text), IGNORED, np.int64)
        targets[chosen] = text[chosen]
        replaced = self.config.masked + self.config.random
        hidden = np.where(fate < self.config.masked, self.specials.mask, other)
        tokens[chosen] = np.where(fate < replaced, hidden, text[chosen])
        return Row(tokens, targets, numbered(starts, len(text)), np.ones(len(text), bool))
