"""The cost of adding a snapshot of n documents to an index of ten snapshots of n, beside that snapshot alone."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bench.duplicates.kernel import english, own_seconds
from bench.duplicates.own_addition import context, index
from bench.duplicates.synthetic import FILE_ROWS, changed, signed, without_text
from bench.watch import watch
from gristmill.errors import UserError
from gristmill.lake import FileEntry, Lake
from gristmill.process import say
from gristmill.schemas import HASHES, OFFSET_BITS, SCHEMAS
from gristmill.storage import PosixStorage

HISTORY = 10
"""Snapshots in the index."""
SEEN_SHARE = 0.2
"""Documents of the new snapshot that are near-duplicates of one of the history."""
TIMED_TEXTS = 500


class OddSize(UserError):
    """A size that files do not add up to."""


def incremental(source: Path, folder: Path, documents: int, seed: int, rows: int = FILE_ROWS) -> dict[str, Any]:
    """Both costs, in CPU seconds. The signatures of the snapshot are not made but reckoned, from the speed of the
    kernel on documents of 850 words."""
    if documents % rows:
        raise OddSize(f"a snapshot is made of files of {rows:,} documents; give a multiple of it")
    lake = Lake(PosixStorage(folder / "lake"))
    plan, planted = write(lake, folder / "lake", documents // rows, rows, seed)
    say(f"{HISTORY} snapshots of {documents:,} documents written and indexed")
    _add(folder, write(lake, folder / "lake", 1, 100, seed + 1)[0])
    result = {"documents": documents, "history": HISTORY * documents, "planted": planted, **_add(folder, plan)}
    per_text = own_seconds(english(source, TIMED_TEXTS, seed)) / TIMED_TEXTS
    alone = {"signatures": round(per_text * documents, 3)}
    alone |= {name: result["parts"][name]["cpu_seconds"] for name in ("deduplicate", "index")}
    whole = sum(alone.values()) + result["parts"]["match"]["cpu_seconds"]
    ratio = whole / sum(alone.values())
    say(f"CPU seconds: alone {sum(alone.values()):.1f}, with the match {whole:.1f}: {ratio:.2f} times")
    return {**result, "alone_cpu_seconds": alone, "ratio": round(ratio, 3)}


def write(lake: Lake, folder: Path, files: int, rows: int, seed: int) -> tuple[dict[str, Any], int]:
    """(plan for own_addition, documents of the new snapshot with a near-duplicate in the history)."""
    rng = np.random.default_rng(seed)
    others, samples = {}, []
    wanted = int(rows * SEEN_SHARE) * files
    for number in range(HISTORY):
        values = rng.integers(0, 2**16, (files * rows, HASHES), np.uint16)
        samples.append(values[rng.choice(len(values), wanted // HISTORY, replace=False)])
        datasets = _datasets(lake, values, rows, rng)
        others[f"old-{number}"] = {**datasets, "index": index(context(lake, folder, datasets))}
    values = rng.integers(0, 2**16, (files * rows, HASHES), np.uint16)
    seen = changed(np.concatenate(samples), rng)
    values[rng.choice(len(values), len(seen), replace=False)] = seen
    return {"mine": _datasets(lake, values, rows, rng), "others": others}, len(seen)


def _datasets(lake: Lake, values: NDArray[np.uint16], rows: int, rng: np.random.Generator) -> dict[str, str]:
    """Digests of minhash, documents and decisions of a snapshot in which all are kept."""
    entries: dict[str, list[FileEntry]] = {"minhash": [], "documents": [], "decisions": []}
    for number in range(len(values) // rows):
        ids = (number << OFFSET_BITS) + np.arange(rows)
        content = rng.integers(0, 2**64, (rows, 2), np.uint64)
        kept = {f.name: pa.nulls(rows, f.type) for f in SCHEMAS["decisions"]}
        tables = {
            "minhash": signed(ids, content, values[number * rows : (number + 1) * rows]),
            "documents": without_text(ids, f"{rng.integers(1 << 60)}"),
            "decisions": pa.table(kept | {"doc_id": pa.array(ids), "kept": pa.array(np.ones(rows, np.bool_))}),
        }
        for name, table in tables.items():
            entries[name].append(lake.write_table(name, f"{number:06d}", table))
    return {name: lake.publish(name, files, {"made": "for a benchmark"}).digest for name, files in entries.items()}


def _add(folder: Path, plan: dict[str, Any]) -> dict[str, Any]:
    path, result = folder / "plan.json", folder / "added.json"
    path.write_text(json.dumps(plan))
    command = [sys.executable, "-m", "bench.duplicates.own_addition", str(folder / "lake"), str(path), str(result)]
    watch(command, folder / "addition.log")
    found: dict[str, Any] = json.loads(result.read_text())
    return found
