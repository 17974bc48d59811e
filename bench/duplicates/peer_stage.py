"""Runs in the peer's environment: datatrove's four MinHash steps on JSON lines, one task a file.

    PYTHON peer_stage.py LINES WORK RESULT.json

Writes wall seconds of each step. Clusters are saved with their ids, and nothing is compressed, in its favour.
"""

from __future__ import annotations

import json
import sys
import time
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
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter
from datatrove.utils.hashing import HashConfig

CONFIG = MinhashConfig(hash_config=HashConfig(precision=64))
WORKERS = 2


def main() -> None:
    """Command line."""
    lines, work, result = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    files = len(list(Path(lines).glob("*.jsonl")))
    signatures, buckets, clusters = (str(work / name) for name in ("signatures", "buckets", "clusters"))
    kept = JsonlWriter(str(work / "kept"), compression=None)
    steps: dict[str, tuple[list[Any], int]] = {
        "signatures": ([JsonlReader(lines), MinhashDedupSignature(signatures, config=CONFIG)], files),
        "buckets": ([MinhashDedupBuckets(signatures, buckets, config=CONFIG)], CONFIG.num_buckets),
        "clusters": ([MinhashDedupCluster(buckets, clusters, config=CONFIG, save_cluster_id=True)], 1),
        "filter": ([JsonlReader(lines), MinhashDedupFilter(clusters), kept], files),
    }
    seconds = {}
    for name, (pipeline, tasks) in steps.items():
        start = time.monotonic()
        LocalPipelineExecutor(pipeline, tasks=tasks, workers=WORKERS, logging_dir=str(work / "logs" / name)).run()
        seconds[name] = round(time.monotonic() - start, 2)
    result.write_text(json.dumps({"seconds": seconds}))


if __name__ == "__main__":
    main()
