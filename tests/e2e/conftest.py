"""One real mill for all tests of this folder: a private Airflow over two tiny crawls and a broken one."""

from __future__ import annotations

import os
import subprocess
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from gristmill.catalogue import Catalogue
from gristmill.lake import Lake
from gristmill.profile import PROJECT, Profile, load_profile
from gristmill.service import control
from gristmill.service.client import JSON, Client
from gristmill.service.control import Service
from gristmill.service.home import Home
from gristmill.service.watch import Watch

CRAWL = PROJECT / "data" / "crawl" / "embedded"
SNAPSHOTS = {"tiny-A": date(2026, 1, 5), "tiny-B": date(2026, 2, 2), "broken": date(2026, 3, 2)}
PRETRAIN = {
    "size": "micro",
    "sizes": {"micro": {"layers": 2, "width": 64, "heads": 2, "kv_heads": 1, "hidden": 176}},
    "sequence_length": 64, "global_batch": 16, "steps": 40,
    "optimizer": {"learning_rate": 0.01},
    "schedule": {"warmup_steps": 5},
    "parallel": {"ranks": 2, "zero_stage": 1, "micro_batch": 8},
    "checkpoint": {"every": 20},
}  # fmt: skip


@dataclass(frozen=True)
class Mill:
    """A started service and what the tests ask of it."""

    profile: Profile
    home: Home
    service: Service
    client: Client

    @property
    def lake(self) -> Lake:
        return Lake.open(self.profile)

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`gristmill ARGUMENTS` as a user runs it."""
        environment = {**os.environ, "GRISTMILL_PROFILE": str(self.profile.source)}
        command = [sys.executable, "-m", "gristmill.cli", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    def finish(self, dag: str, run_id: str) -> JSON:
        """The run, once it has ended."""
        found = Watch(self.client).until_final(
            dag, lambda: [run for run in self.client.runs(dag) if run["dag_run_id"] == run_id]
        )
        return found[0]

    def finished(self, dag: str, wanted: int) -> list[JSON]:
        """All runs of a DAG, once there are `wanted` and none goes on."""
        return Watch(self.client).until_final(dag, lambda: self.client.runs(dag), wanted)

    def states(self, dag: str, run_id: str) -> dict[str, str]:
        """Task id -> state."""
        return {task["task_id"]: task["state"] for task in self.client.tasks(dag, run_id)}


@pytest.fixture(scope="session")
def mill(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mill]:
    """A mill in a folder with a space in its name; its supervisor is killed at the end, as a crash would."""
    profile = load_profile(str(write_profile(tmp_path_factory.mktemp("a mill"))))
    register(profile)
    home = Home(profile)
    service = control.start(home)
    try:
        yield Mill(profile, home, service, service.client(home))
    finally:
        control.stop(home)


@pytest.fixture(scope="session")
def scheduled(mill: Mill) -> dict[str, JSON]:
    """Snapshot -> its ended run, once the schedule has caught up with the whole catalogue."""
    mill.client.unpause("crawl_snapshot")
    return {run["partition_key"]: run for run in mill.finished("crawl_snapshot", len(SNAPSHOTS))}


@pytest.fixture(scope="session")
def pretrained(mill: Mill, scheduled: dict[str, JSON]) -> JSON:
    """The ended pretraining run that the second release started."""
    mill.finished("corpus_ready", 2)
    return mill.finished("pretrain", 1)[0]


def write_profile(root: Path, snapshots: tuple[str, ...] = ("tiny-A", "tiny-B"), **changes: Any) -> Path:
    """A profile of its own: the default policy and gates, a mix of tiny crawls, a micro model; `changes` to it."""
    files = {
        "mix.yaml": {"name": "tiny", "snapshots": list(snapshots), "auto_start": True, "validation_share": 0.2},
        "pretrain.yaml": PRETRAIN,
        "profile.yaml": {
            "work_dir": str(root / "work"), "lake": str(root / "lake"),
            "policy": str(PROJECT / "configs" / "policies" / "gristmill.yaml"),
            "gates": str(PROJECT / "configs" / "gates" / "default.yaml"),
            "mix": str(root / "mix.yaml"), "pretrain": str(root / "pretrain.yaml"),
            "spark": {"master": "local[2,2]", "driver_memory": "512m"},
            "airflow": {"schedule": "all", "users": {"admin": "admin", "vera": "viewer"}},
            "stages": {"curate": {"shard_bytes": 100_000}, "tokenize": {"vocabulary": 1024}}, **changes,
        },
    }  # fmt: skip
    for name, content in files.items():
        (root / name).write_text(yaml.safe_dump(content), encoding="utf-8")
    return root / "profile.yaml"


def register(profile: Profile) -> None:
    """Two tiny crawls of the embedded one, and one whose only file is cut in the middle."""
    catalogue = Catalogue(Lake.open(profile))
    for key, letter in (("tiny-A", "A"), ("tiny-B", "B")):
        source = CRAWL / f"snapshot-{letter}" / f"MINI-{letter}-00000.warc.gz"
        catalogue.add(key, SNAPSHOTS[key], [_first_members(source, profile.source.parent / f"{key}.warc.gz", 130)])
    whole = (profile.source.parent / "tiny-A.warc.gz").read_bytes()
    cut = profile.source.parent / "broken.warc.gz"
    cut.write_bytes(whole[: len(whole) * 11 // 20])
    catalogue.add("broken", SNAPSHOTS["broken"], [cut])


def _first_members(source: Path, target: Path, count: int) -> Path:
    """The first gzip members of a WARC file, unchanged."""
    data, end = source.read_bytes(), 0
    for _ in range(count):
        inflater = zlib.decompressobj(31)
        inflater.decompress(data[end:])
        end = len(data) - len(inflater.unused_data)
    target.write_bytes(data[:end])
    return target
