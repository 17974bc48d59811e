"""Results as JSON files, each with the command, the machine and the day that made it."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from gristmill.process import say
from gristmill.profile import PROJECT

RESULTS = PROJECT / "bench" / "results"


def about(command: str) -> dict[str, Any]:
    """Where and how figures were made; `load` is the machine's load of the last minute before."""
    model = next(
        (
            line.split(":")[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "command": command,
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{model}, {os.cpu_count()} cores, {memory >> 30} GiB",
        "load": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("numba", "numpy", "pyarrow")},
    }


def write(name: str, made: Mapping[str, Any], result: Mapping[str, Any], folder: Path = RESULTS) -> Path:
    """Write FOLDER/duplicates-NAME.json."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"duplicates-{name}.json"
    path.write_text(json.dumps({"about": made, **result}, indent=1) + "\n", encoding="utf-8")
    say(f"written: bench/results/{path.name}" if folder == RESULTS else f"written: {path}")
    return path


def table(head: tuple[str, ...], rows: Iterable[Iterable[object]]) -> str:
    """A Markdown table, figures to the right."""
    lines = [" | ".join(head), " | ".join(["---"] + ["---:"] * (len(head) - 1))]
    lines += [" | ".join(map(str, row)) for row in rows]
    return "".join(f"| {line} |\n" for line in lines)
