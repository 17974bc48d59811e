"""Compaction: the segments of all releases become one, and one pointer is swapped to it.

A prefix is a unit: the keys under it are gathered from every segment and sorted, so a task holds one file of the
result: FILE_ROWS keys, 400 MB. Segments of releases stay; the merged one costs their bytes once more, and is read in
their place because it has few large files where they have many small ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import pyarrow as pa

from gristmill.lake import Lake, canonical_json
from gristmill.ledger import Attempt
from gristmill.release import Release
from gristmill.schemas import SCHEMAS
from gristmill.settings import Settings
from gristmill.units import Stage, Unit, UnitOutput, run_stage
from spark_jobs.history.keys import bands_and_keys, digits_for, prefixes, sorted_rows
from spark_jobs.history.segments import POINTER, Compacted, HistoryError, Segment
from spark_jobs.stage import StageContext

NAME = "compact"


class CompactConfig(Settings):
    """No option: what is merged is what is released."""


def compact(context: StageContext, releases: Sequence[Release], attempt: Attempt) -> Compacted:
    """Merge the segments of `releases` and swap the pointer to the result; releases that are left out are dropped.

    Raises HistoryError: fewer than two releases, or another compaction has swapped the pointer meanwhile.
    """
    lake = context.lake
    if len(releases) < 2:
        raise HistoryError(f"{len(releases)} snapshots are released; a compaction merges two or more")
    # Read first: the swap below fails if anybody else's comes between.
    before = lake.storage.get(POINTER)
    members = {r.snapshot: r.datasets["index"] for r in sorted(releases, key=lambda r: r.snapshot)}
    segments = [Segment(lake.manifest(index), {name: place}) for place, (name, index) in enumerate(members.items())]
    digits = digits_for(sum(segment.manifest.rows for segment in segments))
    longest = max(digits, *(segment.digits for segment in segments))
    units = [
        Unit(prefix, members, {"parts": [segment.part(prefix) for segment in segments]}) for prefix in prefixes(longest)
    ]
    manifest = run_stage(lake, Stage(NAME, 1, ("history",), CompactConfig(), merge), units, context.tasks, attempt)
    made = Compacted(manifest["history"].digest, members)
    body = canonical_json(asdict(made))
    if not lake.storage.compare_and_swap(POINTER, before, body) and lake.storage.get(POINTER) != body:
        raise HistoryError("another compaction ended meanwhile and its result stands; see `gristmill index list`")
    return made


def merge(lake: Lake, unit: Unit, config: CompactConfig) -> UnitOutput:
    """The keys of all segments under one prefix, sorted by (band, key, snapshot, doc_id)."""
    parts = unit.payload["parts"]
    names = pa.array([name for _, places in parts for name in places], pa.string())
    rows = sorted_rows(lake, parts, unit.key)
    band, key = bands_and_keys(rows.bucket, unit.key)
    snapshot = names.take(pa.array(rows.place))
    return UnitOutput({"history": pa.table([band, key, snapshot, rows.doc_id], schema=SCHEMAS["history"])})
