"""Fill in the middle: a document's middle after its start and its end, all of it causal (Bavarian et al. 2022)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gristmill.schemas import END_OF_TEXT
from training.objectives.base import Head, Row, Specials, Tokens, joined, shifted
from training.objectives.settings import ObjectiveSettings

ADDED = 4
"""Tokens that a rearranged span gains: three sentinels, and an end-of-text where the span was cut."""


class MiddleConfig(ObjectiveSettings):
    """`rate` of the documents is rearranged, `spm` of these with the suffix first. Bavarian et al. advise 0.5 to 0.9
    and an even mix of both orders."""

    name: Literal["middle"] = "middle"
    rate: float = Field(default=0.5, ge=0, le=1)
    spm: float = Field(default=0.5, ge=0, le=1)

    needs_specials: ClassVar[bool] = True


class Middle:
    """PSM: <prefix> P <suffix> S <middle> M end. SPM: <prefix> <suffix> S <middle> P M end (the paper's variant 2).

    P, M and S end at two places that are drawn evenly. Every token is predicted, as in the paper; documents are
    joined as in causal rows, so that attention needs no mask.
    """

    head: Head = "tokens"

    def __init__(self, config: MiddleConfig, specials: Specials) -> None:
        self.config, self.specials = config, specials

    def rearranged(self, length: int) -> int:
        """Most documents of a row that can be rearranged: room is kept for one in 128 tokens."""
        return max(1, length // 128)

    def capacity(self, length: int) -> int:
        """Room is kept for the tokens that are added."""
        return length - ADDED * self.rearranged(length)

    def row(
        self, documents: Sequence[Tokens], length: int, draw: np.random.Generator, before: Sequence[int] | None = None
    ) -> Row:
        """The documents to rearrange are drawn; where they are more than a row has room for, the longest stay."""
        chosen = np.flatnonzero(draw.random(len(documents)) < self.config.rate)
        sizes = np.fromiter(map(len, documents), np.int64, len(documents))
        longest = chosen[np.argsort(-sizes[chosen], kind="stable")][: self.rearranged(length)]
        parts: list[NDArray[np.integer]] = list(documents)
        behind = [END_OF_TEXT] * len(documents) if before is None else list(before)
        for number in longest.tolist():
            parts[number] = self._rearrange(documents[number], draw)
            behind[number] = END_OF_TEXT
        text, starts = joined(parts)  # type: ignore[arg-type]
        return Row(shifted(text, starts, behind), text, np.ones(len(text), np.int32), np.zeros(len(text), bool))

    def _rearrange(self, document: Tokens, draw: np.random.Generator) -> NDArray[np.int64]:
        body = document[:-1] if document[-1] == END_OF_TEXT else document
        first, second = np.sort(draw.integers(0, len(body) + 1, 2))
        prefix, middle, suffix = body[:first], body[first:second], body[second:]
        s = self.specials
        if draw.random() < self.config.spm:
            return np.concatenate(([s.prefix, s.suffix], suffix, [s.middle], prefix, middle, [END_OF_TEXT]))
        return np.concatenate(([s.prefix], prefix, [s.suffix], suffix, [s.middle], middle, [END_OF_TEXT]))
