"""The stage runner: units of work with recipes, done once, reused by retries and later runs.

A unit is an input file (or a shard). Its recipe is the stage, its version, the config that it uses and the
digests of its inputs; a finished unit is recorded under its recipe's digest and never computed again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol, TypeVar

import pyarrow as pa

from gristmill.errors import UserError
from gristmill.lake import Account, FileEntry, Lake, Manifest, canonical_json, schema_text, sha256_json
from gristmill.ledger import Attempt
from gristmill.process import say
from gristmill.settings import Settings

T = TypeVar("T")
R = TypeVar("R")

TASK_BYTES = 100 << 20
"""A task takes small units up to about this many bytes together."""

MIN_TASKS = 8
"""Wanted tasks where there are that many units: enough to keep a small machine's cores even."""


class BalanceError(UserError):
    """A stage did not account for every record that the stage before it gave."""


@dataclass(frozen=True)
class Unit:
    """One unit of work: `inputs` are digests and part of the recipe, `payload` is not; `weight` in bytes."""

    key: str
    inputs: Mapping[str, str | None]
    payload: Mapping[str, Any] = field(default_factory=dict)
    weight: int = 0


@dataclass(frozen=True)
class UnitOutput:
    """What a unit computed: a table and, where records flow through it, an account per dataset.

    A file that `compute` wrote itself (lake.table_writer) stands in a table's place. `inputs` holds digests that
    are known only after reading (a unit's None inputs).
    """

    tables: Mapping[str, pa.Table | FileEntry]
    accounts: Mapping[str, Account] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Stage:
    """A stage: bump `version` when the same inputs give another output. `compute` runs inside tasks."""

    name: str
    version: int
    outputs: tuple[str, ...]
    config: Settings
    compute: Callable[[Lake, Unit, Any], UnitOutput]

    def recipe(self, inputs: Mapping[str, str | None], key: str) -> str | None:
        """Digest of the recipe, or None while an input's digest is unknown."""
        if None in inputs.values():
            return None
        config = self.config.model_dump(mode="json")
        schemas = [schema_text(name) for name in self.outputs]
        return sha256_json([self.name, self.version, schemas, config, key, dict(inputs)])


UnitResult = tuple[str, dict[str, FileEntry], bool]
"""(unit key, file of each output dataset, whether it was reused)"""


class Tasks(Protocol):
    """Runs a function over items and gives the results in order: Spark tasks, or a plain loop."""

    def __call__(self, function: Callable[[T], R], items: Sequence[T]) -> Iterable[R]: ...


def run_stage(
    lake: Lake, stage: Stage, units: Sequence[Unit], tasks: Tasks, attempt: Attempt, expected_in: int | None = None
) -> dict[str, Manifest]:
    """Run or reuse every unit, then publish the stage's datasets.

    Raises BalanceError when the accounts do not start from `expected_in` records.
    """
    return run_stages(lake, [stage], units, lambda group: run_units(lake, stage, group), tasks, attempt, expected_in)


def run_stages(
    lake: Lake, stages: Sequence[Stage], units: Sequence[Unit], run: Callable[[Sequence[Unit]], list[UnitResult]],
    tasks: Tasks, attempt: Attempt, expected_in: int | None = None,
) -> dict[str, Manifest]:  # fmt: skip
    """`run_stage` of stages that share their units: `run` takes a group of them through all stages."""
    entries: dict[str, list[FileEntry]] = {name: [] for stage in stages for name in stage.outputs}
    done = reused = written = 0
    for results in tasks(run, group_units(units)):
        for _, files, was_reused in results:
            done, reused = done + 1, reused + was_reused
            for name, entry in files.items():
                entries[name].append(entry)
                written += 0 if was_reused else entry.bytes
        say(f"{attempt.stage}: {done} of {len(units) * len(stages)} units done, {reused} reused")
    attempt.bytes_written = (attempt.bytes_written or 0) + written
    for name, count in (("units", done), ("units_reused", reused)):
        attempt.summary[name] = attempt.summary.get(name, 0) + count
    return {n: m for stage in stages for n, m in _publish(lake, stage, entries, attempt, expected_in).items()}


