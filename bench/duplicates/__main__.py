"""Deduplication measured: one command for each claim.

    python -m bench.duplicates quality         what is found per bin of similarity, and how much of it is right
    python -m bench.duplicates kernel          signatures a second on one core, beside datasketch, rensa and datatrove
    python -m bench.duplicates stage           the whole stage beside datatrove's four steps, on the same documents
    python -m bench.duplicates scale           time and memory from 100 thousand signatures to 4 million
    python -m bench.duplicates incremental     the cost of adding a snapshot to an index ten times its size

Each writes bench/results/duplicates-SUB.json, and those that exist are tabled in docs/deduplication.md. All but
`quality` measure time: nothing else should run on the machine meanwhile.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.duplicates import record
from bench.duplicates.incremental import incremental
from bench.duplicates.kernel import PEERS, kernel
from bench.duplicates.page import write_page
from bench.duplicates.plot import detection
from bench.duplicates.quality import quality
from bench.duplicates.scale import scale
from bench.duplicates.stage import stage
from gristmill.process import run_main
from gristmill.profile import PROJECT
from spark_jobs.clusters.shape import Shape

SOURCE = Path("../shared/data/neardup/demo_exact_pairs")
SIZES = [100_000, 200_000, 500_000, 1_000_000, 2_000_000, 4_000_000]
PICTURE = PROJECT / "docs" / "images" / "detection.svg"


@contextmanager
def scratch(name: str) -> Iterator[Path]:
    """An empty folder below work/bench; what a failed run leaves there, its logs among it, stays until the next."""
    folder = PROJECT / "work" / "bench" / f"duplicates-{name}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    yield folder
    shutil.rmtree(folder)


def _quality(args: argparse.Namespace) -> Mapping[str, Any]:
    with scratch(args.sub) as folder:
        result = quality(args.source, folder, args.pairs, args.seed)
    if args.results == record.RESULTS:
        PICTURE.write_text(detection(result["planted"]["bins"], Shape()), encoding="utf-8")
    return result


def _kernel(args: argparse.Namespace) -> Mapping[str, Any]:
    with scratch(args.sub) as folder:
        return kernel(args.source, folder, args.documents, args.seed, args.peers)


def _stage(args: argparse.Namespace) -> Mapping[str, Any]:
    with scratch(args.sub) as folder:
        return stage(args.source, folder, args.documents, args.words, args.seed, not args.alone)


def _scale(args: argparse.Namespace) -> Mapping[str, Any]:
    with scratch(args.sub) as folder:
        return scale(folder, args.sizes, args.seed)


def _incremental(args: argparse.Namespace) -> Mapping[str, Any]:
    with scratch(args.sub) as folder:
        return incremental(args.source, folder, args.documents, args.seed)


def parser() -> argparse.ArgumentParser:
    """All subcommands; `measure` of a namespace is what to call."""
    main = argparse.ArgumentParser(
        prog="python -m bench.duplicates", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    subs = main.add_subparsers(dest="sub", required=True, metavar="SUB")

    def add(name: str, measure: Callable[[argparse.Namespace], Mapping[str, Any]], text: str) -> Any:
        sub = subs.add_parser(name, help=text, description=text, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
        sub.set_defaults(measure=measure)
        if measure is not _scale:
            sub.add_argument("--source", type=Path, default=SOURCE, help="folder of docs.jsonl.gz, real texts")
        sub.add_argument("--seed", type=int, default=1)
        sub.add_argument("--results", type=Path, default=record.RESULTS, help="folder for the result")
        return sub

    sub = add("quality", _quality, "Planted pairs of known similarity: the share found, bin by bin, and precision.")
    sub.add_argument("--pairs", type=int, default=5000, help="planted pairs per bin of 0.05")
    sub = add("kernel", _kernel, "Signatures a second on one core, beside those of other libraries.")
    sub.add_argument("--documents", type=int, default=1000, help="documents of 850 words")
    sub.add_argument("--peers", nargs="*", choices=list(PEERS), default=list(PEERS), help="each in its environment")
    sub = add("stage", _stage, "Signatures, clusters and removal of planted duplicates, beside datatrove's steps.")
    sub.add_argument("--documents", type=int, default=100_000)
    sub.add_argument("--words", type=int, default=850, help="words of a document, on average")
    sub.add_argument("--alone", action="store_true", help="without datatrove")
    sub = add("scale", _scale, "Time and memory of the search against the number of signatures.")
    sub.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="signatures, multiples of 100,000")
    sub = add("incremental", _incremental, "A new snapshot beside its addition to an index of ten such snapshots.")
    sub.add_argument("--documents", type=int, default=400_000, help="of a snapshot, a multiple of 100,000")
    return main


def main(argv: Sequence[str] | None = None) -> None:
    """Command line."""
    given = list(argv) if argv is not None else sys.argv[1:]
    args = parser().parse_args(given)
    made = record.about(f"python -m bench.duplicates {' '.join(given)}")
    record.write(args.sub, made, args.measure(args), args.results)
    if args.results == record.RESULTS:
        write_page()


if __name__ == "__main__":
    run_main(main)
