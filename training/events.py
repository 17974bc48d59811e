"""What happened to a run besides its steps: one JSON line per event, written through to the disk.

| event | when | fields besides `time`, `event`, `step` |
|---|---|---|
| `skip` | a step's update was refused | `reason`, `loss`, `grad_norm`, `score`, `documents` |
| `spike` | the same, and the run goes back | as for `skip` |
| `rollback` | the run goes back to a checkpoint | `to`, and `first`, `last` (data steps passed over) |
| `stop` | a guard ended the run | as for `skip` |
| `saved` | a checkpoint is complete | `seconds`, `bytes` |
| `resumed` | a run goes on from a checkpoint | `ranks`, `zero_stage`, `converted` |
| `damaged` | a checkpoint was passed over | `checkpoint`, `reason` |
| `restarted` | the ranks ended and were started again | `code` |
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FILE = "events.jsonl"


@dataclass(frozen=True)
class Events:
    """Appends to `events.jsonl` in a run's folder; one rank is `active`, the others' calls do nothing.

    The log tells what happened, so a step that is done again after a kill can have its event twice.
    """

    folder: Path
    active: bool = True

    def write(self, event: str, step: int, **fields: Any) -> None:
        """Append one row and flush it to the disk. Strings of a crawl are escaped to ASCII, as JSON allows."""
        if not self.active:
            return
        row: Mapping[str, Any] = {
            "time": datetime.now(UTC).isoformat(timespec="seconds"), "event": event, "step": step, **fields
        }  # fmt: skip
        with (self.folder / FILE).open("ab+") as file:
            end = file.seek(0, os.SEEK_END)
            if end:
                file.seek(end - 1)
                # A kill can leave half a line, which must not swallow the next one.
                file.write(b"" if file.read(1) == b"\n" else b"\n")
            file.write(json_line(row).encode())
            file.flush()
            os.fsync(file.fileno())


def json_line(row: Mapping[str, Any]) -> str:
    """A row and its line break; a number that is none becomes null, for JSON knows no NaN."""
    return json.dumps(_finite(row), allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def read_events(folder: Path) -> list[dict[str, Any]]:
    """The rows in order; a line cut off by a kill is dropped."""
    rows = []
    path = folder / FILE
    for text in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        try:
            rows.append(json.loads(text))
        except json.JSONDecodeError:
            continue
    return rows
