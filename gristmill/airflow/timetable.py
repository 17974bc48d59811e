"""Crawl snapshots as partitions: one run per catalogue entry, its id the run's partition key.

The catalogue is read whenever Airflow asks, so a new entry needs no restart and no new DAG version.
"""

from __future__ import annotations

import datetime
import secrets
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pendulum
from airflow.exceptions import InvalidPartitionKeyError
from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction, Timetable

if TYPE_CHECKING:
    from airflow.utils.types import DagRunType
    from pendulum import DateTime

    from gristmill.profile import Profile


class SnapshotTimetable(Timetable):
    """Runs for the catalogue of $GRISTMILL_PROFILE, in order of partition dates (midnight UTC).

    The profile's `airflow.schedule` says what is scheduled, in place of the DAG's `catchup`. Entries older than
    the newest run are never scheduled: fill such gaps by a backfill.
    """

    description = "One run per crawl snapshot in the catalogue"
    partitioned = True
    periodic = True
    can_be_scheduled = True

    def iter_partition_dagrun_infos(
        self, *, earliest: datetime.datetime, latest: datetime.datetime
    ) -> Iterator[DagRunInfo]:
        """Runs of the snapshots from `earliest` to `latest`, both inclusive: what a backfill creates."""
        for date, key in _entries():
            if earliest <= date <= latest:
                yield _run(date, key)

    def next_dagrun_info_v2(
        self, *, last_dagrun_info: DagRunInfo | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """The next scheduled run after the last one, or None when the catalogue has no further entry."""
        schedule = _profile().airflow.schedule
        if schedule == "none":
            return None
        last = last_dagrun_info.partition_date if last_dagrun_info else None
        ahead = [
            (date, key)
            for date, key in _entries()
            if (last is None or date > last)
            and (restriction.earliest is None or date >= restriction.earliest)
            and (restriction.latest is None or date <= restriction.latest)
        ]
        if schedule == "new":
            now = pendulum.now("UTC")
            missed = [entry for entry in ahead if entry[0] <= now]
            ahead = ahead[max(0, len(missed) - 1) :]
        return _run(*ahead[0]) if ahead else None

    def resolve_partition_date(self, partition_key: str | None) -> datetime.datetime | None:
        """Partition date of a key; raises InvalidPartitionKeyError, so that a trigger without a key is refused."""
        if partition_key is None:
            raise InvalidPartitionKeyError(
                f"A run needs a snapshot id as its partition key (in the form: Advanced Options). {_known()}"
            )
        return self._decode_partition_date(partition_key)

    def _decode_partition_date(self, partition_key: str) -> datetime.datetime:
        for date, key in _entries():
            if key == partition_key:
                return date
        raise InvalidPartitionKeyError(
            f"{partition_key[:80]!r} is not in the snapshot catalogue. {_known()} Add it with `gristmill snapshot add`."
        )

    def generate_run_id(
        self, *, run_type: DagRunType, run_after: DateTime, data_interval: DataInterval | None, **extra: Any
    ) -> str:
        """Type, key and a random suffix: reprocessing a snapshot makes a new run beside the old one."""
        key = extra.get("partition_key") or run_after.strftime("%Y%m%dT%H%M%S")
        return run_type.generate_run_id(suffix=f"{key}__{secrets.token_hex(4)}")

    def infer_manual_data_interval(self, *, run_after: DateTime) -> DataInterval:
        """Asked only for triggers with a logical date; the interval is that instant."""
        return DataInterval.exact(run_after)

    @property
    def summary(self) -> str:
        return "crawl snapshots"


def _profile() -> Profile:
    from gristmill.profile import load_profile

    return load_profile()


def _entries() -> list[tuple[DateTime, str]]:
    """(partition date, snapshot id) in date order."""
    # Imported late: DAG files import this module, and parsing must stay light.
    from gristmill.catalogue import Catalogue
    from gristmill.lake import Lake

    dates = Catalogue(Lake.open(_profile())).dates()
    return [(pendulum.datetime(day.year, day.month, day.day, tz="UTC"), key) for key, day in dates.items()]


def _run(date: DateTime, key: str) -> DagRunInfo:
    return DagRunInfo(run_after=date, data_interval=None, partition_date=date, partition_key=key)


def _known() -> str:
    keys = [key for _, key in _entries()]
    if not keys:
        return "The catalogue is empty."
    shown = ", ".join(keys[-5:])
    return f"The catalogue has {shown}." if len(keys) <= 5 else f"The newest of {len(keys)} entries are {shown}."
