"""The snapshot catalogue: which crawls there are, in which order, and of which files.

One small pointer (`catalogue.json`) holds the entries and is swapped; listings are immutable objects.
A snapshot's listing only grows: `file_index` is assigned once and is part of every doc_id.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from gristmill.errors import UserError
from gristmill.lake import Lake, canonical_json, sha256_json
from gristmill.settings import nearest
from gristmill.source import is_url, size

SNAPSHOT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
MAX_FILES = 1 << 23
_POINTER = "catalogue.json"
_COMMON_CRAWL = re.compile(r"CC-MAIN-(20[0-9]{2})-([0-5][0-9])")


class CatalogueError(UserError):
    """The catalogue lacks, or refuses, an entry; the message says what to do."""


@dataclass(frozen=True)
class InputFile:
    """One crawl file: its place in the listing, its absolute path or URL, its size in bytes."""

    file_index: int
    path: str
    bytes: int


@dataclass(frozen=True)
class Snapshot:
    """One crawl snapshot; `partition_date` orders snapshots and is unique."""

    id: str
    partition_date: date
    files: tuple[InputFile, ...]

    @property
    def bytes(self) -> int:
        return sum(f.bytes for f in self.files)


class Catalogue:
    """The snapshots of one lake."""

    def __init__(self, lake: Lake) -> None:
        self.storage = lake.storage

    def dates(self) -> dict[str, date]:
        """Snapshot id -> partition date, in date order; reads no listing."""
        entries = _decode(self.storage.get(_POINTER))
        found = {key: date.fromisoformat(entry["partition_date"]) for key, entry in entries.items()}
        return dict(sorted(found.items(), key=lambda item: item[1]))

    def snapshots(self) -> list[Snapshot]:
        """All snapshots with their listings, by partition date."""
        return [self.get(key) for key in self.dates()]

    def get(self, snapshot_id: str) -> Snapshot:
        """One snapshot; raises CatalogueError naming the nearest known id."""
        entries = _decode(self.storage.get(_POINTER))
        if snapshot_id not in entries:
            raise CatalogueError(
                f"unknown snapshot '{snapshot_id}'{nearest(snapshot_id, list(entries))}; "
                f"add it with `gristmill snapshot add {snapshot_id} --glob PATTERN`"
            )
        entry = entries[snapshot_id]
        listing = self.storage.get(entry["listing"])
        if listing is None:
            raise CatalogueError(f"the listing {entry['listing']} of snapshot '{snapshot_id}' is lost; restore it")
        files = tuple(InputFile(i, path, size) for i, (path, size) in enumerate(json.loads(listing)))
        return Snapshot(snapshot_id, date.fromisoformat(entry["partition_date"]), files)

    def add(self, snapshot_id: str, partition_date: date, paths: Sequence[Path | str]) -> Snapshot:
        """Enter a new snapshot.

        Raises CatalogueError for a bad or known id, a partition date that is taken, or an unreadable file.
        """
        if not SNAPSHOT_ID.fullmatch(snapshot_id):
            raise CatalogueError(f"snapshot id '{snapshot_id}' may hold letters, digits, '.', '_', '-' (64 at most)")
        while True:
            before = self.storage.get(_POINTER)
            entries = _decode(before)
            if snapshot_id in entries:
                raise CatalogueError(
                    f"snapshot '{snapshot_id}' is in the catalogue already; "
                    f"append files to it with `gristmill snapshot extend {snapshot_id}`"
                )
            taken = {entry["partition_date"]: key for key, entry in entries.items()}
            if owner := taken.get(partition_date.isoformat()):
                raise CatalogueError(f"partition date {partition_date} belongs to '{owner}'; give another --date")
            if self._swap(before, entries, snapshot_id, partition_date, _listing([], paths)):
                return self.get(snapshot_id)

    def extend(self, snapshot_id: str, paths: Sequence[Path | str]) -> Snapshot:
        """Append files to a snapshot's listing; those it has keep their file_index."""
        while True:
            before = self.storage.get(_POINTER)
            snapshot = self.get(snapshot_id)
            listing = _listing([(f.path, f.bytes) for f in snapshot.files], paths)
            if self._swap(before, _decode(before), snapshot_id, snapshot.partition_date, listing):
                return self.get(snapshot_id)

    def _swap(
        self, before: bytes | None, entries: dict[str, Any], key: str, day: date, listing: list[tuple[str, int]]
    ) -> bool:
        listing_key = f"listings/{key}/{sha256_json(listing)}.json"
        self.storage.put_if_absent(listing_key, canonical_json(listing))
        after = {**entries, key: {"partition_date": day.isoformat(), "listing": listing_key}}
        return self.storage.compare_and_swap(_POINTER, before, canonical_json(after))

    # Digests of input files, pinned at first read

    def pinned(self, snapshot_id: str, file_index: int) -> str | None:
        """sha256 of an input file as it was first read; None before."""
        return self._pin(snapshot_id, file_index).get("sha256")

    def offsets(self, snapshot_id: str, file_index: int) -> str:
        """What the offset in the file's doc_ids counts: bytes of the `file`, of its inflated `stream`, or a `row`."""
        return self._pin(snapshot_id, file_index).get("offsets", "file")

    def pin(self, snapshot_id: str, file: InputFile, sha256: str, offsets: str = "file") -> None:
        """Pin digest and offsets at first read, check the digest ever after.

        Raises CatalogueError when the file is not the one that was read first.
        """
        key = _pin_key(snapshot_id, file.file_index)
        self.storage.put_if_absent(key, canonical_json({"sha256": sha256, "offsets": offsets}))
        if (pinned := self.pinned(snapshot_id, file.file_index)) != sha256:
            raise CatalogueError(
                f"{file.path} changed since it was first read (sha256 {pinned} then, {sha256} now); "
                f"restore it, or add the new file as a new snapshot"
            )

    def _pin(self, snapshot_id: str, file_index: int) -> dict[str, str]:
        data = self.storage.get(_pin_key(snapshot_id, file_index))
        return {} if data is None else dict(json.loads(data))


