"""Our side of the stage benchmark, in a process of its own: signatures, deduplication, and the kept documents written.

python -m bench.duplicates.own_stage LAKE DOCUMENTS_DIGEST RESULT.json
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from bench.mill import profile
from gristmill.lake import FileEntry, Lake
from gristmill.process import run_main
from gristmill.storage import PosixStorage
from gristmill.units import Unit, in_threads, run_stage
from spark_jobs import deduplicate
from spark_jobs.families import Documents, NoOptions, stages
from spark_jobs.policies.model import DuplicatePolicy
from spark_jobs.stage import StageContext
from spark_jobs.survivors import removals
from spark_jobs.web.url_lists import UrlLists

SCOPE = "bench"


def signatures(context: StageContext) -> str:
    """The minhash family alone, as annotate runs it; its digest."""
    lake, stage = context.lake, next(stage for stage in stages() if stage.outputs == ("minhash",))
    files = lake.manifest(context.inputs["documents"]).files
    lists = UrlLists.load(None)
    units = [Unit(entry.unit, {"documents": entry.sha256},
                  {"documents": Documents(lake, entry, lists), "language": None}, entry.bytes)
             for entry in files]  # fmt: skip
    with context.attempt("annotate", NoOptions()) as attempt:
        return run_stage(lake, stage, units, in_threads, attempt)["minhash"].digest


def write_kept(context: StageContext, duplicates: str) -> int:
    """Remove as a policy without other rules does, write the others; how many were removed."""
    lake = context.lake
    files = lake.manifest(context.inputs["documents"]).files
    table = lake.read(duplicates)
    removed = removals(table, {each: (0.0,) for each in table.column("doc_id").to_pylist()}, DuplicatePolicy())
    gone = pa.array(sorted(removed), pa.int64())

    def write(entry: FileEntry) -> FileEntry:
        rows = lake.read_file(entry)
        kept = pc.invert(pc.is_in(rows.column("doc_id"), gone))
        return lake.write_table("documents", entry.unit, rows.filter(kept))

    lake.publish("documents", in_threads(write, files), {"made": "for a benchmark"})
    return len(removed)


def run(folder: Path, documents: str) -> dict[str, Any]:
    """Wall seconds of each step, documents removed, the digest of `duplicates`."""
    lake, seconds = Lake(PosixStorage(folder)), {}
    loaded = profile(folder.parent, "gristmill", "fineweb", 2)

    def context(**inputs: str) -> StageContext:
        return StageContext(lake, loaded, SCOPE, {"documents": documents, **inputs}, in_threads)

    start = time.monotonic()
    minhash = signatures(context())
    seconds["signatures"] = time.monotonic() - start
    start = time.monotonic()
    searching, settings = context(minhash=minhash), deduplicate.DeduplicateSettings()
    with searching.attempt(deduplicate.NAME, settings) as attempt:
        duplicates = deduplicate.find_duplicates(searching, settings, attempt).digest
    seconds["deduplicate"] = time.monotonic() - start
    start = time.monotonic()
    removed = write_kept(context(), duplicates)
    seconds["write"] = time.monotonic() - start
    return {"seconds": {k: round(v, 2) for k, v in seconds.items()}, "removed": removed, "duplicates": duplicates}


def main() -> None:
    """Command line."""
    folder, documents, result = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    result.write_text(json.dumps(run(folder, documents)))


if __name__ == "__main__":
    run_main(main)
