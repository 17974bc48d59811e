"""Garbage collection: forget what no release, verdict, model, report or checkpoint names.

Safe beside running stages: what is younger than `min_age_seconds` stays, and what a stage reads, reuses or
publishes again becomes young. Safe under kill: names go before what they name, so no record ever names a
file that is gone, and the next collection takes the rest.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from gristmill.lake import Lake
from gristmill.reachable import named_manifests, read_json

Old = Callable[[str], bool]


@dataclass(frozen=True)
class Garbage:
    """Keys to forget, in the order in which they must go, and the bytes that this frees."""

    keys: tuple[str, ...]
    bytes: int


def find_garbage(lake: Lake, min_age_seconds: float) -> Garbage:
    """What `collect` would forget now."""
    old = _older_than(lake, min_age_seconds)
    names = _dead_names(lake, old)
    keys = (*names, *_dead_objects(lake, old, without=set(names)))
    return Garbage(keys, sum(_size(lake, key) for key in keys))


def collect(lake: Lake, min_age_seconds: float) -> Garbage:
    """Forget it; returns what was forgotten."""
    old = _older_than(lake, min_age_seconds)
    names = _forget(lake, old, _dead_names(lake, old))
    # Asked only now: a name that a stage has made young meanwhile still stands, and keeps its files.
    objects = _forget(lake, old, _dead_objects(lake, old))
    return Garbage(names.keys + objects.keys, names.bytes + objects.bytes)


def _forget(lake: Lake, old: Old, keys: Iterable[str]) -> Garbage:
    gone, size = [], 0
    for key in keys:
        if old(key):
            size += _size(lake, key)
            lake.storage.delete(key)
            gone.append(key)
    return Garbage(tuple(gone), size)


def _dead_names(lake: Lake, old: Old) -> list[str]:
    """Unit records, manifests and provenance that go; a unit record stays while its files do."""
    named = {f"manifests/{digest}.json" for digest in named_manifests(lake)}
    manifests = lake.storage.list("manifests")
    dead = [key for key in manifests if key not in named and old(key)]
    left = set(manifests) - set(dead)
    # Provenance that lacks its manifest is what a killed collection left.
    orphans = [k for k in lake.storage.list("provenance") if f"manifests/{k.split('/')[1]}.json" not in left and old(k)]
    stays = _files(lake, left) | {key for key in lake.storage.list("objects") if not old(key)}
    units = [key for key in lake.storage.list("units") if old(key) and not _files(lake, [key]) <= stays]
    return [*units, *dead, *orphans]


def _dead_objects(lake: Lake, old: Old, without: Iterable[str] = ()) -> list[str]:
    """Files that no name, except those in `without`, names; and what killed writers left."""
    names = {*lake.storage.list("units"), *lake.storage.list("manifests")}.difference(without)
    named = _files(lake, names)
    return [key for key in (*lake.storage.list("objects"), *lake.storage.list("tmp")) if key not in named and old(key)]


def _files(lake: Lake, names: Iterable[str]) -> set[str]:
    """Data files that manifests and unit records name."""
    bodies = (read_json(lake, key) for key in names)
    return {entry["path"] for body in bodies for entry in body.get("files", body.values())}


def _older_than(lake: Lake, seconds: float) -> Old:
    horizon = time.time() - seconds

    def old(key: str) -> bool:
        modified = lake.storage.modified(key)
        return modified is not None and modified < horizon

    return old


def _size(lake: Lake, key: str) -> int:
    try:
        return lake.storage.local_path(key).stat().st_size
    except FileNotFoundError:  # another collection was faster
        return 0
