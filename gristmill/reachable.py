"""What a lake must keep: every digest that a release, verdict, model, report or checkpoint names."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from gristmill.lake import Lake, LakeError

ROOTS = ("releases/current", "verdicts", "models", "checkpoints", "scores")
"""What they name is kept with all that it was made from."""

LEAVES = ("reports", "index")
"""What they name is kept alone: every failed run has a report, which must not keep that run's data; the merged index
segment holds what the segments that it was made of hold."""


def named_manifests(lake: Lake) -> set[str]:
    """Digests of the manifests that roots and leaves name, and those that the roots' manifests were made from."""
    found: set[str] = set()
    left = _named_by(lake, ROOTS)
    while left:
        digest = left.pop()
        if digest in found or not _stored(lake, digest):
            continue
        found.add(digest)
        for key in lake.storage.list(f"provenance/{digest}"):
            left |= set(_digests(read_json(lake, key))) - found
    return found | {digest for digest in _named_by(lake, LEAVES) if _stored(lake, digest)}


def released_manifests(lake: Lake) -> dict[str, str]:
    """digest -> what it is, for the merged index segment and all datasets of the current releases and the promoted
    models."""
    merged = {key: read_json(lake, key)["digest"] for key in lake.storage.list("index")}
    found: dict[str, str] = {digest: f"{key.removesuffix('.json')}: history" for key, digest in merged.items()}
    for root in ("releases/current", "models/promoted"):
        for key in lake.storage.list(root):
            body = read_json(lake, key)
            name = key.removeprefix(f"{root}/").removesuffix(".json")
            datasets = body.get("datasets") or {"model": body["model"], **_model_inputs(lake, body["model"])}
            found |= {digest: f"{name}: {dataset}" for dataset, digest in datasets.items()}
    return found


def read_json(lake: Lake, key: str) -> Any:
    """The JSON object under `key`; empty when it is gone. Raises LakeError when it is not JSON."""
    try:
        return json.loads(lake.storage.get(key) or b"{}")
    except ValueError as error:
        raise LakeError(f"{lake.storage.local_path(key)} is not JSON ({error}); restore it first") from None


def _model_inputs(lake: Lake, model: str) -> dict[str, str]:
    """name -> digest of the datasets that a model's run.json names; none when that file is lost or damaged."""
    try:
        run = json.loads(lake.path(lake.manifest(model).file("run.json")).read_bytes())
    except (LakeError, OSError, ValueError):
        return {}
    return dict(run.get("digests", {}))


def _stored(lake: Lake, digest: str) -> bool:
    return lake.storage.get(f"manifests/{digest}.json") is not None


def _named_by(lake: Lake, roots: tuple[str, ...]) -> set[str]:
    keys = (key for root in roots for key in lake.storage.list(root) if key.endswith(".json"))
    return {digest for key in keys for digest in _digests(read_json(lake, key))}


def _digests(value: Any) -> Iterator[str]:
    """Every value in a JSON object that looks like a digest."""
    if isinstance(value, dict):
        for each in value.values():
            yield from _digests(each)
    elif isinstance(value, list):
        for each in value:
            yield from _digests(each)
    elif isinstance(value, str) and len(value) == 64 and set(value) <= set("0123456789abcdef"):
        yield value
