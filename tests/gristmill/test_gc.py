"""Garbage collection: what is named or young stays whole, the rest goes, and a kill costs nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill import gc
from gristmill.gc import collect, find_garbage
from gristmill.lake import Lake, LakeError, canonical_json
from gristmill.ledger import Attempt, attempt
from gristmill.reachable import named_manifests
from gristmill.settings import Settings
from gristmill.units import Stage, Unit, UnitOutput, in_process, run_stage

HOUR = 3600


def dataset(mill: Any, number: int, **provenance: Any) -> str:
    """A small dataset of its own content, with this provenance."""
    entry = mill.write("mix", "u", [{"snapshot": "x", "doc_id": number}], None)
    digest: str = mill.lake.publish("mix", [entry], provenance).digest
    return digest


def name(lake: Lake, key: str, body: object) -> None:
    lake.storage.put_if_absent(key, canonical_json(body))


def stage(mill: Any, number: int) -> str:
    """A dataset made by a stage of one unit, which has a record."""

    def compute(lake: Lake, unit: Unit, config: Settings) -> UnitOutput:
        return UnitOutput({"mix": mill.table("mix", [{"snapshot": unit.key, "doc_id": number}])})

    toy = Stage("toy", 1, ("mix",), Settings(), compute)
    units = [Unit(str(number), {})]
    return run_stage(mill.lake, toy, units, in_process, Attempt("1", "toy", "s"))["mix"].digest


def whole(lake: Lake) -> bool:
    """Whether every name in the lake names files that are there as they were published."""
    digests = [key[10:-5] for key in lake.storage.list("manifests")]
    units = gc._files(lake, lake.storage.list("units"))
    return not any(lake.damaged(lake.manifest(d)) for d in digests) and all(
        lake.storage.get(key) is not None for key in units
    )


def keys(lake: Lake) -> set[str]:
    return {key for root in ("manifests", "provenance", "objects", "units", "tmp") for key in lake.storage.list(root)}


def test_all_that_a_release_a_verdict_a_model_a_report_or_a_checkpoint_names_stays(lake: Lake, mill: Any) -> None:
    released = mill.release("a", date(2026, 3, 1))
    blocked = mill.publish("metrics", [{"stage": "blocked"}])
    mill.judge({**released, "metrics": blocked}, "block")
    kept = [dataset(mill, i) for i in range(3)]
    model = dataset(mill, 3, inputs={"tokens": kept[0]})
    name(lake, "models/promoted/demo.json", {"model": model})
    name(lake, "reports/a/run.json", {"report": kept[1]})
    name(lake, "checkpoints/run/step-1/COMPLETE.json", {"identity": {"digests": {"tokens": kept[2]}}, "files": {}})
    before = keys(lake)
    mill.age()
    assert collect(lake, HOUR).keys == ()
    assert keys(lake) == before
    assert named_manifests(lake) == {*released.values(), blocked, *kept, model}


def test_what_nothing_names_goes_with_its_record_its_provenance_and_its_files(lake: Lake, mill: Any) -> None:
    name(lake, "verdicts/x/1.json", {"subject": dataset(mill, 1)})
    kept = keys(lake)
    gone = [stage(mill, 2), dataset(mill, 3, inputs={"mix": stage(mill, 4)})]
    mill.age()
    garbage = find_garbage(lake, HOUR)
    size = sum(len(lake.storage.get(key) or b"") for key in garbage.keys)
    assert garbage.bytes == size > 0
    assert collect(lake, HOUR) == garbage
    assert keys(lake) == kept
    with pytest.raises(LakeError, match="no dataset with digest"):
        lake.manifest(gone[0])


def test_a_report_stays_without_the_datasets_that_it_shows(lake: Lake, mill: Any) -> None:
    shown = dataset(mill, 1)
    report = dataset(mill, 2, inputs={"corpus": shown})
    name(lake, "reports/a/run.json", {"report": report})
    mill.age()
    collect(lake, HOUR)
    assert lake.damaged(lake.manifest(report)) == []
    assert lake.storage.list("manifests") == [f"manifests/{report}.json"]


def test_what_is_young_stays(lake: Lake, mill: Any) -> None:
    stage(mill, 1), dataset(mill, 2), mill.write("mix", "not published yet", [], None)
    before = keys(lake)
    assert collect(lake, HOUR).keys == ()
    assert keys(lake) == before


def test_a_file_that_a_unit_record_or_a_dataset_still_names_stays(lake: Lake, mill: Any) -> None:
    """A new version of a dataset shares most files with the old one."""
    shared, own = (mill.write("mix", u, [{"snapshot": u, "doc_id": 1}], None) for u in ("shared", "own"))
    lake.publish("mix", [shared, own], {})
    new = lake.publish("mix", [shared], {}).digest
    name(lake, "verdicts/x/1.json", {"subject": new})
    mill.age()
    collect(lake, HOUR)
    assert whole(lake)
    assert lake.storage.list("objects") == [shared.path]


def publish_again(mill: Any) -> None:
    dataset(mill, 1)


def reuse(mill: Any) -> None:
    stage(mill, 2)


def read(mill: Any) -> None:
    digests = {f"input {key}": key[10:-5] for key in mill.lake.storage.list("manifests")}
    with attempt(mill.lake, stage="s", scope="a", config={}, inputs=digests):
        pass


@pytest.mark.parametrize(("act", "digest"), [(publish_again, 0), (reuse, 1), (read, 0), (read, 1)])
@pytest.mark.parametrize("moment", ["before", "meanwhile"])
def test_what_a_stage_publishes_again_reuses_or_reads_is_young(
    lake: Lake, mill: Any, monkeypatch: pytest.MonkeyPatch, act: Callable[[Any], None], digest: int, moment: str
) -> None:
    digests = [dataset(mill, 1), stage(mill, 2)]
    mill.age()
    if moment == "before":
        act(mill)
    else:
        decide = gc._dead_names

        def overtaken(*arguments: Any) -> list[str]:
            """The stage acts right after collection has made up its mind."""
            found = decide(*arguments)
            act(mill)
            return found

        monkeypatch.setattr(gc, "_dead_names", overtaken)
    collect(lake, HOUR)
    assert lake.damaged(lake.manifest(digests[digest])) == []
    assert whole(lake)


def test_what_killed_writers_left_goes(lake: Lake, mill: Any) -> None:
    digest = dataset(mill, 1)
    lake.storage.delete(f"manifests/{digest}.json")
    path = lake.storage.local_path("tmp/half")
    path.write_bytes(b"half an object")
    mill.age()
    collect(lake, HOUR)
    assert keys(lake) == set()


def test_nothing_is_collected_while_something_that_names_cannot_be_read(lake: Lake, mill: Any) -> None:
    dataset(mill, 1)
    lake.storage.put_if_absent("verdicts/x/1.json", b'{"subject": "')
    mill.age()
    before = keys(lake)
    with pytest.raises(LakeError, match=r"verdicts/x/1\.json is not JSON"):
        collect(lake, HOUR)
    assert keys(lake) == before


def test_two_collections_at_once_do_not_disturb_each_other(lake: Lake, mill: Any, concurrently: Any) -> None:
    name(lake, "verdicts/x/1.json", {"subject": dataset(mill, 100)})
    kept = keys(lake)
    for number in range(20):
        dataset(mill, number)
    mill.age()
    concurrently(lambda: collect(lake, HOUR).bytes, lambda: collect(lake, HOUR).bytes)
    assert keys(lake) == kept


@pytest.mark.fault
def test_a_collection_killed_at_any_instant_leaves_no_name_without_its_files(
    make_mill: Callable[[Path], Any], tmp_path: Path, every_instant: Any
) -> None:
    kept: dict[Path, set[str]] = {}

    def prepare(instant: int) -> Any:
        mill = make_mill(tmp_path / str(instant))
        name(mill.lake, "verdicts/x/1.json", {"subject": stage(mill, 1)})
        kept[mill.folder] = keys(mill.lake)
        stage(mill, 2)
        mill.age()
        return mill

    left = set()
    for mill in every_instant(prepare, lambda mill: collect(mill.lake, HOUR)):
        assert whole(mill.lake)
        left.add(len(keys(mill.lake) - kept[mill.folder]))
        collect(mill.lake, HOUR)
        assert keys(mill.lake) == kept[mill.folder]
    # Record, manifest, provenance and file went one after the other.
    assert left == {4, 3, 2, 1, 0}


plans = st.lists(st.tuples(st.booleans(), st.booleans(), st.none() | st.integers(0, 7)), min_size=1, max_size=8)


@settings(max_examples=25)
@given(plans)
def test_exactly_what_is_reachable_or_young_stays(
    tmp_path_factory: pytest.TempPathFactory,
    make_mill: Callable[[Path], Any],
    plan: list[tuple[bool, bool, int | None]],
) -> None:
    """Each dataset may be named by a root, may be young, and may be made from an earlier one."""
    mill = make_mill(tmp_path_factory.mktemp("mill"))
    digests: list[str] = []
    for number, (_, _, source) in enumerate(plan):
        inputs = {"mix": digests[source]} if source is not None and source < number else {}
        digests.append(dataset(mill, number, inputs=inputs))
    mill.age()
    stays = set()
    for number, (rooted, young, _) in enumerate(plan):
        if young:
            mill.lake.storage.touch(f"manifests/{digests[number]}.json")
            stays.add(number)
        if rooted:
            name(mill.lake, f"verdicts/{number}/1.json", {"subject": digests[number]})
            at: int | None = number
            while at is not None:
                stays.add(at)
                source = plan[at][2]
                at = source if source is not None and source < at else None
    collect(mill.lake, HOUR)
    assert {key[10:-5] for key in mill.lake.storage.list("manifests")} == {digests[number] for number in stays}
    assert len(mill.lake.storage.list("objects")) == len(stays)
    assert whole(mill.lake)
