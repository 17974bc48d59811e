"""One run per catalogue entry: the snapshot id is the run's partition key, its date the partition date."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pendulum
from airflow.exceptions import InvalidPartitionKeyError
from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction, Timetable
from airflow.utils.types import DagRunType
from pendulum import DateTime

from gristmill.settings import nearest


class CrawlSnapshotTimetable(Timetable):
    """Partitioned by the snapshots of the catalogue.

    Backfill iterates the entries whose partition date lies in the range, both bounds inclusive. The schedule
    runs each entry once its date has come; without catch-up, of the past ones only the newest.
    """

    partitioned = True
    periodic = True
    can_be_scheduled = True
    description = "one run per crawl snapshot of the catalogue"

    def __init__(self, snapshots: dict[str, str]) -> None:
        """`snapshots`: id -> partition date (ISO 8601)."""
        self.snapshots = dict(sorted(snapshots.items(), key=lambda item: (item[1], item[0])))

    def serialize(self) -> dict[str, Any]:
        return {"snapshots": self.snapshots}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> CrawlSnapshotTimetable:
        return cls(data["snapshots"])

    @property
    def summary(self) -> str:
        return f"{len(self.snapshots)} crawl snapshots"

    def resolve_partition_date(self, partition_key: str | None) -> datetime | None:
        """A run without a key would be a run of nothing, so it is refused where it is asked for."""
        if partition_key is None:
            raise InvalidPartitionKeyError(
                "a run of crawl_snapshot needs a partition key: the id of a snapshot"
                f"{nearest('', list(self.snapshots))}; in the trigger form it is under Advanced Options"
            )
        return self._decode_partition_date(partition_key)

    def _decode_partition_date(self, partition_key: str) -> datetime:
        if partition_key not in self.snapshots:
            raise InvalidPartitionKeyError(
                f"unknown snapshot '{partition_key}'{nearest(partition_key, list(self.snapshots))}; "
                f"enter it first with `gristmill snapshot add`"
            )
        return _midnight(self.snapshots[partition_key])

    def iter_partition_dagrun_infos(self, *, earliest: datetime, latest: datetime) -> Iterator[DagRunInfo]:
        for info in self._entries():
            assert info.partition_date is not None
            if earliest <= info.partition_date <= latest:
                yield info

    def next_dagrun_info_v2(
        self, *, last_dagrun_info: DagRunInfo | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        after = last_dagrun_info.partition_date if last_dagrun_info else None
        left = [
            info
            for info in self._entries()
            if (after is None or _date(info) > after)
            and (restriction.earliest is None or _date(info) >= restriction.earliest)
            and (restriction.latest is None or _date(info) <= restriction.latest)
        ]
        if not restriction.catchup:
            past = [info for info in left if _date(info) <= datetime.now(UTC)]
            left = past[-1:] + left[len(past) :]
        return left[0] if left else None

    def infer_manual_data_interval(self, *, run_after: DateTime) -> DataInterval:
        """Asked for by triggers with a logical date only; a snapshot has none."""
        return DataInterval.exact(run_after)

    def generate_run_id(
        self, *, run_type: DagRunType, run_after: DateTime, data_interval: DataInterval | None, **extra: Any
    ) -> str:
        """`<type>__<key or time>__<random>`: reprocessing makes a new run beside the old one."""
        named = extra.get("partition_key") or run_after.isoformat()
        return run_type.generate_run_id(suffix=f"{named}__{pendulum.now('UTC').format('YYYYMMDDTHHmmssSSSSSS')}")

    def _entries(self) -> list[DagRunInfo]:
        return [
            DagRunInfo(_midnight(day), None, partition_date=_midnight(day), partition_key=key)
            for key, day in self.snapshots.items()
        ]


def _date(info: DagRunInfo) -> DateTime:
    assert info.partition_date is not None
    return info.partition_date


def _midnight(day: str) -> DateTime:
    parsed = date.fromisoformat(day)
    return pendulum.datetime(parsed.year, parsed.month, parsed.day, tz="UTC")
