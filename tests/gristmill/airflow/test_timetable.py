"""Snapshots as partitions: what is scheduled, caught up with, backfilled and refused."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pendulum
import pytest
import yaml

pytestmark = pytest.mark.airflow

pytest.importorskip("airflow")
from airflow.exceptions import InvalidPartitionKeyError  # noqa: E402
from airflow.timetables.base import DagRunInfo, TimeRestriction  # noqa: E402
from airflow.utils.types import DagRunType  # noqa: E402

from gristmill.airflow.timetable import SnapshotTimetable  # noqa: E402
from gristmill.catalogue import Catalogue  # noqa: E402
from gristmill.lake import Lake  # noqa: E402
from gristmill.profile import PROJECT, load_profile  # noqa: E402

DAYS = {"newest": date(2026, 3, 2), "oldest": date(2026, 1, 5), "middle": date(2026, 2, 2), "future": date(2999, 1, 1)}


@pytest.fixture
def catalogue(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Catalogue:
    """An empty catalogue that the timetable reads; the test's parameter is the profile's schedule."""
    configs = PROJECT / "configs"
    profile = {
        "work_dir": str(tmp_path / "work"), "lake": str(tmp_path / "lake"),
        "policy": str(configs / "policies/gristmill.yaml"), "gates": str(configs / "gates/default.yaml"),
        "mix": str(configs / "mixes/demo.yaml"), "pretrain": str(configs / "pretrain/demo.yaml"),
        "airflow": {"schedule": getattr(request, "param", "new")},
    }  # fmt: skip
    path = tmp_path / "profile.yaml"
    path.write_text(yaml.safe_dump(profile), encoding="utf-8")
    monkeypatch.setenv("GRISTMILL_PROFILE", str(path))
    return Catalogue(Lake.open(load_profile()))


@pytest.fixture
def four(catalogue: Catalogue, tmp_path: Path) -> Catalogue:
    """Four snapshots, entered out of order."""
    for key, day in DAYS.items():
        file = tmp_path / f"{key}.warc.gz"
        file.write_bytes(b"x")
        catalogue.add(key, day, [file])
    return catalogue


def scheduled(last: str | None = None) -> list[str]:
    """Keys in the order in which the scheduler would run them."""
    timetable, keys = SnapshotTimetable(), []
    info = None if last is None else run(last)
    restriction = TimeRestriction(earliest=None, latest=None, catchup=False)
    while (info := timetable.next_dagrun_info_v2(last_dagrun_info=info, restriction=restriction)) is not None:
        keys.append(str(info.partition_key))
    return keys


def run(key: str) -> DagRunInfo:
    when = pendulum.datetime(DAYS[key].year, DAYS[key].month, DAYS[key].day, tz="UTC")
    return DagRunInfo(run_after=when, data_interval=None, partition_date=when, partition_key=key)


@pytest.mark.parametrize(
    ("catalogue", "keys"),
    [("all", ["oldest", "middle", "newest", "future"]), ("new", ["newest", "future"]), ("none", [])],
    indirect=["catalogue"],
)
def test_the_profile_says_what_is_scheduled(four: Catalogue, keys: list[str]) -> None:
    assert scheduled() == keys


def test_the_schedule_goes_on_behind_the_newest_run(four: Catalogue) -> None:
    assert scheduled(last="newest") == ["future"]
    assert scheduled(last="future") == []


def test_an_entry_that_is_added_later_is_scheduled(four: Catalogue, tmp_path: Path) -> None:
    file = tmp_path / "later.warc.gz"
    file.write_bytes(b"x")
    four.add("later", date(2999, 2, 1), [file])
    assert scheduled(last="future") == ["later"]


def test_an_empty_catalogue_schedules_nothing(catalogue: Catalogue) -> None:
    assert scheduled() == []


@pytest.mark.parametrize(
    ("first", "last", "keys"),
    [
        ("2026-01-05", "2026-02-02", ["oldest", "middle"]),
        ("2026-01-06", "2026-02-01", []),
        ("2000-01-01", "2030-01-01", ["oldest", "middle", "newest"]),
    ],
)
def test_a_backfill_has_the_entries_in_its_bounds(four: Catalogue, first: str, last: str, keys: list[str]) -> None:
    bounds = [pendulum.parse(text, tz="UTC") for text in (first, last)]
    found = SnapshotTimetable().iter_partition_dagrun_infos(earliest=bounds[0], latest=bounds[1])  # type: ignore[arg-type]
    assert [info.partition_key for info in found] == keys


def test_a_key_has_its_catalogue_date(four: Catalogue) -> None:
    assert SnapshotTimetable().resolve_partition_date("middle") == pendulum.datetime(2026, 2, 2, tz="UTC")


@pytest.mark.parametrize("key", [None, "", "Middle", "middle ", "middle\n", "../middle"])
def test_no_key_or_an_unknown_one_is_refused_with_the_known_ones(four: Catalogue, key: str | None) -> None:
    with pytest.raises(InvalidPartitionKeyError, match="The catalogue has oldest, middle, newest, future"):
        SnapshotTimetable().resolve_partition_date(key)


def test_run_ids_name_the_key_and_differ(four: Catalogue) -> None:
    made = {
        SnapshotTimetable().generate_run_id(
            run_type=DagRunType.MANUAL, run_after=pendulum.now("UTC"), data_interval=None, partition_key="middle"
        )
        for _ in range(20)
    }
    assert len(made) == 20
    assert all("middle" in run_id for run_id in made)