def default_date(snapshot_id: str) -> date | None:
    """Monday of the ISO week of a CC-MAIN-YYYY-WW id; None for other ids or a week that does not exist."""
    found = _COMMON_CRAWL.fullmatch(snapshot_id)
    if found is None:
        return None
    try:
        return date.fromisocalendar(int(found[1]), int(found[2]), 1)
    except ValueError:
        return None


def _listing(known: list[tuple[str, int]], paths: Sequence[Path | str]) -> list[tuple[str, int]]:
    listing = list(known)
    seen = {path for path, _ in known}
    for path in paths:
        address = str(path) if is_url(str(path)) else str(Path(path).resolve())
        if address in seen:
            raise CatalogueError(f"{address} is listed twice")
        if not (length := _size(address)):
            raise CatalogueError(f"{address} is empty; fetch it again, or leave it out")
        seen.add(address)
        listing.append((address, length))
    if not paths:
        raise CatalogueError("no files given; check the --glob pattern or the --paths file")
    if len(listing) > MAX_FILES:
        raise CatalogueError(f"{len(listing)} files are more than the {MAX_FILES} that a doc_id can address")
    return listing


def _size(address: str) -> int:
    if not is_url(address) and not Path(address).is_file():
        raise CatalogueError(f"{address} is not a file that can be read")
    try:
        return size(address)
    except OSError as error:
        raise CatalogueError(f"{address} cannot be read ({error.strerror or error})") from None


def _pin_key(snapshot_id: str, file_index: int) -> str:
    return f"pins/{snapshot_id}/{file_index:06d}.json"


def _decode(data: bytes | None) -> dict[str, Any]:
    return {} if data is None else dict(json.loads(data))
