"""Our stages on a list of WARC files: extract, annotate, deduplicate, decide, curate, in one session.

`--engine` picks the extractor; `--tasks` what runs the tasks: Spark (local[N]), or the bare kernels in one process or
in N forked ones, which is what Spark is compared with. Writes one JSON object: wall seconds and counts of each stage.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import yaml

from gristmill.catalogue import Catalogue
from gristmill.lake import Lake
from gristmill.process import run_main
from gristmill.profile import PROJECT, Profile, load_profile
from gristmill.units import Tasks, in_process
from spark_jobs import annotate, curate, decide, deduplicate, extract
from spark_jobs.session import spark_tasks
from spark_jobs.stage import StageContext

SNAPSHOT = "bench"
STAGES = (extract, annotate, deduplicate, decide, curate)
T = TypeVar("T")
R = TypeVar("R")


class Forked:
    """Tasks in N forked processes: no engine, no pickled function, results by pipe."""

    job: tuple[Callable[[Any], Any], Sequence[Any]]

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def __call__(self, function: Callable[[T], R], items: Sequence[T]) -> list[R]:
        Forked.job = (function, items)
        with multiprocessing.get_context("fork").Pool(self.workers) as pool:
            return pool.map(_run, range(len(items)), chunksize=1)


def _run(number: int) -> Any:
    function, items = Forked.job
    return function(items[number])


@contextmanager
def tasks(kind: str, workers: int, profile: Profile) -> Iterator[Tasks]:
    """Spark's tasks, those of N forked processes, or those of this one."""
    if kind == "spark":
        with spark_tasks(profile, "bench") as found:
            yield found
    else:
        yield in_process if workers == 1 else Forked(workers)


def profile(work: Path, engine: str, policy: str, workers: int) -> Profile:
    """A profile with a lake of its own."""
    settings = {
        "work_dir": str(work), "lake": str(work / "lake"),
        "policy": str(PROJECT / "configs/policies" / f"{policy}.yaml"),
        "gates": str(PROJECT / "configs/gates/default.yaml"), "mix": str(PROJECT / "configs/mixes/demo.yaml"),
        "pretrain": str(PROJECT / "configs/pretrain/demo.yaml"),
        "spark": {"master": f"local[{workers},4]", "driver_memory": "1g"},
        "stages": {"extract": {"engine": engine}},
    }  # fmt: skip
    path = work / "profile.yaml"
    path.write_text(yaml.safe_dump(settings))
    return load_profile(str(path))


def run(crawl: Path, work: Path, args: argparse.Namespace) -> dict[str, Any]:
    """All stages; stage -> {seconds, and what its attempt says}."""
    work = work.resolve()
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    loaded = profile(work, args.engine, args.policy, args.workers)
    lake = Lake.open(loaded)
    Catalogue(lake).add(SNAPSHOT, date(2026, 1, 1), sorted(crawl.glob("*.warc.gz")))
    result: dict[str, Any] = {}
    digests: dict[str, str] = {}
    start = time.monotonic()
    with tasks(args.tasks, args.workers, loaded) as engine:
        result["start"] = {"seconds": round(time.monotonic() - start, 2)}
        for stage in STAGES[: args.stages]:
            begun = time.monotonic()
            attempt = stage.run(StageContext(lake, loaded, SNAPSHOT, dict(digests), engine))
            digests.update(attempt.outputs)
            result[stage.NAME] = {"seconds": round(time.monotonic() - begun, 2), **attempt.summary}
    return {**result, "digests": digests}


def main(argv: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("crawl", type=Path, help="folder with WARC files")
    parser.add_argument("work", type=Path, help="folder for the lake; emptied first")
    parser.add_argument("result", type=Path, help="JSON file to write")
    parser.add_argument("--engine", default="gristmill", help="extractor (default: gristmill)")
    parser.add_argument("--policy", default="fineweb", help="a policy of configs/policies (default: fineweb)")
    parser.add_argument("--tasks", choices=("spark", "bare"), default="spark")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--stages", type=int, default=len(STAGES), help="how many stages to run (default: all)")
    args = parser.parse_args(argv)
    args.result.write_text(json.dumps(run(args.crawl, args.work, args), indent=1))


if __name__ == "__main__":
    # Tasks unpickle what this module defines by its importable name, not by value from __main__.
    from bench.mill import main as importable_main

    run_main(importable_main)
