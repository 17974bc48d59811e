"""Where a snapshot's datasets come from and what they cost: from manifests' provenance and the ledger."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gristmill.lake import Lake, sha256_json

STAGES = ("extract", "annotate", "deduplicate", "decide", "curate", "measure", "gate.snapshot", "release")
MANUAL = "manual"
"""The run id of a person at a shell, who wants the newest of everything."""

Records = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Origin:
    """Of one dataset: the stage, code version and time that made it, as its newest provenance says; empty where it
    says nothing."""

    name: str
    digest: str
    stage: str
    version: str
    tools: str
    time: str


@dataclass(frozen=True)
class Cost:
    """Attempts by stage, with their sums; `million` is what a million documents would have cost."""

    attempts: Records
    wall_seconds: float
    cpu_seconds: float
    joules: float
    methods: str
    million: Mapping[str, float] | None


def origins(lake: Lake, inputs: Mapping[str, str]) -> list[Origin]:
    """Where each dataset comes from, by name."""
    found = []
    for name, digest in sorted(inputs.items()):
        made = provenance(lake, digest)
        tools = ", ".join(f"{tool} {version}" for tool, version in sorted(made.get("tools", {}).items()))
        stage = str(made.get("stage", ""))
        found.append(Origin(name, digest, stage, str(made.get("version", "")), tools, str(made.get("time", ""))))
    return found


def provenance(lake: Lake, digest: str) -> Mapping[str, Any]:
    """The newest record of how a dataset was made; empty when there is none."""
    records = [json.loads(lake.storage.get(key) or b"{}") for key in lake.storage.list(f"provenance/{digest}")]
    return max(records, key=lambda record: str(record.get("time", "")), default={})


def policy(lake: Lake, decisions: str | None) -> tuple[str, str] | None:
    """(name, digest) of the policy that made these decisions, as the attempt that made them recorded it."""
    made = provenance(lake, decisions).get("attempt") if decisions else None
    data = lake.storage.get(f"ledger/{made}.started.json") if made else None
    config = json.loads(data).get("config") if data else None
    if not isinstance(config, dict):
        return None
    return str(config.get("name", "without a name")), sha256_json(config)


def run_attempts(records: Records, run_id: str) -> Records:
    """The newest attempt per stage of this run; a person's report without attempts has those of the snapshot."""
    mine = [a for a in records if a["run_id"] == run_id]
    if not mine and run_id == MANUAL:
        mine = list(records)
    newest = {a["stage"]: a for a in mine}
    return [newest[stage] for stage in STAGES if stage in newest]


def cost(attempts: Records, documents: float | None) -> Cost:
    """What these attempts took together, and for each million of `documents`."""
    wall, cpu = (sum(a[name] for a in attempts) for name in ("wall_seconds", "cpu_seconds"))
    joules = sum(a["energy"]["joules"] for a in attempts)
    methods = ", ".join(sorted({str(a["energy"]["method"]) for a in attempts}))
    million = None
    if documents and attempts:
        scale = 1e6 / documents
        million = {"wall_seconds": wall * scale, "cpu_hours": cpu * scale / 3600, "kwh": joules * scale / 3.6e6}
    return Cost(attempts, wall, cpu, joules, methods, million)


def silent_rules(records: Records, decisions: str | None) -> list[str]:
    """Warnings of the attempt that made these decisions: rules that are silent where earlier releases had removals."""
    made = [a for a in records if decisions and a["outputs"].get("decisions") == decisions]
    warnings: list[str] = made[-1]["summary"].get("silent_rules", []) if made else []
    return warnings
