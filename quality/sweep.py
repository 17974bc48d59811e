"""Sweeps of planted faults and of clean resamples over seeds: the power and the false alarms of each gate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from gristmill.verdicts import Check
from quality.bounds import Gates, Group
from quality.drift import compared
from quality.expectations import Suite, conclude, prepare
from quality.faults import FAULTS, Fault
from quality.power import Documents, population, resampled, stages

SEEDS, HISTORY = 30, 8
CAUGHT, ALARMS = 0.95, 0.05


@dataclass
class Trials:
    """Clean resamples of one population: each of `seeds` is judged by the HISTORY ones before it."""

    gates: Gates
    seeds: int = SEEDS
    seed: int = 0
    hosts: int = 300
    documents: list[Documents] = field(default_factory=list)
    tables: list[pa.Table] = field(default_factory=list)

    def __post_init__(self) -> None:
        of, rng = population(self.seed, self.hosts), np.random.default_rng(self.seed)
        self.documents = [resampled(of, rng) for _ in range(self.seeds + HISTORY)]
        self.tables = [stages(each).metrics() for each in self.documents]

    def suite(self, names: Sequence[str]) -> Suite:
        """The bounds of these names alone."""
        found: dict[Group, list[object]] = {}
        for group, bound in self.gates.bounds("snapshot"):
            if bound.name in names:
                found.setdefault(group, []).append(bound)
        return found  # type: ignore[return-value]

    def judged(self, number: int, table: pa.Table, names: Sequence[str]) -> list[Check]:
        """The checks of a table in the place of one resample."""
        past = {f"s{i}": self.tables[number + i] for i in range(HISTORY)}
        now, then = compared(table, past)
        return conclude(prepare(now, self.suite(names), then))

    def false_alarms(self, names: Sequence[str]) -> dict[str, float]:
        """Check -> share of the clean resamples that it accuses."""
        found = dict.fromkeys(names, 0.0)
        for number in range(self.seeds):
            for check in self.judged(number, self.tables[number + HISTORY], names):
                found[check.name] += (check.status not in ("passed", "info")) / self.seeds
        return found

    def caught(self, fault: Fault, size: float) -> float:
        """Share of the resamples in which the check finds the fault of this size."""
        seen = 0
        for number in range(self.seeds):
            rng = np.random.default_rng([number, round(1e6 * size)])
            planted = fault.plant(self.documents[number + HISTORY], size, rng).metrics()
            (check,) = self.judged(number, planted, (fault.check,))
            seen += check.status in ("failed", "error")
        return seen / self.seeds

    def smallest(self, fault: Fault) -> tuple[float, float] | None:
        """(size, share caught) of the smallest of the fault's sizes that is caught CAUGHT of the time."""
        for size in fault.sizes:
            if (share := self.caught(fault, size)) >= CAUGHT:
                return size, share
        return None


def swept() -> list[str]:
    """The checks that have a fault here."""
    return [fault.check for fault in FAULTS]
