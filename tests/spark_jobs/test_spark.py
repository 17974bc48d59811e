"""The stages on Spark: any number of cores, lost workers and either order give the same bytes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest

from gristmill import ledger, units
from gristmill.lake import Account, FileEntry, Lake
from gristmill.mixes import load_mix, request_id
from spark_jobs import extract
from spark_jobs import mix as mix_stage
from spark_jobs import tokenize as tokenize_stage
from spark_jobs.session import spark_tasks
from spark_jobs.stage import StageContext

pytestmark = pytest.mark.spark
T = TypeVar("T")
R = TypeVar("R")


def tokenize(mill: Any, tasks: Any, lake: Lake | None = None) -> dict[str, str]:
    """Mix and tokenize the profile's snapshots; all output digests."""
    wanted = load_mix(mill.profile.mix)
    scope = request_id(mill.lake, wanted)
    mixed = mix_stage.run(StageContext(mill.lake, mill.profile, scope, {}, tasks), wanted).outputs
    inputs = {"mix": mixed["mix"]}
    tokens = tokenize_stage.run(StageContext(lake or mill.lake, mill.profile, scope, inputs, tasks), tasks).outputs
    return {**mixed, **tokens}


def test_any_number_of_cores_and_partitions_and_either_order_give_the_same_digests(
    mill: Any, places: Any, tiny_crawl: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = []
    for cores, order in ((1, "A"), (2, "BA"), (4, "AB")):
        monkeypatch.setattr(units, "MIN_TASKS", cores)
        master = f"local[{cores},4]"
        mine = places.mill(f"on {cores} cores", tiny_crawl.files, master=master, stages=mill.profile.stages)
        with spark_tasks(mine.profile, f"test on {cores}") as tasks:
            assert tasks.context.master == master
            for snapshot in order:
                mine.run(snapshot, tasks=tasks)
                mine.release(snapshot)
            if len(order) == 2:
                tokens.append(tokenize(mine, tasks))
        assert mine.digests == {snapshot: mill.digests[snapshot] for snapshot in order}, master
    assert tokens[0] == tokens[1]


def test_workers_that_are_killed_and_tasks_that_are_retried_do_not_change_a_byte(
    mill: Any, places: Any, tiny_crawl: Any, tmp_path: Path
) -> None:
    files = {"A": tiny_crawl.files["A"]}
    mine = places.mill("killed", files, master="local[2,4]", stages=mill.profile.stages, snapshots=["A"])
    deaths = tmp_path / "deaths"
    deaths.mkdir()

    class Dying(Lake):
        """Kills the worker that writes the first token shard, after it was written."""

        def write_table(self, dataset: str, unit: str, table: Any, account: Account | None = None) -> FileEntry:
            entry = super().write_table(dataset, unit, table, account)
            die_once(deaths / f"{dataset}-{unit}")
            return entry

    def die_once(name: Path) -> None:
        try:
            name.touch(exist_ok=False)
        except FileExistsError:
            return
        os.kill(os.getpid(), signal.SIGKILL)

    with spark_tasks(mine.profile, "test with deaths") as tasks:
        calls = iter(range(100))

        def dying(function: Callable[[T], R], items: Sequence[T]) -> Iterable[R]:
            call = next(calls)

            def work(item: tuple[int, T]) -> R:
                if item[0] == 0 and call in (0, 2):
                    die_once(deaths / f"before {call}")
                result = function(item[1])
                if item[0] == 1 and call in (1, 4):
                    die_once(deaths / f"after {call}")
                return result

            return tasks(work, list(enumerate(items)))

        mine.run("A", tasks=dying)
        mine.release("A")
        found = tokenize(mine, tasks, Dying(mine.lake.storage))
        wanted = tokenize(mine, tasks)
    assert mine.digests["A"] == mill.digests["A"]
    assert found == wanted
    assert {path.name for path in deaths.iterdir()} >= {
        "before 0",
        "after 1",
        "before 2",
        "after 4",
        "tokens-train-00000",
    }
    assert all(record["status"] == "succeeded" for record in ledger.ended(mine.lake))


def run_stage(*arguments: str, folder: Path, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "spark_jobs.extract", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=timeout, check=False)


def test_a_stage_runs_as_a_process_and_hands_its_digests_over(
    mill: Any, places: Any, tiny_crawl: Any, tmp_path: Path
) -> None:
    mine = places.mill("by hand", tiny_crawl.files)
    result = tmp_path / "result.json"
    done = run_stage("--snapshot", "A", "--profile", str(mine.profile.source), "--result", str(result), folder=tmp_path)
    assert done.returncode == 0, done.stderr
    outputs = json.loads(result.read_text())["outputs"]
    assert outputs == {name: mill.digests["A"][name] for name in ("documents", "rejects")}
    assert f"output documents: {outputs['documents']}" in done.stdout
    assert ledger.newest_output(mine.lake, "A", "documents") == outputs["documents"]
    assert list((mine.profile.work_dir / "spark" / "events").iterdir()), "the event log is kept for the history server"


def test_a_file_that_changed_is_one_sentence_although_a_task_found_it(
    places: Any, tiny_crawl: Any, tmp_path: Path
) -> None:
    path = tmp_path / "copy.warc.gz"
    data = bytearray(tiny_crawl.files["A"][0].read_bytes())
    path.write_bytes(data)
    places.mill("by hand", {"A": [path]}).run("A", stages=[extract])
    data[4] ^= 1  # the time in the header of the first gzip member
    path.write_bytes(data)
    profile = places.profile("by hand", stages={"extract": {"max_record_bytes": 1 << 20}})
    wrong = run_stage("--snapshot", "A", "--profile", str(profile.source), folder=tmp_path)
    assert wrong.returncode == 2, wrong.stderr
    (said,) = [line for line in wrong.stderr.splitlines() if line.startswith("error: ")]
    assert f"{path} changed since it was first read" in said
    for noise in ("Traceback", "Py4J", "java."):
        assert noise not in wrong.stderr


def test_help_teaches_and_an_unknown_snapshot_is_a_sentence(places: Any, tiny_crawl: Any, tmp_path: Path) -> None:
    mine = places.mill("by hand", {"crawl-A": tiny_crawl.files["A"]})
    shown = run_stage("--help", folder=tmp_path)
    assert shown.returncode == 0
    for option in ("--snapshot", "--profile", "--input", "--result"):
        assert option in shown.stdout
    wrong = run_stage("--snapshot", "crawl-B", "--profile", str(mine.profile.source), folder=tmp_path)
    assert wrong.returncode == 2
    assert "unknown snapshot 'crawl-B' (did you mean 'crawl-A'?)" in wrong.stderr
    assert "Traceback" not in wrong.stderr
