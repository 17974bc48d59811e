"""Time and memory of the search as the number of signatures grows, each size in a fresh process."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.duplicates.synthetic import EQUAL_FILES, FILE_ROWS, publish, write
from bench.watch import watch
from gristmill.errors import UserError
from gristmill.lake import Lake
from gristmill.process import say
from gristmill.storage import PosixStorage

BYTES_EACH = 440
"""Memory of a document, as docs/deduplication.md states it."""


class OddSize(UserError):
    """A size that files do not add up to."""


def scale(folder: Path, sizes: Sequence[int], seed: int, rows: int = FILE_ROWS) -> dict[str, Any]:
    """All sizes, multiples of `rows`; five files and more hold a bucket of EQUAL_FILES * `rows` equal documents."""
    if any(size % rows for size in sizes):
        raise OddSize(f"sizes are made of files of {rows:,} documents; give multiples of it")
    lake = Lake(PosixStorage(folder / "lake"))
    files = write(lake, max(sizes) // rows, rows, seed)
    say(f"{max(sizes):,} signatures written")
    runs = []
    # The first compiles the kernels, once a machine.
    for size in (rows, *sizes):
        equal = EQUAL_FILES if size >= 5 * rows else 0
        digests = publish(lake, files.first(size // rows, equal))
        runs.append({"signatures": size, "equal": equal * rows, **_search(folder, digests)})
        say(f"{size:,} signatures: {runs[-1]['seconds']} s, peak {runs[-1]['peak_bytes'] / 2**20:,.0f} MiB")
    return {"runs": runs[1:], **fitted(runs[1:])}


def _search(folder: Path, digests: tuple[str, str]) -> dict[str, Any]:
    result = folder / "search.json"
    command = [sys.executable, "-m", "bench.duplicates.own_search", str(folder / "lake"), *digests, str(result)]
    watch(command, folder / "search.log")
    found: dict[str, Any] = json.loads(result.read_text())
    return found


def fitted(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Exponents of wall and CPU time in the number of signatures (least squares of logarithms), and the memory of a
    document and of the process without any (least squares)."""
    count = np.array([run["signatures"] for run in runs], float)
    peak = np.array([run["peak_bytes"] for run in runs], float)
    if len(runs) < 2:
        return {}
    each, constant = np.polyfit(count, peak, 1)
    powers = {name: round(float(np.polyfit(np.log(count), np.log([run[name] for run in runs]), 1)[0]), 3)
              for name in ("seconds", "cpu_seconds")}  # fmt: skip
    # What the process holds beyond the stated bytes of its documents, at the size where that is most.
    return {"exponents": powers, "bytes_each": round(float(each), 1), "constant_bytes": round(float(constant)),
            "beyond_stated_bytes": round(float((peak - BYTES_EACH * count).max()))}  # fmt: skip
