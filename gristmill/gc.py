"""Garbage collection: forget what no release, verdict, model, report or checkpoint names.

Safe beside running stages: nothing younger than `min_age_seconds` is touched, and a stage that reuses a file
makes it young again. Safe under kill: names go before what they name, so no record ever names a file that
is gone.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass

from gristmill.lake import Lake
from gristmill.reachable import files_of, named_manifests


@dataclass(frozen=True)
class Garbage:
    """Keys to forget, in the order in which they must go, and the bytes that this frees."""

    keys: tuple[str, ...]
    bytes: int


def find_garbage(lake: Lake, min_age_seconds: float) -> Garbage:
    """What `collect` would forget."""
    manifests = named_manifests(lake)
    keep = files_of(lake, manifests)
    horizon = time.time() - min_age_seconds

    def old(key: str) -> bool:
        return lake.storage.local_path(key).stat().st_mtime < horizon

    young = {key for key in lake.storage.list("objects") if not old(key)}
    units = [key for key in lake.storage.list("units") if old(key) and not _files(lake, key) <= keep | young]
    dead = [key for key in lake.storage.list("manifests") if old(key) and _digest(key) not in manifests
            and not _files(lake, key) & young]  # fmt: skip
    gone = {_digest(key) for key in dead}
    kept_by_name = {f for key in lake.storage.list("manifests") if _digest(key) not in gone for f in _files(lake, key)}
    kept_by_unit = {f for key in lake.storage.list("units") if key not in set(units) for f in _files(lake, key)}
    provenance = [key for digest in gone for key in lake.storage.list(f"provenance/{digest}")]
    objects = [key for key in lake.storage.list("objects") if key not in keep | young | kept_by_name | kept_by_unit]
    keys = (*units, *dead, *provenance, *objects)
    return Garbage(keys, sum(lake.storage.local_path(key).stat().st_size for key in keys))


def collect(lake: Lake, garbage: Garbage) -> None:
    """Forget it."""
    for key in garbage.keys:
        lake.storage.delete(key)


def _files(lake: Lake, key: str) -> set[str]:
    """Data files that a manifest or a unit record names."""
    body = json.loads(lake.storage.get(key) or b"{}")
    entries = body["files"] if "files" in body else body.values()
    return {entry["path"] for entry in entries}


def _digest(key: str) -> str:
    return key.removeprefix("manifests/").removesuffix(".json")
