"""What a lake must keep: every digest that a release, verdict, model, report or checkpoint names."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from gristmill.lake import Lake, LakeError

ROOTS = ("releases/current", "verdicts", "models", "reports", "checkpoints")


def named_manifests(lake: Lake) -> set[str]:
    """Digests of the manifests that the roots name, and of those that these name in their provenance."""
    found: set[str] = set()
    left = {d for root in ROOTS for key in lake.storage.list(root) if key.endswith(".json") for d in _in(lake, key)}
    while left:
        digest = left.pop()
        if digest in found or lake.storage.get(f"manifests/{digest}.json") is None:
            continue
        found.add(digest)
        for key in lake.storage.list(f"provenance/{digest}"):
            left |= set(_in(lake, key)) - found
    return found


def files_of(lake: Lake, manifests: set[str]) -> set[str]:
    """Keys of the data files of these manifests."""
    return {entry.path for digest in manifests for entry in lake.manifest(digest).files}


def released_manifests(lake: Lake) -> dict[str, str]:
    """digest -> what it is, for all datasets of the current releases and the promoted models."""
    found: dict[str, str] = {}
    for root in ("releases/current", "models/promoted"):
        for key in lake.storage.list(root):
            body = json.loads(lake.storage.get(key) or b"{}")
            name = key.removeprefix(f"{root}/").removesuffix(".json")
            datasets = body.get("datasets") or {"model": body["model"]}
            found |= {digest: f"{name}: {dataset}" for dataset, digest in datasets.items()}
            if "model" in body:
                found |= {d: f"{name}: {lake.manifest(d).dataset}" for d in _model_inputs(lake, body["model"])}
    return found


def _model_inputs(lake: Lake, model: str) -> list[str]:
    """Datasets that a model's run.json names and the lake still has."""
    run = json.loads(lake.path(lake.manifest(model).file("run.json")).read_bytes())
    return [d for d in run.get("digests", {}).values() if lake.storage.get(f"manifests/{d}.json") is not None]


def _in(lake: Lake, key: str) -> Iterator[str]:
    """Every value in a JSON object that looks like a digest."""
    try:
        yield from _digests(json.loads(lake.storage.get(key) or b"{}"))
    except json.JSONDecodeError as error:
        raise LakeError(f"{key} is not JSON ({error}); nothing is collected") from None


def _digests(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for each in value.values():
            yield from _digests(each)
    elif isinstance(value, list):
        for each in value:
            yield from _digests(each)
    elif isinstance(value, str) and len(value) == 64 and set(value) <= set("0123456789abcdef"):
        yield value
