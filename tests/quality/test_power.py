"""Planted faults are found and clean snapshots are not accused: a few here, all of them in the long sweep.

docs/gates.md has the table of the sweep (python -m bench.gates).
"""

from __future__ import annotations

import numpy as np
import pytest

from gristmill.profile import PROJECT
from quality.bounds import Gates, load_gates
from quality.faults import DRIFT, FAULTS, VANISHED, Fault
from quality.power import KEPT, population, resampled, stages
from quality.sweep import ALARMS, CAUGHT, SEEDS, Trials, swept

BY_CHECK = {fault.check: fault for fault in FAULTS}
ELSEWHERE = {
    "schemas", "audited removals", "removals below threshold", "twins overlooked", "twins kept", "ids accounted",
    "secrets left", "personal data left", "evaluation sets", "rules that never fired",
}  # fmt: skip
"""Checks that read files and texts, whose faults are planted in the tests of their modules; and an information."""


@pytest.fixture(scope="module")
def gates() -> Gates:
    return load_gates(PROJECT / "configs" / "gates" / "default.yaml")[0]


@pytest.fixture(scope="module")
def trials(gates: Gates) -> Trials:
    return Trials(gates, seeds=5)


def test_every_check_of_a_snapshot_has_a_fault_that_it_should_find(gates: Gates) -> None:
    assert {bound.name for _, bound in gates.bounds("snapshot")} == {*swept(), *ELSEWHERE}
    assert len(swept()) == len(set(swept()))


def test_a_resample_has_whole_hosts_and_copies_of_its_own_pages() -> None:
    of = population(3)
    drawn = resampled(of, np.random.default_rng(0))
    assert len(set(drawn.hosts)) == len(of.hosts)
    copies = drawn.copy_of >= 0
    assert (drawn.reason[copies] == 0).all()
    assert (drawn.reason[drawn.copy_of[copies]] == KEPT).all()
    assert (drawn.host[drawn.copy_of[copies]] == drawn.host[copies]).all()
    sizes = set(np.bincount(of.host).tolist())
    assert set(np.bincount(drawn.host).tolist()) <= sizes


def test_equal_seeds_give_equal_tables() -> None:
    tables = [stages(resampled(population(3), np.random.default_rng(1))).metrics() for _ in range(2)]
    assert tables[0] == tables[1]


def test_clean_snapshots_are_not_accused(trials: Trials) -> None:
    by_history = [fault.check for fault in DRIFT]
    assert {name: share for name, share in trials.false_alarms(by_history).items() if share} == {}


@pytest.mark.parametrize(
    ("check", "size"),
    [
        ("language mix", 0.3), ("lengths", 0.75), ("kept share drift", 0.2), ("duplicate rate", 0.15),
        ("language lost", 1.0), ("host kept", 0.75), ("silent rules", 1.0), ("right removals", 1.0),
    ],
)  # fmt: skip
def test_a_planted_fault_is_found(trials: Trials, check: str, size: float) -> None:
    assert trials.caught(BY_CHECK[check], size) == 1


@pytest.mark.parametrize("hosts", [850, pytest.param(3000, marks=pytest.mark.long)])
def test_a_small_language_or_host_that_vanishes_from_a_larger_crawl_is_found(gates: Gates, hosts: int) -> None:
    trials = Trials(gates, seeds=1, hosts=hosts)
    assert trials.caught(VANISHED[hosts], 1.0) == 1
    assert trials.false_alarms([VANISHED[hosts].check]) == {VANISHED[hosts].check: 0}


@pytest.fixture(scope="module")
def sweep(gates: Gates) -> Trials:
    return Trials(gates, SEEDS, seed=1)


@pytest.mark.long
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.check)
def test_each_gate_finds_its_fault_in_95_of_100_seeds(sweep: Trials, fault: Fault) -> None:
    found = sweep.smallest(fault)
    assert found is not None
    assert found[1] >= CAUGHT


@pytest.mark.long
def test_each_gate_accuses_at_most_5_of_100_clean_snapshots(sweep: Trials) -> None:
    assert max(sweep.false_alarms(swept()).values()) <= ALARMS
