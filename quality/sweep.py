"""Sweeps of planted faults and of clean resamples over seeds: the power and the false alarms of each gate."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol, TypeVar

import numpy as np
import pyarrow as pa

from quality.bounds import Bound, Gates, Group, Kind
from quality.drift import compared
from quality.expectations import Case, Suite, prepare
from quality.faults import FAULTS, Fault, Planted
from quality.faults_texts import TEXT_FAULTS, DrawnFault
from quality.faults_training import MODEL_FAULTS, TOKEN_FAULTS
from quality.limits import Judged
from quality.power import Documents, population, resampled, stages

SEEDS, HISTORY = 30, 8
CAUGHT, ALARMS = 0.95, 0.05
DRAWN: Mapping[Kind, Sequence[DrawnFault]] = {"snapshot": TEXT_FAULTS, "tokens": TOKEN_FAULTS, "model": MODEL_FAULTS}
F = TypeVar("F", bound=Planted, contravariant=True)


@dataclass
class Trials:
    """Clean resamples of one population: each of `seeds` is judged by the `history` ones before it."""

    gates: Gates
    seeds: int = SEEDS
    seed: int = 0
    hosts: int = 300
    history: int = HISTORY
    documents: list[Documents] = field(default_factory=list)
    tables: list[pa.Table] = field(default_factory=list)

    def __post_init__(self) -> None:
        of, rng = population(self.seed, self.hosts), np.random.default_rng(self.seed)
        self.documents = [resampled(of, rng) for _ in range(self.seeds + self.history)]
        self.tables = [stages(each).metrics() for each in self.documents]

    def suite(self, names: Sequence[str]) -> Suite:
        """The bounds of these names alone."""
        found: dict[Group, list[object]] = {}
        for group, bound in self.gates.bounds("snapshot"):
            if bound.name in names:
                found.setdefault(group, []).append(bound)
        return found  # type: ignore[return-value]

    def judged(self, number: int, table: pa.Table, names: Sequence[str]) -> list[Case]:
        """The cases of a table in the place of one resample."""
        suite = self.suite(names)
        if not any(bound.history or bound.metric.startswith("drift.") for bounds in suite.values() for bound in bounds):
            return prepare(table, suite, {})
        past = {f"s{i}": self.tables[number + i] for i in range(self.history)}
        now, then = compared(table, past)
        return prepare(now, suite, then)

    def false_alarms(self, names: Sequence[str]) -> dict[str, float]:
        """Check -> share of the clean resamples that it accuses."""
        found = dict.fromkeys(names, 0.0)
        for number in range(self.seeds):
            for case in self.judged(number, self.tables[number + self.history], names):
                found[case.bound.name] += accused([case]) / self.seeds
        return found

    def found(self, fault: Fault, size: float) -> Iterator[bool]:
        """Of each resample, whether the check finds the fault of this size."""
        for number in range(self.seeds):
            rng = np.random.default_rng([number, round(1e6 * size)])
            planted = fault.plant(self.documents[number + self.history], size, rng).metrics()
            yield accused(self.judged(number, planted, (fault.check,)))


@dataclass(frozen=True)
class Drawn:
    """Snapshots, token datasets or models that are drawn anew from each of `seeds` seeds."""

    gates: Gates
    kind: Kind
    seeds: int = SEEDS
    seed: int = 0

    def found(self, fault: DrawnFault, size: float) -> Iterator[bool]:
        """Of each draw, whether the check finds the fault of this size; of size 0, whether it accuses a clean one."""
        suite = {group: [b for b in bounds if b.name == fault.check] for group, bounds in self._suite.items()}
        for number in range(self.seeds):
            with TemporaryDirectory() as folder:
                table = fault.plant(Path(folder), self.seed * self.seeds + number, size)
            yield accused(prepare(table, suite, {}))

    @property
    def _suite(self) -> Suite:
        return self.gates.suite(self.kind)


class Sweep(Protocol[F]):
    """Trials or Drawn."""

    @property
    def seeds(self) -> int: ...

    def found(self, fault: F, size: float) -> Iterator[bool]: ...


def accused(cases: Sequence[Case]) -> bool:
    """Whether a check of these fails or cannot be measured.

    Great Expectations, which the gate asks, finds the same and takes most of the time of a sweep (tests compare them).
    """
    return any(not case.measured or any(_out(case.bound, judged) for judged in case.columns) for case in cases)


def _out(bound: Bound, judged: Judged) -> bool:
    below, above = (operator.le, operator.ge) if bound.strict else (operator.lt, operator.gt)
    low = judged.least is not None and any(below(value, judged.least) for value in judged.values)
    return low or (judged.most is not None and any(above(value, judged.most) for value in judged.values))


def caught(sweep: Sweep[F], fault: F, size: float, least: float = 0.0) -> float:
    """Share of the seeds in which the check finds the fault of this size; 0 once it can reach `least` no more."""
    missed = 0
    for found in sweep.found(fault, size):
        missed += not found
        if 1 - missed / sweep.seeds < least:
            return 0.0
    return 1 - missed / sweep.seeds


def smallest(sweep: Sweep[F], fault: F) -> tuple[float, float] | None:
    """(size, share caught) of the smallest of the fault's sizes that is caught CAUGHT of the time."""
    for size in fault.sizes:
        if share := caught(sweep, fault, size, CAUGHT):
            return size, share
    return None


def swept() -> list[str]:
    """The checks that have a fault here."""
    return [fault.check for fault in FAULTS]
