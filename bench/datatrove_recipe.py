"""Runs in the peer's environment: FineWeb's recipe as datatrove writes it, on a list of WARC files.

Reader, Trafilatura, language filter, Gopher repetition, Gopher quality, C4 without the end-mark rule, FineWeb quality,
then MinHash signatures, buckets, clusters, filter. Left out, since they need a network or change no count: the URL
filter and the masking of addresses. Prints one JSON object: wall seconds and documents of each step.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup import (
    MinhashDedupBuckets,
    MinhashDedupCluster,
    MinhashDedupFilter,
    MinhashDedupSignature,
)
from datatrove.pipeline.dedup.minhash import MinhashConfig
from datatrove.pipeline.extractors import Trafilatura
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
    LanguageFilter,
)
from datatrove.pipeline.readers import JsonlReader, WarcReader
from datatrove.pipeline.writers import JsonlWriter
from datatrove.utils.hashing import HashConfig

EXTRACT_SECONDS = 1.0
SIGNATURES = MinhashConfig(hash_config=HashConfig(precision=64))


def english(model: str) -> LanguageFilter:
    """The recipe's language filter with a model from a file instead of a download."""
    judge = LanguageFilter("en")
    judge.model.MODEL_URL = model
    return judge


def cleaning(crawl: str, model: str, out: str, extract_only: bool) -> list[Any]:
    """From archive to filtered documents, or to extracted ones."""
    steps = [WarcReader(crawl, glob_pattern="*.warc.gz"), Trafilatura(timeout=EXTRACT_SECONDS)]
    if not extract_only:
        steps += [english(model), GopherRepetitionFilter(), GopherQualityFilter(),
                  C4QualityFilter(filter_no_terminal_punct=False), FineWebQualityFilter()]  # fmt: skip
    return [*steps, JsonlWriter(out)]


def steps(crawl: str, model: str, work: Path, files: int, workers: int) -> dict[str, Callable[[], Any]]:
    """Name -> a call that runs the step with `workers` processes."""

    def run(name: str, pipeline: list[Any], tasks: int) -> Callable[[], Any]:
        logs = str(work / "logs" / name)
        return lambda: LocalPipelineExecutor(pipeline, tasks=tasks, workers=workers, logging_dir=logs).run()

    filtered, signatures, buckets, clusters = (str(work / name) for name in ("filtered", "sigs", "buckets", "clusters"))
    kept = [JsonlReader(filtered), MinhashDedupFilter(clusters), JsonlWriter(str(work / "kept"))]
    return {
        "filter": run("filter", cleaning(crawl, model, filtered, False), files),
        "signatures": run(
            "signatures", [JsonlReader(filtered), MinhashDedupSignature(signatures, config=SIGNATURES)], files
        ),
        "buckets": run(
            "buckets", [MinhashDedupBuckets(signatures, buckets, config=SIGNATURES)], SIGNATURES.num_buckets
        ),
        "clusters": run("clusters", [MinhashDedupCluster(buckets, clusters, config=SIGNATURES)], 1),
        "deduplicate": run("deduplicate", kept, files),
    }


def documents(stats: Any) -> dict[str, int]:
    """Documents that each block of a step passed on."""
    found: dict[str, int] = {}
    for block in stats.stats if stats is not None else ():
        passed = block["forwarded"] if "forwarded" in block.stats else block["documents"]
        found[block.name.encode("ascii", "ignore").decode().strip(" -")] = int(passed.total)
    return found


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("crawl", help="folder with WARC files, one task each")
    parser.add_argument("work", type=Path, help="folder for outputs; emptied first")
    parser.add_argument("model", help="file of the fastText language model")
    parser.add_argument("result", type=Path, help="JSON file to write")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--extract-only", action="store_true", help="reading and extraction alone")
    args = parser.parse_args()
    shutil.rmtree(args.work, ignore_errors=True)
    files = len(list(Path(args.crawl).glob("*.warc.gz")))
    todo = steps(args.crawl, args.model, args.work, files, args.workers)
    if args.extract_only:
        pipeline = cleaning(args.crawl, args.model, str(args.work / "extracted"), True)
        todo = {"extract": lambda: LocalPipelineExecutor(
            pipeline, tasks=files, workers=args.workers, logging_dir=str(args.work / "logs")).run()}  # fmt: skip
    result: dict[str, Any] = {}
    for name, call in todo.items():
        start = time.monotonic()
        passed = documents(call())
        result[name] = {"seconds": round(time.monotonic() - start, 2), "documents": passed}
    args.result.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
