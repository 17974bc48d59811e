"""The search alone, in a process of its own: signatures read, pairs found and verified, clusters, the table.

python -m bench.duplicates.own_search LAKE MINHASH_DIGEST DOCUMENTS_DIGEST RESULT.json
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pyarrow.compute as pc

from bench.mill import profile
from gristmill.lake import Lake
from gristmill.process import run_main
from gristmill.storage import PosixStorage
from gristmill.units import in_threads
from spark_jobs.deduplicate import DeduplicateConfig, in_this_process
from spark_jobs.stage import StageContext


def peak_bytes() -> int:
    """The most memory that this process has held since its program started (VmHWM of Linux)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def main() -> None:
    """Command line."""
    folder, minhash, documents, result = Path(sys.argv[1]), sys.argv[2], sys.argv[3], Path(sys.argv[4])
    lake = Lake(PosixStorage(folder))
    context = StageContext(lake, profile(folder.parent, "gristmill", "fineweb", 2), "bench",
                           {"minhash": minhash, "documents": documents}, in_threads)  # fmt: skip
    start, cpu = time.monotonic(), time.process_time()
    tables = in_this_process(context, lake.manifest(minhash).files, DeduplicateConfig())
    seconds, spent = time.monotonic() - start, time.process_time() - cpu
    found = {
        "seconds": round(seconds, 3),
        "cpu_seconds": round(spent, 3),
        "peak_bytes": peak_bytes(),
        "rows": sum(table.num_rows for table in tables.values()),
        "largest": max(pc.max(table.column("cluster_size")).as_py() or 0 for table in tables.values()),
    }
    result.write_text(json.dumps(found))


if __name__ == "__main__":
    run_main(main)
