"""Adding a snapshot, in a process of its own: its deduplication, its index segment, its match against the history.

    python -m bench.duplicates.own_addition LAKE PLAN.json RESULT.json

PLAN: {"mine": {dataset: digest}, "others": {snapshot: {dataset: digest}}}.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from bench.duplicates.own_search import peak_bytes
from bench.mill import profile
from gristmill.lake import Lake
from gristmill.process import run_main
from gristmill.release import Release
from gristmill.settings import Settings
from gristmill.storage import PosixStorage
from gristmill.units import in_threads
from spark_jobs.deduplicate import DeduplicateConfig, in_this_process
from spark_jobs.index import run_index
from spark_jobs.match import run_match
from spark_jobs.stage import StageContext

NEW = "new"


class NoOptions(Settings):
    """Nothing to choose."""


def context(lake: Lake, folder: Path, inputs: Mapping[str, str]) -> StageContext:
    """A context whose tasks are threads."""
    return StageContext(lake, profile(folder.parent, "gristmill", "fineweb", 2), NEW, inputs, in_threads)


def index(made: StageContext) -> str:
    """The segment of a snapshot; its digest."""
    with made.attempt("index", NoOptions()) as attempt:
        return run_index(made, attempt).digest


def released(snapshot: str, day: int, datasets: Mapping[str, str]) -> Release:
    """A release of these datasets, as a match sees it."""
    return Release(snapshot, date(2026, 1, day), snapshot, dict(datasets), "approve", "")


def run(folder: Path, plan: Mapping[str, Any]) -> dict[str, Any]:
    """Wall and CPU seconds of each part, and what was matched."""
    lake, parts = Lake(PosixStorage(folder)), {}
    mine = dict(plan["mine"])
    others = [released(name, day, sets) for day, (name, sets) in enumerate(sorted(plan["others"].items()), 1)]
    made = context(lake, folder, mine)

    def timed(name: str, start: tuple[float, float]) -> None:
        parts[name] = {"seconds": round(time.monotonic() - start[0], 3),
                       "cpu_seconds": round(time.process_time() - start[1], 3)}  # fmt: skip

    def now() -> tuple[float, float]:
        return time.monotonic(), time.process_time()

    start = now()
    in_this_process(made, lake.manifest(mine["minhash"]).files, DeduplicateConfig())
    timed("deduplicate", start)
    start = now()
    mine["index"] = index(made)
    timed("index", start)
    start = now()
    with made.attempt("match", NoOptions()) as attempt:
        matches = run_match(made, released(NEW, 28, mine), others, attempt)
    timed("match", start)
    return {"parts": parts, "matches": matches.rows, "peak_bytes": peak_bytes()}


def main() -> None:
    """Command line."""
    folder, plan, result = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
    result.write_text(json.dumps(run(folder, json.loads(plan.read_text()))))


if __name__ == "__main__":
    run_main(main)
