"""The columns of a score family: what one model says of a text. Their names begin with the model's name."""

from __future__ import annotations

import pyarrow as pa

from gristmill.signals.signal import Signal, count, number

BUCKETS = ("head", "middle", "tail")
HEAD, TAIL = 70.0, 40.0
"""Percentiles from which a document is of the head, and below which of the tail: cc_net keeps the best 30 percent as
head and the next 30 as middle (Wenzek et al. 2020; its code)."""

_SOURCE = "the model of this name; `gristmill score show` prints its card"
_VIEW = "folded for shingling"
_NO_SCORE = "the model does not know the language, or the text has nothing that it measures"
_NO_PLACE = "no score, or too few reference documents of the language"


def score_signals(name: str) -> tuple[Signal, ...]:
    """The signals of the model `name`."""
    return (
        number(f"{name}_score", "as the model's card says", "what the model gives", _SOURCE, _VIEW, low=None,
               null=_NO_SCORE),
        number(f"{name}_percentile", "percent of documents", "share of the model's reference documents of the language "
               "that are worse, half of those that are equal", _SOURCE, _VIEW, high=100, null=_NO_PLACE),
        Signal(f"{name}_bucket", pa.string(), "head, middle or tail", f"from percentile {HEAD:g} on, from {TAIL:g} on, "
               "below", "cc_net (Wenzek et al. 2020)", _VIEW, null=_NO_PLACE),
        count(f"{name}_features", "features", "words and pairs, or predicted words, that the score is a mean of",
              _SOURCE, _VIEW),
    )  # fmt: skip
