"""Planted faults are found and clean snapshots are not accused: a few here, all of them in the long sweep.

docs/gates.md has the table of the sweep (python -m bench.gates).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.gates import size_text
from gristmill.profile import PROJECT
from quality.bounds import Gates, Kind, load_gates
from quality.expectations import Suite, conclude, prepare
from quality.faults import DRIFT, FAULTS, VANISHED, Fault
from quality.faults_texts import DrawnFault
from quality.power import KEPT, UNITS, population, resampled, stages
from quality.sweep import ALARMS, CAUGHT, DRAWN, HISTORY, SEEDS, Drawn, Trials, accused, caught, smallest, swept

BY_CHECK = {fault.check: fault for fault in FAULTS}
ALL_DRAWN = [pytest.param(kind, fault, id=fault.check) for kind, faults in DRAWN.items() for fault in faults]
INFORMATION = {"rules that never fired"}
"""A check that never fails a snapshot, and whose rules are silent in clean ones."""


@pytest.fixture(scope="module")
def gates() -> Gates:
    return load_gates(PROJECT / "configs" / "gates" / "default.yaml")[0]


@pytest.fixture(scope="module")
def trials(gates: Gates) -> Trials:
    return Trials(gates, seeds=3)


def test_every_check_has_a_fault_that_it_should_find(gates: Gates) -> None:
    planted = {kind: [fault.check for fault in faults] for kind, faults in DRAWN.items()}
    planted["snapshot"] += [*swept(), *INFORMATION]
    assert len(planted) == 3
    for kind, checks in planted.items():
        assert sorted(checks) == sorted(bound.name for _, bound in gates.bounds(kind))


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


def test_shards_are_cut_by_bytes_whatever_their_documents() -> None:
    """No shard is more than half of its first and half of its last document above the mean."""
    made = stages(resampled(population(1), np.random.default_rng(1)))
    sizes = [made.read_unit("corpus", unit, ["bytes"]).column("bytes").to_numpy() for unit in made.units("corpus")]
    mean = sum(size.sum() for size in sizes) / UNITS
    assert len(sizes) == UNITS
    assert all(abs(size.sum() - mean) <= max(size.max() for size in sizes) for size in sizes)


def test_clean_snapshots_are_not_accused(trials: Trials) -> None:
    by_history = [fault.check for fault in DRIFT]
    assert {name: share for name, share in trials.false_alarms(by_history).items() if share} == {}


def test_a_sweep_finds_what_great_expectations_finds(trials: Trials) -> None:
    planted = BY_CHECK["kept share drift"].plant(trials.documents[-1], 0.2, np.random.default_rng(0)).metrics()
    names = ["kept share drift", "language balance", "silent rules", "kept share", "lengths"]
    cases = trials.judged(trials.seeds - 1, planted, names)
    assert [accused([case]) for case in cases] == [check.status in ("failed", "error") for check in conclude(cases)]
    assert {accused([case]) for case in cases} == {True, False}


@pytest.mark.parametrize(("size", "accuses"), [(0, False), (1, True)])
def test_a_strict_bound_excludes_its_limit(gates: Gates, size: float, accuses: bool, tmp_path: Path) -> None:
    (fault,) = (fault for fault in DRAWN["model"] if fault.check == "loss fell")
    suite: Suite = {"model": [bound for _, bound in gates.bounds("model") if bound.name == fault.check]}
    cases = prepare(fault.plant(tmp_path, 0, size), suite, {})
    assert accused(cases) == accuses == (conclude(cases)[0].status == "failed")


@pytest.mark.parametrize(
    ("check", "size"),
    [
        ("language mix", 0.3), ("lengths", 0.75), ("kept share drift", 0.2), ("duplicate rate", 0.15),
        ("language lost", 1.0), ("host kept", 0.75), ("silent rules", 1.0), ("right removals", 1.0),
    ],
)  # fmt: skip
def test_a_planted_fault_is_found(trials: Trials, check: str, size: float) -> None:
    assert caught(trials, BY_CHECK[check], size) == 1


@pytest.mark.parametrize("history", [1, HISTORY])
def test_a_host_that_vanishes_is_found_with_a_single_release_before(gates: Gates, history: int) -> None:
    trials = Trials(gates, seeds=1, hosts=850, history=history)
    assert caught(trials, VANISHED[850], 1) == 1
    assert trials.false_alarms([VANISHED[850].check]) == {VANISHED[850].check: 0}


@pytest.mark.parametrize(("kind", "fault"), ALL_DRAWN)
def test_a_fault_in_what_is_drawn_is_found_and_a_clean_draw_is_not_accused(
    gates: Gates, kind: Kind, fault: DrawnFault
) -> None:
    drawn = Drawn(gates, kind, seeds=1)
    assert caught(drawn, fault, fault.sizes[-1]) == 1
    assert caught(drawn, fault, 0) == 0


@pytest.fixture(scope="module")
def sweep(gates: Gates) -> Trials:
    return Trials(gates, SEEDS)


def documented(check: str) -> list[str]:
    """What the table of the documentation says of a check: the smallest fault, found, false alarms."""
    page = (PROJECT / "docs" / "gates.md").read_text(encoding="utf-8")
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines() if line.startswith("| ")]
    (row,) = (row[1:] for row in cells if row[0] == check and len(row) == 4)
    return row


def test_every_swept_check_has_a_row_in_the_documentation(gates: Gates) -> None:
    faults = [*FAULTS, *(fault for each in DRAWN.values() for fault in each)]
    for fault in faults:
        assert documented(fault.check)[0] in {size_text(fault, size) for size in fault.sizes}


@pytest.mark.long
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.check)
def test_each_gate_finds_the_fault_of_the_documented_size_and_none_smaller(sweep: Trials, fault: Fault) -> None:
    found = smallest(sweep, fault)
    assert found is not None
    assert [size_text(fault, found[0]), f"{100 * found[1]:.0f} %"] == documented(fault.check)[:2]


@pytest.mark.long
@pytest.mark.parametrize(("kind", "fault"), ALL_DRAWN)
def test_each_gate_finds_its_documented_fault_in_what_is_drawn_and_seldom_accuses_a_clean_one(
    gates: Gates, kind: Kind, fault: DrawnFault
) -> None:
    found = smallest(Drawn(gates, kind, SEEDS), fault)
    assert found is not None
    assert [size_text(fault, found[0]), f"{100 * found[1]:.0f} %"] == documented(fault.check)[:2]
    assert caught(Drawn(gates, kind, SEEDS, seed=1), fault, 0) <= ALARMS


@pytest.mark.long
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("history", [1, 2, HISTORY])
def test_each_gate_accuses_at_most_5_of_100_clean_snapshots(gates: Gates, seed: int, history: int) -> None:
    trials = Trials(gates, SEEDS, seed=seed, history=history)
    assert max(trials.false_alarms(swept()).values()) <= ALARMS


@pytest.mark.long
@pytest.mark.parametrize("history", [1, HISTORY])
@pytest.mark.parametrize("hosts", VANISHED)
def test_a_source_that_vanishes_from_a_larger_crawl_is_found(gates: Gates, hosts: int, history: int) -> None:
    trials = Trials(gates, SEEDS, seed=1, hosts=hosts, history=history)
    assert caught(trials, VANISHED[hosts], 1) >= CAUGHT
    assert trials.false_alarms([VANISHED[hosts].check])[VANISHED[hosts].check] <= ALARMS
