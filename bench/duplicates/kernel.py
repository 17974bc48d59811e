"""Signatures a second on one core, of the same documents: ours, datasketch, rensa and datatrove."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa

from bench.duplicates.texts import NoTexts, by_language, read_texts, window
from bench.peers import environment
from bench.watch import watch
from gristmill.process import say
from spark_jobs.text.minhash import minhash

WORDS = 850
REPETITIONS = 15
PEERS = {"datasketch": "signatures", "rensa": "signatures", "datatrove": "datatrove"}
"""Peer -> the environment that has it."""
SCRIPT = Path(__file__).with_name("peer_signatures.py")


def kernel(source: Path, folder: Path, documents: int, seed: int, peers: Sequence[str]) -> dict[str, Any]:
    """Documents and MB (10^6 bytes of UTF-8) a second of CPU time for each engine."""
    texts = english(source, documents, seed)
    size = sum(len(text.encode()) for text in texts)
    path = folder / "documents.jsonl"
    path.write_text("".join(json.dumps({"text": text, "id": str(i)}) + "\n" for i, text in enumerate(texts)))
    cores = os.sched_getaffinity(0)
    # One core for this process and those it starts.
    os.sched_setaffinity(0, {min(cores)})
    try:
        seconds, versions = {"gristmill": own_seconds(texts)}, {}
        for peer in peers:
            found = _peer(peer, path, folder)
            versions[peer] = found["version"]
            seconds |= found["seconds"]
    finally:
        os.sched_setaffinity(0, cores)
    rates = {
        name: {"documents_per_second": round(documents / each), "megabytes_per_second": round(size / each / 1e6, 2)}
        for name, each in seconds.items()
    }
    for name, rate in rates.items():
        say(f"{name}: {rate['documents_per_second']:,} documents/s, {rate['megabytes_per_second']} MB/s")
    return {"documents": documents, "words": WORDS, "bytes": size, "versions": versions, "rates": rates}


def english(source: Path, documents: int, seed: int) -> list[str]:
    """Passages of WORDS words of English text, which every peer can cut into words. Raises NoTexts."""
    rng = Random(seed)  # noqa: S311 - reproducible on purpose
    pool = by_language(read_texts(source)).get("en", [])
    if len(pool) < WORDS:
        raise NoTexts(f"{source} has no {WORDS} words of English; give another source")
    return ["".join(window(pool, WORDS, rng)) for _ in range(documents)]


def own_seconds(texts: Sequence[str]) -> float:
    """CPU seconds of the fastest of REPETITIONS calls, after one that compiles."""
    ids, column = pa.array(range(len(texts)), pa.int64()), pa.array(texts, pa.string())
    minhash(ids, column)
    found = []
    for _ in range(REPETITIONS):
        start = time.process_time()
        minhash(ids, column)
        found.append(time.process_time() - start)
    return min(found)


def _peer(peer: str, documents: Path, folder: Path) -> dict[str, Any]:
    python, result = environment(PEERS[peer]), folder / f"{peer}.json"
    watch([str(python), str(SCRIPT), peer, str(documents), str(result)], folder / f"{peer}.log")
    found: dict[str, Any] = json.loads(result.read_text())
    return found
