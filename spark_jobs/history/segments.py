"""The segments of the history: which files hold the keys of which released snapshot.

A release names a segment of its own. One pointer, `index/compacted.json`, may name a segment that several were merged
into, and the index digest of each release that went into it. Of it only the rows count whose release still has that
index; every other release is met by its own segment. So a snapshot that is released, released anew or left out
changes what is read, at one compare-and-swap of its release, and never what is found.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from gristmill.errors import UserError
from gristmill.lake import FileEntry, Lake, LakeError, Manifest
from gristmill.release import Release

POINTER = "index/compacted.json"


class HistoryError(UserError):
    """The history index cannot be used or changed; the message says what to do."""


Part = tuple[FileEntry, Mapping[str, int]]
"""A file of keys, and the places of the wanted snapshots in it."""


@dataclass(frozen=True)
class Compacted:
    """The merged segment: a `history` dataset, and the index digest of each snapshot in it."""

    digest: str
    members: Mapping[str, str]


@dataclass(frozen=True)
class Segment:
    """A segment as a match sees it: `places` gives the wanted snapshots in it their place among all wanted."""

    manifest: Manifest
    places: Mapping[str, int]

    @property
    def digits(self) -> int:
        """Length of the prefixes that its files are cut by."""
        return len(self.manifest.files[0].unit) if self.manifest.files else 1

    @cached_property
    def _files(self) -> dict[str, FileEntry]:
        return {entry.unit: entry for entry in self.manifest.files}

    def part(self, prefix: str) -> Part:
        """The file with the keys of a prefix that is at least as long as its own. Raises HistoryError."""
        unit = prefix[: self.digits]
        if unit not in self._files:
            raise HistoryError(
                f"the segment {self.manifest.digest[:12]} of {', '.join(self.places)} has no file for keys with "
                f"'{unit}'; run `python -m spark_jobs.curate` for that snapshot again, then release it"
            )
        return self._files[unit], self.places


def compacted(lake: Lake) -> Compacted | None:
    """The merged segment, if there is one; raises HistoryError."""
    data = lake.storage.get(POINTER)
    if data is None:
        return None
    try:
        return Compacted(**json.loads(data))
    except (ValueError, TypeError) as error:
        raise HistoryError(f"{lake.storage.local_path(POINTER)} is not readable ({error}); remove that file") from None


def holds(merged: Compacted | None, release: Release) -> bool:
    """Whether the merged segment has exactly this release's keys."""
    return merged is not None and merged.members.get(release.snapshot) == release.datasets["index"]


def segments(lake: Lake, releases: Sequence[Release]) -> list[Segment]:
    """Fewest segments that hold the keys of `releases`, each once; places are positions in `releases`.

    Raises HistoryError when the merged segment is gone, LakeError when another one is.
    """
    merged = compacted(lake)
    inside = {r.snapshot: place for place, r in enumerate(releases) if holds(merged, r)}
    found = []
    if merged is not None and inside:
        found.append(Segment(_merged_manifest(lake, merged), inside))
    for place, release in enumerate(releases):
        if release.snapshot not in inside:
            found.append(Segment(lake.manifest(release.datasets["index"]), {release.snapshot: place}))
    return found


def _merged_manifest(lake: Lake, merged: Compacted) -> Manifest:
    # Another compaction may swap the pointer meanwhile; gc spares what has just begun to be read.
    lake.storage.touch(f"manifests/{merged.digest}.json")
    try:
        return lake.manifest(merged.digest)
    except LakeError as error:
        raise HistoryError(f"the merged index is lost ({error}); `gristmill index compact` makes it again") from None
