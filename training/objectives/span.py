"""Span corruption: missing spans of a row after the row without them (Raffel et al. 2020; Tay et al. 2022)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from gristmill.settings import SettingsError
from training.objectives.base import IGNORED, SENTINELS, Head, Row, Specials, Tokens
from training.objectives.settings import ObjectiveSettings

Mode = Literal["R", "S", "X"]
DENOISERS: dict[Mode, tuple[float, float]] = {"R": (0.15, 3.0), "S": (0.25, 0.0), "X": (0.5, 3.0)}
"""(rate, mean span) of UL2's denoisers: regular, sequential, extreme. UL2 also has R with spans of 8, and X with
spans of 8 and 64 and with a rate of 0.15 and spans of 64 (Tay et al. 2022, table 1)."""


class SpanConfig(ObjectiveSettings):
    """`mode` R, S or X is a UL2 denoiser and its mode token; a mixture of them is one entry for each. `rate` of the
    tokens is missing, in spans of `mean_span` tokens in the mean (R, X) or as the row's end (S). Both default to the
    denoiser's own."""

    name: Literal["span"] = "span"
    mode: Mode = "R"
    rate: float | None = Field(default=None, gt=0, lt=1)
    mean_span: float | None = Field(default=None, ge=1)

    needs_specials: ClassVar[bool] = True

    @model_validator(mode="after")
    def _sequential(self) -> SpanConfig:
        if self.mode == "S" and self.mean_span is not None:
            raise ValueError("mean_span has no meaning in mode S, whose one span is the row's end; leave it out")
        return self

    @property
    def default_title(self) -> str:
        """Denoisers of one mixture are told apart."""
        return f"span-{self.mode.lower()}"


class Span:
    """A row is: mode token, text with a sentinel for each missing span, then each sentinel with its span.

    The first part is visible, the second causal; a last sentinel ends it. The row's documents are corrupted as one
    text, as T5 does, for a sentinel pair per short document would not pay.
    """

    head: Head = "tokens"

    def __init__(self, config: SpanConfig, specials: Specials) -> None:
        rate, mean = DENOISERS[config.mode]
        self.mode, self.specials = config.mode, specials
        self.rate, self.mean = config.rate or rate, config.mean_span or mean

    def capacity(self, length: int) -> int:
        """The most tokens whose corrupted row fits. Raises SettingsError where they need too many sentinels."""
        size = length
        while size > 0 and size + 2 * self.shape(size)[1] + 1 > length:
            size -= 1
        if self.shape(size)[1] >= SENTINELS:
            raise SettingsError(
                f"span corruption of {length} tokens with rate {self.rate} and spans of {self.mean} needs more than "
                f"{SENTINELS} sentinels; make mean_span greater or sequence_length smaller"
            )
        return size

    def shape(self, size: int) -> tuple[int, int]:
        """(missing tokens, spans) of a row of `size` tokens, as T5 rounds them; (0, 0) for less than two tokens.

        For S the missing tokens are the mean; a row draws its own."""
        if size < 2:
            return 0, 0
        missing = min(max(round(size * self.rate), 1), size - 1)
        if self.mode == "S":
            return missing, 1
        return missing, min(max(round(missing / self.mean), 1), size - missing)

    def row(
        self, documents: Sequence[Tokens], length: int, draw: np.random.Generator, before: Sequence[int] | None = None
    ) -> Row:
        """Places of the spans are drawn as T5 does: both the kept and the missing tokens are cut evenly at random
        into as many parts as there are spans, which alternate. A text of one token has no target."""
        text = np.concatenate(documents).astype(np.int64)
        kept, missing = self._cut(len(text), draw)
        spans = len(kept)
        lost = np.zeros(len(text), bool)
        if spans:
            lost = np.repeat(np.arange(2 * spans) % 2 == 1, np.stack([kept, missing], axis=1).ravel())
        sentinels = self.specials.sentinel(0) + np.arange(spans + 1)
        visible = _interleaved(text[~lost], np.cumsum(kept), sentinels[:spans])
        answer = _interleaved(text[lost], np.cumsum(missing) - missing, sentinels[:spans])
        tokens = np.concatenate([[self.specials.mode(self.mode)], visible, answer])
        targets = np.full(len(tokens), IGNORED, np.int64)
        if spans:
            targets[1 + len(visible) :] = np.append(answer[1:], sentinels[spans])
        seen = np.arange(len(tokens)) <= len(visible)
        return Row(tokens, targets, np.ones(len(tokens), np.int32), seen)

    def _cut(self, size: int, draw: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(tokens kept before each span, tokens missing in it), each at least 1; S: one span, the end of the row."""
        missing, spans = self.shape(size)
        if self.mode == "S" and spans:
            missing = int(draw.integers(1, min(2 * missing, size - 1) + 1))
        return _parts(size - missing, spans, draw), _parts(missing, spans, draw)


def _parts(total: int, parts: int, draw: np.random.Generator) -> NDArray[np.int64]:
    """`total` as a sum of `parts` whole numbers from 1, each such sum as likely as any other."""
    if not parts:
        return np.zeros(0, np.int64)
    cuts = np.sort(draw.choice(total - 1, parts - 1, replace=False, shuffle=False)) + 1
    return np.diff(cuts, prepend=0, append=total)


def _interleaved(text: NDArray[np.int64], places: NDArray[np.int64], marks: NDArray[np.int64]) -> NDArray[np.int64]:
    """`text` with mark i before what was its place `places[i]`; np.insert in a fifth of its time."""
    marked = np.zeros(len(text) + len(marks), bool)
    marked[places + np.arange(len(marks))] = True
    found = np.empty(len(marked), np.int64)
    found[marked], found[~marked] = marks, text
    return found
