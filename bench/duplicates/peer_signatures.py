"""Runs in a peer's environment: its MinHash signatures of documents, 112 hashes of five words in a row, on one core.

    PYTHON peer_signatures.py ENGINE DOCUMENTS.jsonl RESULT.json

datatrove folds and cuts words itself. datasketch and rensa take shingles, which Python makes here: lower case, cut at
white space, the least that can be done. Writes the best CPU seconds of some repetitions.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

HASHES, SHINGLE, REPETITIONS = 112, 5, 3
Texts = Sequence[str]


def shingles(text: str) -> list[str]:
    """Five words in a row, distinct or not."""
    words = text.lower().split()
    return [" ".join(words[i : i + SHINGLE]) for i in range(len(words) - SHINGLE + 1)]


def datatrove(texts: Texts) -> dict[str, Callable[[], Any]]:
    """Its signature step without the files, with 64-bit xxhash."""
    from datatrove.pipeline.dedup import MinhashDedupSignature
    from datatrove.pipeline.dedup.minhash import MinhashConfig
    from datatrove.utils.hashing import HashConfig

    step = MinhashDedupSignature("unused-signatures", config=MinhashConfig(hash_config=HashConfig(precision=64)))
    return {"datatrove": lambda: [step.get_signature(step.get_shingles(text)) for text in texts]}


def datasketch(texts: Texts) -> dict[str, Callable[[], Any]]:
    """Its batch interface, with the default hash."""
    from datasketch import MinHash

    def run(sets: Sequence[list[str]]) -> list[Any]:
        return list(MinHash.generator([[each.encode() for each in found] for found in sets], num_perm=HASHES))

    return {"datasketch": lambda: run([shingles(text) for text in texts])}


def rensa(texts: Texts) -> dict[str, Callable[[], Any]]:
    """Its fastest interface that looks at every shingle; the second figure leaves the making of shingles out."""
    sketch = import_module("rensa").RMinHash
    ready = [shingles(text) for text in texts]
    return {
        "rensa": lambda: sketch.digest_matrix_from_token_sets([shingles(text) for text in texts], HASHES, 42),
        "rensa, shingles given": lambda: sketch.digest_matrix_from_token_sets(ready, HASHES, 42),
    }


def best_seconds(call: Callable[[], Any]) -> float:
    """CPU seconds of the fastest of REPETITIONS calls, after one over."""
    call()
    found = []
    for _ in range(REPETITIONS):
        start = time.process_time()
        call()
        found.append(time.process_time() - start)
    return min(found)


def main() -> None:
    """Command line."""
    engine, documents, result = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    texts = [json.loads(line)["text"] for line in documents.read_text(encoding="utf-8").splitlines()]
    calls = {"datatrove": datatrove, "datasketch": datasketch, "rensa": rensa}[engine](texts)
    seconds = {name: best_seconds(call) for name, call in calls.items()}
    result.write_text(json.dumps({"version": version(engine), "seconds": seconds}))


if __name__ == "__main__":
    main()