def _publish(
    lake: Lake, stage: Stage, entries: Mapping[str, list[FileEntry]], attempt: Attempt, expected_in: int | None
) -> dict[str, Manifest]:
    mine = {name: entries[name] for name in stage.outputs}
    _check_balance(stage, mine, expected_in)
    provenance = {
        **attempt.provenance(), "config": stage.config.model_dump(mode="json"), "stage_version": stage.version
    }  # fmt: skip
    manifests = {name: lake.publish(name, files, provenance) for name, files in mine.items()}
    attempt.outputs.update({name: manifest.digest for name, manifest in manifests.items()})
    return manifests


def run_units(lake: Lake, stage: Stage, group: Sequence[Unit]) -> list[UnitResult]:
    """Inside a task: each unit of the group, from its record when there is one."""
    return [run_unit(lake, stage, unit) for unit in group]


def run_unit(lake: Lake, stage: Stage, unit: Unit) -> UnitResult:
    """One unit, from its record when there is one."""
    recipe = stage.recipe(unit.inputs, unit.key)
    if recipe is not None and (found := _lookup(lake, stage.name, recipe)) is not None:
        return unit.key, found, True
    output = stage.compute(lake, unit, stage.config)
    if set(output.tables) != set(stage.outputs):
        raise RuntimeError(f"{stage.name} gave {sorted(output.tables)}, declares {sorted(stage.outputs)}")
    files = {
        name: table
        if isinstance(table, FileEntry)
        else lake.write_table(name, unit.key, table, output.accounts.get(name))
        for name, table in output.tables.items()
    }
    recipe = stage.recipe({**unit.inputs, **output.inputs}, unit.key)
    if recipe is None:
        raise RuntimeError(f"{stage.name} left an input of unit {unit.key} without a digest")
    record = canonical_json({name: asdict(entry) for name, entry in files.items()})
    lake.storage.put_if_absent(f"units/{stage.name}/{recipe}.json", record)
    return unit.key, files, False


def _lookup(lake: Lake, stage: str, recipe: str) -> dict[str, FileEntry] | None:
    """The recorded files of a recipe, if all of them are still there and whole."""
    key = f"units/{stage}/{recipe}.json"
    data = lake.storage.get(key)
    if data is None:
        return None
    files = {name: FileEntry.from_json(entry) for name, entry in json.loads(data).items()}
    # Touched before it is read: from here on gc spares what a running stage has picked up.
    if all(lake.storage.touch(entry.path) and lake.intact(entry) for entry in files.values()):
        return files
    lake.storage.delete(key)
    return None


def group_units(units: Sequence[Unit]) -> list[list[Unit]]:
    """Units in order, small ones together up to TASK_BYTES a task; a small stage still gives all cores work."""
    weights = [max(1, unit.weight) for unit in units]
    limit = min(TASK_BYTES, sum(weights) // MIN_TASKS)
    groups: list[list[Unit]] = []
    total = 0
    for unit, weight in zip(units, weights, strict=True):
        if not groups or total + weight > limit:
            groups.append([])
            total = 0
        groups[-1].append(unit)
        total += weight
    return groups


def _check_balance(stage: Stage, entries: Mapping[str, list[FileEntry]], expected: int | None) -> None:
    if expected is None:
        return
    for name, files in entries.items():
        accounts = [e.account for e in files if e.account is not None]
        found = Account.total(accounts).records_in
        # A dataset whose files carry no account at all keeps none; no file at all accounts for no record.
        if (accounts or not files) and found != expected:
            raise BalanceError(f"{stage.name}: {name} accounts for {found} records, the stage before gave {expected}")


def threads() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0))


def in_threads(function: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """Tasks in threads of this process, for functions that spend their time in compiled code."""
    with ThreadPoolExecutor(threads()) as pool:
        return list(pool.map(function, items))


def in_process(function: Callable[[T], R], items: Sequence[T]) -> Iterable[R]:
    """Tasks without Spark, one after the other."""
    return map(function, items)
