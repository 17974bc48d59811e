"""The ledger: one immutable `started` and one `ended` record per attempt at a stage.

Written by whoever runs the stage, with or without Airflow, so that failures are on record too.
"""

from __future__ import annotations

import json
import os
import platform
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from gristmill import __version__, usage
from gristmill.energy import EnergyMeter
from gristmill.lake import Lake, canonical_json
from gristmill.scores import among


@dataclass
class Attempt:
    """One running attempt; the stage fills `outputs` and `summary`, the ledger keeps the rest.

    `bytes_read` and `bytes_written` are by default those of the input and output datasets as they are stored; a
    stage that reads something else, or reuses what it has, says its own.
    """

    id: str
    stage: str
    scope: str
    inputs: Mapping[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    bytes_read: int | None = None
    bytes_written: int | None = None

    def provenance(self) -> dict[str, Any]:
        """What stands beside the digest of a dataset that this attempt publishes."""
        return {
            "attempt": self.id, "stage": self.stage, "scope": self.scope, "inputs": dict(self.inputs),
            "version": __version__, "tools": {"python": platform.python_version(), "pyarrow": pa.__version__},
            "host": os.uname().nodename, "time": _now(),
        }  # fmt: skip


@contextmanager
def attempt(
    lake: Lake, *, stage: str, scope: str, config: Any, inputs: Mapping[str, str], run_id: str = "manual"
) -> Iterator[Attempt]:
    """Record an attempt at `stage` for `scope` (a snapshot id or a training run id).

    `config` is the subset that the stage uses, `inputs` maps dataset names to digests.
    The `ended` record is written for success and failure alike; a killed attempt has none.
    """
    # Ids sort by start time, so the newest attempt is the last key of a listing.
    current = Attempt(f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}-{uuid.uuid4().hex[:8]}", stage, scope, inputs)
    head = {"attempt": current.id, "stage": stage, "scope": scope, "run_id": run_id}
    started = {**head, "time": _now(), "pid": os.getpid(), "host": os.uname().nodename, "version": __version__,
               "config": config, "inputs": dict(inputs)}  # fmt: skip
    lake.storage.put_if_absent(f"ledger/{current.id}.started.json", canonical_json(started))
    for digest in inputs.values():
        # gc spares what a stage that runs has only just begun to read.
        lake.storage.touch(f"manifests/{digest}.json")
    meter, clock, cpu = EnergyMeter.start(), time.monotonic(), usage.cpu_seconds()

    def end(status: str, error: str | None = None) -> None:
        cpu_seconds = max(0.0, usage.cpu_seconds() - cpu)
        ended = {
            **head, "time": _now(), "status": status, "error": error,
            "outputs": current.outputs, "summary": current.summary,
            "wall_seconds": round(time.monotonic() - clock, 3), "cpu_seconds": round(cpu_seconds, 3),
            "peak_memory_bytes": usage.peak_memory(), "energy": meter.stop(cpu_seconds),
            "bytes_read": _stored(lake, inputs) if current.bytes_read is None else current.bytes_read,
            "bytes_written": _stored(lake, current.outputs) if current.bytes_written is None else current.bytes_written,
        }  # fmt: skip
        lake.storage.put_if_absent(f"ledger/{current.id}.ended.json", canonical_json(ended))

    try:
        yield current
    except BaseException as error:
        try:
            end("failed", f"{type(error).__name__}: {error}")
        except Exception as second:
            # What went wrong first is what the user must see.
            error.add_note(f"and the ledger has no record of its end: {second}")
        raise
    end("succeeded")


def ended(lake: Lake, scope: str | None = None) -> list[dict[str, Any]]:
    """`ended` records, oldest first; of one scope when given."""
    keys = [key for key in lake.storage.list("ledger") if key.endswith(".ended.json")]
    records = [json.loads(lake.storage.get(key) or b"{}") for key in keys]
    return [r for r in records if scope is None or r.get("scope") == scope]


def newest_output(lake: Lake, scope: str, name: str) -> str | None:
    """Digest of the newest successful dataset `name` for `scope` that the lake still has."""
    for record in reversed(ended(lake, scope)):
        digest = record["outputs"].get(name)
        if record["status"] == "succeeded" and digest and lake.storage.get(f"manifests/{digest}.json") is not None:
            return str(digest)
    return None


def newest_scores(lake: Lake, snapshot: str) -> dict[str, str]:
    """Score family -> digest, of the snapshot's newest successful annotate; empty when it ran without models."""
    for record in reversed(ended(lake, snapshot)):
        if record["stage"] == "annotate" and record["status"] == "succeeded":
            return among(record["outputs"])
    return {}


def _stored(lake: Lake, datasets: Mapping[str, str]) -> int:
    """Bytes of the files of these datasets; what is no dataset of the lake counts as nothing."""
    manifests = [lake.storage.get(f"manifests/{digest}.json") for digest in set(datasets.values())]
    return sum(int(entry["bytes"]) for data in manifests if data for entry in json.loads(data)["files"])


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
