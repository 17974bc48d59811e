"""Units of work: done once, redone only when what they depend on changes, whatever is killed meanwhile."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.lake import Account, Lake, LakeError, Manifest
from gristmill.ledger import Attempt
from gristmill.schemas import SCHEMAS
from gristmill.settings import Settings
from gristmill.storage import PosixStorage
from gristmill.units import (
    MIN_TASKS,
    TASK_BYTES,
    BalanceError,
    Stage,
    Unit,
    UnitOutput,
    group_units,
    in_process,
    run_stage,
)

UNITS = [Unit(key, {"input": f"digest of {key}"}, {"rows": rows}) for key, rows in (("a", 1), ("b", 2), ("c", 3))]


class Config(Settings):
    shift: int = 0


class Bench:
    """A stage that writes down which units it computes."""

    def __init__(self, lake: Lake) -> None:
        self.lake = lake
        self.computed: list[str] = []
        self.stage = Stage("toy", 1, ("mix",), Config(), self.compute)

    def compute(self, lake: Lake, unit: Unit, config: Config) -> UnitOutput:
        self.computed.append(unit.key)
        rows: int = unit.payload["rows"]
        ids = [{"snapshot": unit.key, "doc_id": i + config.shift} for i in range(rows)]
        table = pa.Table.from_pylist(ids, schema=SCHEMAS["mix"])
        return UnitOutput({"mix": table}, {"mix": Account(rows, rows)})

    def run(self, stage: Stage | None = None, units: Sequence[Unit] = UNITS, expected_in: int | None = 6) -> Manifest:
        """Run the stage; `computed` is what this run computed."""
        self.computed, self.attempt = [], Attempt("1", "toy", "s")
        return run_stage(self.lake, stage or self.stage, units, in_process, self.attempt, expected_in)["mix"]


@pytest.fixture
def bench(lake: Lake) -> Bench:
    return Bench(lake)


def test_finished_units_are_reused_and_give_the_same_dataset(bench: Bench) -> None:
    first = bench.run()
    assert bench.computed == ["a", "b", "c"]
    assert bench.attempt.bytes_written == first.bytes
    again = bench.run()
    assert bench.computed == []
    assert again == first
    assert bench.attempt.summary == {"units": 3, "units_reused": 3}
    assert bench.attempt.bytes_written == 0


def test_a_longer_input_computes_what_is_new_only(bench: Bench) -> None:
    bench.run(units=UNITS[:2], expected_in=3)
    longer = bench.run()
    assert bench.computed == ["c"]
    assert [f.unit for f in longer.files] == ["a", "b", "c"]


def test_a_new_version_config_or_schema_redoes_every_unit(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.run()
    for changed in (replace(bench.stage, version=2), replace(bench.stage, config=Config(shift=1))):
        bench.run(changed)
        assert bench.computed == ["a", "b", "c"]
    monkeypatch.setitem(SCHEMAS, "mix", SCHEMAS["mix"].append(pa.field("added", pa.int8())))
    bench.run()
    assert bench.computed == ["a", "b", "c"]


def test_a_new_input_redoes_its_unit_and_what_is_not_in_the_recipe_redoes_none(bench: Bench) -> None:
    bench.run()
    bench.run(units=[replace(UNITS[0], inputs={"input": "other"}), *UNITS[1:]])
    assert bench.computed == ["a"]
    bench.run(units=[replace(unit, weight=7, payload={"rows": 9}) for unit in UNITS])
    assert bench.computed == []


def test_an_input_that_is_known_only_after_reading_is_in_the_recipe_from_then_on(bench: Bench) -> None:
    def read(lake: Lake, unit: Unit, config: Config) -> UnitOutput:
        return replace(bench.compute(lake, unit, config), inputs={"input": "found"})

    stage = replace(bench.stage, compute=read)
    unread = [replace(unit, inputs={"input": None}) for unit in UNITS]
    first = bench.run(stage, unread)
    known = [replace(unit, inputs={"input": "found"}) for unit in UNITS]
    assert bench.run(stage, known) == first
    assert bench.computed == []
    with pytest.raises(RuntimeError, match="left an input of unit a without a digest"):
        bench.run(units=unread)


def hurt(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-4] + b"PAR2")


@pytest.mark.parametrize("damage", [hurt, Path.unlink])
def test_a_unit_whose_file_was_damaged_is_computed_again(bench: Bench, damage: Callable[[Path], None]) -> None:
    first = bench.run()
    damage(bench.lake.path(first.file("b")))
    again = bench.run()
    assert bench.computed == ["b"]
    assert again.digest == first.digest
    assert bench.lake.damaged(again) == []


def test_a_failed_unit_publishes_nothing_and_loses_no_finished_one(bench: Bench) -> None:
    def fail(lake: Lake, unit: Unit, config: Config) -> UnitOutput:
        if unit.key == "c":
            raise LakeError("no")
        return bench.compute(lake, unit, config)

    with pytest.raises(LakeError, match="no"):
        bench.run(replace(bench.stage, compute=fail))
    assert bench.lake.storage.list("manifests") == []
    bench.run()
    assert bench.computed == ["c"]


def test_an_attempt_of_several_stages_adds_them_up(bench: Bench) -> None:
    current = Attempt("1", "toy", "s")
    for stage in (bench.stage, replace(bench.stage, name="other")):
        manifest = run_stage(bench.lake, stage, UNITS, in_process, current)["mix"]
    assert current.summary == {"units": 6, "units_reused": 0}
    assert current.bytes_written == 2 * manifest.bytes


def test_a_stage_gives_what_it_declares(bench: Bench) -> None:
    with pytest.raises(RuntimeError, match=r"toy gave \['mix'\], declares \['mix', 'tokens'\]"):
        bench.run(replace(bench.stage, outputs=("mix", "tokens")))


@pytest.mark.parametrize(("units", "expected"), [(UNITS, 7), (UNITS[:2], 6), ([], 1)])
def test_records_that_the_stage_before_gave_must_be_accounted_for(
    bench: Bench, units: Sequence[Unit], expected: int
) -> None:
    with pytest.raises(BalanceError, match=f"the stage before gave {expected}"):
        bench.run(units=units, expected_in=expected)
    assert bench.lake.storage.list("manifests") == []


def test_a_unit_that_loses_a_record_is_not_published(bench: Bench) -> None:
    def lose(lake: Lake, unit: Unit, config: Config) -> UnitOutput:
        output = bench.compute(lake, unit, config)
        return replace(output, accounts={"mix": Account(unit.payload["rows"], unit.payload["rows"] - 1)})

    with pytest.raises(LakeError, match="does not close by 1 records"):
        bench.run(replace(bench.stage, compute=lose))


@settings(max_examples=15)
@given(st.permutations(range(3)), st.lists(st.integers(0, 3), max_size=2))
def test_order_and_grouping_of_the_tasks_do_not_show(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], cuts: list[int]
) -> None:
    def tasks(function: Callable[[Any], Any], items: Sequence[Any]) -> Iterable[Any]:
        units = [unit for group in items for unit in group]
        bounds = [0, *sorted(cuts), len(units)]
        groups = [units[low:high] for low, high in itertools.pairwise(bounds)]
        return [function(group) for group in reversed(groups)]

    mine, plain = (Bench(Lake(PosixStorage(tmp_path_factory.mktemp("lake")))) for _ in range(2))
    units = [UNITS[i] for i in order]
    found = run_stage(mine.lake, mine.stage, units, tasks, Attempt("1", "toy", "s"), expected_in=6)["mix"]
    assert found.digest == plain.run().digest


def test_two_runs_at_once_publish_one_dataset(bench: Bench, concurrently: Any) -> None:
    first, second = concurrently(bench.run, bench.run)
    assert first == second
    assert len(bench.lake.storage.list("manifests")) == 1
    assert bench.lake.damaged(first) == []


@pytest.mark.fault
def test_a_run_killed_at_any_instant_is_finished_by_the_next_one(
    bench: Bench, tmp_path: Path, every_instant: Any
) -> None:
    wanted = bench.run(units=UNITS[:2], expected_in=3)
    seen = set()

    def prepare(instant: int) -> Bench:
        return Bench(Lake(PosixStorage(tmp_path / str(instant))))

    for state in every_instant(prepare, lambda state: state.run(units=UNITS[:2], expected_in=3)):
        recorded = len(state.lake.storage.list("units"))
        found = state.run(units=UNITS[:2], expected_in=3)
        assert found.digest == wanted.digest
        assert state.lake.storage.list("manifests") == [f"manifests/{wanted.digest}.json"]
        assert state.lake.damaged(found) == []
        # What was recorded is not computed again.
        assert len(state.computed) == 2 - recorded
        seen.add(recorded)
    assert seen == {0, 1, 2}


weights = st.lists(st.integers(0, 3 * TASK_BYTES) | st.integers(0, 9), max_size=60)


@given(weights)
def test_groups_hold_every_unit_once_in_order_and_are_as_full_as_they_may_be(sizes: list[int]) -> None:
    units = [Unit(str(i), {}, weight=size) for i, size in enumerate(sizes)]
    groups = group_units(units)
    assert [unit for group in groups for unit in group] == units
    filled = [sum(max(1, unit.weight) for unit in group) for group in groups]
    limit = min(TASK_BYTES, sum(filled) // MIN_TASKS)
    assert all(total <= limit or len(group) == 1 for total, group in zip(filled, groups, strict=True))
    assert all(total + max(1, after[0].weight) > limit for total, after in zip(filled, groups[1:], strict=False))


@pytest.mark.parametrize("weight", [0, 1, 1 << 20])
@pytest.mark.parametrize("count", [1, 3, 8, 16, 500])
def test_a_small_stage_of_even_units_gives_every_core_work(count: int, weight: int) -> None:
    groups = group_units([Unit(str(i), {}, weight=weight) for i in range(count)])
    assert len(groups) >= min(count, MIN_TASKS)
