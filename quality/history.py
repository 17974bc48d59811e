"""The releases that a snapshot is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

import pyarrow as pa

from gristmill.catalogue import Catalogue
from gristmill.lake import Lake, sha256_json
from gristmill.release import Release, releases


@dataclass(frozen=True)
class Past:
    """A released snapshot: `release` is the digest of its release, `metrics` that of `table`, its metrics."""

    snapshot: str
    partition_date: date
    release: str
    table: pa.Table = field(repr=False, compare=False)
    metrics: str = ""


def nearest(lake: Lake, snapshot_id: str, count: int) -> list[Past]:
    """The `count` approved releases nearest before a snapshot in catalogue order, oldest first.

    Where none is before it, as in a backfill from the newest on, those nearest after it. The snapshot's own release
    is never among them. Raises CatalogueError for an unknown snapshot.
    """
    day = Catalogue(lake).get(snapshot_id).partition_date
    found = releases(lake)
    before = [r for r in found if r.partition_date < day]
    after = [r for r in found if r.partition_date > day]
    chosen = before[-count:] if before else after[:count]
    return [_past(lake, release) for release in chosen] if count else []


def digest(past: Sequence[Past]) -> str:
    """What a verdict says of the history that it used."""
    return sha256_json([[each.snapshot, each.release, each.metrics] for each in past])


def _past(lake: Lake, release: Release) -> Past:
    metrics = release.datasets["metrics"]
    return Past(release.snapshot, release.partition_date, release.digest, lake.read(metrics), metrics)
