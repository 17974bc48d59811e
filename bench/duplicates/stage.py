"""The whole stage beside datatrove's four MinHash steps: the same documents, shape, shingles, cores; time, memory, and
how many of the planted pairs end up in one cluster."""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bench.duplicates.corpus import Made, make
from bench.duplicates.curve import interval
from bench.duplicates.quality import curve
from bench.peers import environment
from bench.watch import Watched, watch
from gristmill.lake import Lake
from gristmill.process import say
from gristmill.storage import PosixStorage

LEAST = (0.7, 0.8, 0.9)
SCRIPT = Path(__file__).with_name("peer_stage.py")
Clusters = Mapping[tuple[int, int], int]
"""(file, row) -> cluster"""


def stage(source: Path, folder: Path, documents: int, words: int, seed: int, peer: bool) -> dict[str, Any]:
    """Both sides; `folder` is empty, and holds a few times the size of the documents afterwards."""
    # The first run compiles the kernels, once a machine; those after it read them from the cache.
    ours(make(source, folder / "first", 200, 100, seed), folder / "first")
    made = make(source, folder / "corpus", documents, words, seed)
    say(f"{documents} documents of {made.bytes / 1e6:.0f} MB made, {len(made.pairs)} of them copies")
    runs = {"gristmill": ours(made, folder)}
    if peer:
        runs["datatrove"] = theirs(made, folder)
        ratio = runs["datatrove"]["cost"]["seconds"] / runs["gristmill"]["cost"]["seconds"]
        say(f"datatrove takes {ratio:.1f} times as long")
    return {"documents": documents, "bytes": made.bytes, "copies": len(made.pairs),
            "identical": sum(j == 1 for _, _, j in made.pairs), "runs": runs}  # fmt: skip


def ours(made: Made, folder: Path) -> dict[str, Any]:
    """Our stage in a process of its own."""
    result = folder / "ours.json"
    command = [sys.executable, "-m", "bench.duplicates.own_stage", str(made.lake), made.documents, str(result)]
    cost = watch(command, folder / "ours.log")
    found = json.loads(result.read_text())
    table = Lake(PosixStorage(made.lake)).read(found["duplicates"], ["doc_id", "cluster_id"])
    cluster = dict(zip(*(table.column(name).to_pylist() for name in ("doc_id", "cluster_id")), strict=True))
    recalled = recall(made, lambda number: cluster.get(made.doc_id(number)))
    say(f"gristmill: {cost.seconds} s, {found['removed']} removed")
    return {"cost": _cost(cost), "seconds": found["seconds"], "removed": found["removed"], "recall": recalled}


def theirs(made: Made, folder: Path) -> dict[str, Any]:
    """datatrove's steps in its own environment."""
    python, result, work = environment("datatrove"), folder / "theirs.json", folder / "datatrove"
    cost = watch([str(python), str(SCRIPT), str(made.lines), str(work), str(result)], folder / "theirs.log")
    cluster, removed = _read_clusters(work / "clusters")
    recalled = recall(made, lambda number: cluster.get(divmod(number, made.per_file)))
    say(f"datatrove: {cost.seconds} s, {removed} removed")
    seconds = json.loads(result.read_text())["seconds"]
    return {"cost": _cost(cost), "seconds": seconds, "removed": removed, "recall": recalled}


def _cost(cost: Watched) -> dict[str, Any]:
    """Without CPU seconds: datatrove's workers are not counted in them."""
    return {"seconds": cost.seconds, "peak_bytes": cost.peak_bytes}


def _read_clusters(folder: Path) -> tuple[Clusters, int]:
    """What its third step wrote: the cluster of each document in one, and how many are removed."""
    cluster: dict[tuple[int, int], int] = {}
    for path in sorted(folder.glob("*.clusters")):
        for row, number in struct.iter_unpack("<2I", path.read_bytes()):
            cluster[int(path.stem), row] = number
    return cluster, sum(path.stat().st_size // 4 for path in folder.glob("*.remove"))


def recall(made: Made, cluster: Callable[[int], int | None]) -> list[dict[str, Any]]:
    """Per least similarity: planted pairs that are not identical, those in one cluster, and those that the shape alone
    would find. A pair may also be joined by a third document, so more is possible."""
    rows: list[dict[str, Any]] = []
    for least in LEAST:
        pairs = [(a, b, j) for a, b, j in made.pairs if least <= j < 1]
        chances = curve(np.array([j for *_, j in pairs]))
        found = sum(_together(cluster(a), cluster(b)) for a, b, _ in pairs)
        low, high = interval(chances)
        rows.append({"least": least, "pairs": len(pairs), "found": found, "expected": round(float(chances.sum()), 1),
                     "range": [low, high]})  # fmt: skip
    return rows


def _together(a: int | None, b: int | None) -> bool:
    return a is not None and a == b
