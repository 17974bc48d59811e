"""Policies: readable YAML thresholds over signals that were measured once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import Field, model_validator

from gristmill.schemas import SCHEMAS
from gristmill.settings import Settings, load_yaml, nearest

SIGNALS = [
    name
    for family in ("heuristics", "language")
    for name, kind in zip(SCHEMAS[family].names, SCHEMAS[family].types, strict=True)
    if name != "doc_id" and (pa.types.is_floating(kind) or pa.types.is_integer(kind))
]


class Bounds(Settings):
    """A document passes from `min` to `max`, both inclusive."""

    min: float | None = None
    max: float | None = None


class Rule(Bounds):
    """Removes a document whose `signal` leaves the bounds.

    `languages` replaces the bounds for single languages. `words` marks a rule that counts words, which
    cannot be measured for scripts without spaces: it is not applied to them.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,40}$")
    signal: str
    words: bool = False
    languages: dict[str, Bounds] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _usable(self) -> Rule:
        if self.signal not in SIGNALS:
            raise ValueError(f"no signal '{self.signal}'{nearest(self.signal, SIGNALS)}")
        if self.min is None and self.max is None:
            raise ValueError(f"rule '{self.name}' needs min, max or both; without them it never fires")
        return self


class DuplicatePolicy(Settings):
    """`min_jaccard`: verified pairs below it do not remove; `remove: false` keeps all members."""

    remove: bool = True
    min_jaccard: float = Field(default=0.8, gt=0, le=1)


class Policy(Settings):
    """Rules in order, then duplicates. `survivor`: who stays of a cluster, compared in this order, then by id."""

    name: str
    rules: list[Rule]
    duplicates: DuplicatePolicy = DuplicatePolicy()
    survivor: list[Literal["longest", "surest_language"]] = Field(default=["longest"], min_length=1)

    @model_validator(mode="after")
    def _unique(self) -> Policy:
        names = [rule.name for rule in self.rules]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"rule names must be unique; repeated: {', '.join(repeated)}")
        return self


@dataclass(frozen=True)
class Fired:
    """Per document: index of the first rule that fired (-1: none), its value and its threshold."""

    rule: NDArray[np.int16]
    value: NDArray[np.float64]
    threshold: NDArray[np.float64]


def load_policy(path: Path) -> Policy:
    """Read a policy; raises SettingsError for an unknown key or signal."""
    return load_yaml(Policy, path)


def first_rule(policy: Policy, signals: pa.Table) -> Fired:
    """Apply the rules in order to `signals` (the columns of heuristics and language, one row a document)."""
    rows = signals.num_rows
    fired = Fired(np.full(rows, -1, np.int16), np.full(rows, np.nan), np.full(rows, np.nan))
    languages = signals.column("language").to_numpy()
    measurable = signals.column("words_measurable").to_numpy().astype(bool)
    for number, rule in enumerate(policy.rules):
        value = signals.column(rule.signal).to_numpy().astype(np.float64)
        low, high = _bounds(rule, languages)
        applies = (fired.rule < 0) & (measurable | (not rule.words))
        for broken, bound in ((value < low, low), (value > high, high)):
            hit = applies & broken
            fired.rule[hit] = number
            fired.value[hit] = value[hit]
            fired.threshold[hit] = bound[hit]
    return fired


def _bounds(rule: Rule, languages: NDArray[np.object_]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    low = np.full(len(languages), -np.inf if rule.min is None else rule.min)
    high = np.full(len(languages), np.inf if rule.max is None else rule.max)
    for language, bounds in rule.languages.items():
        mask = languages == language
        low[mask] = -np.inf if bounds.min is None else bounds.min
        high[mask] = np.inf if bounds.max is None else bounds.max
    return low, high
