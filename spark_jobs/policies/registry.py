"""The signals that a policy can name: those of the annotated families, and the facts that extraction wrote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gristmill.scores import family
from gristmill.signals.scores import score_signals
from gristmill.signals.signal import Signal, flag

DOCUMENTS = "documents"
"""The dataset of extracted documents; its facts are read from there, without the text."""

FACTS: tuple[Signal, ...] = (
    flag("noindex", "the page or its headers ask robots not to index it", "robots meta tag and X-Robots-Tag"),
    flag("noai", "the page or its headers reserve it from training", "robots meta tag, X-Robots-Tag, TDM reservation"),
    flag("truncated", "the capture holds less than the whole page", "WARC-Truncated and Content-Length"),
)

Families = Mapping[str, tuple[Signal, ...]]


@dataclass(frozen=True)
class Column:
    """A signal and the family whose dataset holds it."""

    family: str
    signal: Signal


Registry = Mapping[str, Column]
"""Signal name -> where it is. Names are unique over all families."""


def registry(families: Families) -> dict[str, Column]:
    """The registry of some families, with the facts of documents."""
    everything = {DOCUMENTS: FACTS, **families}
    return {signal.name: Column(family, signal) for family, signals in everything.items() for signal in signals}


def installed(scores: Mapping[str, str] | None = None) -> dict[str, Column]:
    """The registry of the families that `annotate` measures; `scores`: models (name -> digest) that it runs too."""
    from gristmill.signals import FAMILIES

    models = {family(name, digest): score_signals(name) for name, digest in sorted((scores or {}).items())}
    return registry({**FAMILIES, **models})
