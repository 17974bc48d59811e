"""The ledger: what was tried is on record, whether it succeeded or not."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gristmill import ledger, usage
from gristmill.lake import Lake
from gristmill.ledger import attempt, newest_output
from gristmill.storage import PosixStorage, StorageError


def records(lake: Lake) -> dict[str, dict[str, Any]]:
    """The records of one attempt by kind, `started` and `ended`."""
    return {key.split(".")[-2]: json.loads(lake.storage.get(key) or b"") for key in lake.storage.list("ledger")}


def test_a_success_has_a_start_and_an_end(lake: Lake) -> None:
    with attempt(lake, stage="extract", scope="a", config={"x": 1}, inputs={"in": "1"}, run_id="r") as current:
        current.outputs["documents"] = "2"
        current.summary["kept"] = 3
        current.bytes_read, current.bytes_written = 4, 5
    found = records(lake)
    started, ended = found["started"], found["ended"]
    for record in found.values():
        assert [record[name] for name in ("attempt", "stage", "scope", "run_id")] == [current.id, "extract", "a", "r"]
    assert (started["config"], started["inputs"], started["pid"]) == ({"x": 1}, {"in": "1"}, os.getpid())
    assert (ended["status"], ended["error"]) == ("succeeded", None)
    assert (ended["outputs"], ended["summary"]) == ({"documents": "2"}, {"kept": 3})
    assert (ended["bytes_read"], ended["bytes_written"]) == (4, 5)
    assert ended["peak_memory_bytes"] > 1_000_000
    assert set(ended["energy"]) == {"joules", "method"}
    assert {"wall_seconds", "cpu_seconds"} <= set(ended)


def run(lake: Lake, error: BaseException | None, fill: Callable[[], None] = lambda: None) -> None:
    """An attempt during which the disk fills up, perhaps, and that fails, perhaps."""
    with attempt(lake, stage="s", scope="a", config={}, inputs={}):
        fill()
        if error is not None:
            raise error


@pytest.mark.parametrize("given", [None, 0])
def test_bytes_are_those_of_the_stored_datasets_unless_the_stage_says_its_own(
    lake: Lake, mill: Any, given: int | None
) -> None:
    stored = lake.manifest(mill.model())
    with attempt(
        lake, stage="s", scope="a", config={}, inputs={"model": stored.digest, "release": "0" * 64}
    ) as current:
        current.outputs["model"] = stored.digest
        current.bytes_written = given
    (ended,) = ledger.ended(lake, "a")
    assert stored.bytes > 0
    assert ended["bytes_read"] == stored.bytes
    assert ended["bytes_written"] == (stored.bytes if given is None else 0)


@pytest.mark.parametrize("error", [ValueError("too hot"), KeyboardInterrupt(), SystemExit(3)])
def test_a_failure_has_an_end_that_says_why(lake: Lake, error: BaseException) -> None:
    with pytest.raises(type(error)):
        run(lake, error)
    ended = records(lake)["ended"]
    assert ended["status"] == "failed"
    assert ended["error"] == f"{type(error).__name__}: {error}"


@pytest.fixture
def full_disk(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    def full(*_: object) -> bool:
        raise StorageError("cannot write: No space left on device")

    return lambda: monkeypatch.setattr(lake.storage, "put_if_absent", full)


def test_a_full_disk_does_not_hide_what_went_wrong_first(lake: Lake, full_disk: Callable[[], None]) -> None:
    with pytest.raises(ValueError, match="first") as caught:
        run(lake, ValueError("first"), full_disk)
    assert caught.value.__notes__ == ["and the ledger has no record of its end: cannot write: No space left on device"]


def test_a_success_that_cannot_be_recorded_is_a_failure(lake: Lake, full_disk: Callable[[], None]) -> None:
    with pytest.raises(StorageError, match="No space left"):
        run(lake, None, full_disk)


@pytest.mark.fault
def test_a_killed_attempt_has_a_start_and_no_end(
    tmp_path: Path, every_instant: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Reading /proc opens many files at which nothing can go wrong.
    monkeypatch.setattr(usage, "cpu_seconds", lambda: 0.0)
    monkeypatch.setattr(usage, "peak_memory", lambda: 0)

    def work(lake: Lake) -> None:
        with attempt(lake, stage="s", scope="a", config={}, inputs={}):
            lake.storage.put_if_absent("work", b"")

    seen = set()
    for lake in every_instant(lambda instant: Lake(PosixStorage(tmp_path / str(instant))), work):
        begun, done = len(lake.storage.list("ledger")) > 0, len(ledger.ended(lake)) == 1
        assert begun >= (lake.storage.get("work") is not None) >= done
        seen.add((begun, done))
    assert seen == {(False, False), (True, False), (True, True)}


def test_ended_records_are_listed_by_start_and_by_scope(lake: Lake) -> None:
    for scope in ("a", "b", "a"):
        with attempt(lake, stage="s", scope=scope, config={}, inputs={}) as current:
            current.summary["number"] = len(ledger.ended(lake))
    assert [r["summary"]["number"] for r in ledger.ended(lake)] == [0, 1, 2]
    assert [r["summary"]["number"] for r in ledger.ended(lake, "a")] == [0, 2]


def test_the_newest_output_is_of_a_success_and_still_in_the_lake(lake: Lake, mill: Any) -> None:
    old, new, failed = (mill.publish("mix", [{"snapshot": "x", "doc_id": i}]) for i in range(3))
    for digest, error in ((old, None), (new, None), (failed, ValueError("no"))):
        try:
            with attempt(lake, stage="mix", scope="a", config={}, inputs={}) as current:
                current.outputs["mix"] = digest
                if error:
                    raise error
        except ValueError:
            pass
    assert newest_output(lake, "a", "mix") == new
    lake.storage.delete(f"manifests/{new}.json")
    assert newest_output(lake, "a", "mix") == old
    assert newest_output(lake, "b", "mix") is None
    assert newest_output(lake, "a", "tokens") is None


def test_provenance_names_attempt_inputs_and_tools(lake: Lake) -> None:
    with attempt(lake, stage="s", scope="a", config={}, inputs={"in": "1"}) as current:
        found = current.provenance()
    assert (found["attempt"], found["inputs"]) == (current.id, {"in": "1"})
    assert set(found["tools"]) == {"python", "pyarrow"}
