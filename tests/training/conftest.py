"""A tiny lake with a judged token dataset, and real training runs on it that several tests look at."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
import yaml
from numpy.typing import NDArray
from tokenizers import Tokenizer, models

from gristmill import verdicts
from gristmill.lake import Lake
from gristmill.profile import Profile, load_profile
from gristmill.schemas import SCHEMAS
from gristmill.verdicts import Outcome

VOCABULARY = 61
PRETRAIN: dict[str, Any] = {
    "size": "nano",
    "sizes": {"nano": {"layers": 2, "width": 32, "heads": 4, "kv_heads": 2, "hidden": 48}},
    "sequence_length": 16,
    "global_batch": 16,
    "steps": 20,
    "seed": 7,
    "optimizer": {"learning_rate": 0.01},
    "schedule": {"warmup_steps": 4},
    "parallel": {"ranks": 2, "zero_stage": 1, "micro_batch": 2},
    "checkpoint": {"every": 8, "keep": 2},
}


@dataclass(frozen=True)
class Bench:
    """A profile, its lake, and the token dataset and tokenizer in it."""

    profile: Profile
    lake: Lake
    tokens: str
    tokenizer: str

    def launch(self, *options: str, **environment: str) -> subprocess.Popen[str]:
        """`python -m training.launch` on this bench, on a machine without a C++ compiler."""
        command = [
            sys.executable, "-m", "training.launch", f"--profile={self.profile.source}",
            f"--input=tokens={self.tokens}", f"--input=tokenizer={self.tokenizer}", *options,
        ]  # fmt: skip
        own = {**os.environ, "CXX": "/bin/false", "TORCH_EXTENSIONS_DIR": str(self.compiled), **environment}
        return subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=own)

    @property
    def compiled(self) -> Path:
        """Where torch would put what it compiles."""
        return self.profile.work_dir / "compiled"

    def train(self, *options: str) -> Run:
        """Train to the end."""
        result = self.profile.work_dir / "result.json"
        process = self.launch(f"--result={result}", *options)
        output, _ = process.communicate()
        assert process.returncode == 0, output
        found = json.loads(result.read_bytes())
        return Run(self, found["summary"]["training_run"], found["outputs"]["weights"], output)


@dataclass(frozen=True)
class Run:
    """A finished training run."""

    bench: Bench
    id: str
    weights: str
    output: str

    @property
    def folder(self) -> Path:
        return self.bench.profile.work_dir / "runs" / self.id

    @property
    def losses(self) -> list[float]:
        return [json.loads(line)["loss"] for line in (self.folder / "metrics.jsonl").read_text().splitlines()]


Benches = Callable[..., Bench]


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Threads that wait for each other over tiny matrices are slow on cores that others use too."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def benches() -> Benches:
    """Makes a bench in a folder; `changes` are those to the pretrain config."""
    return make_bench


def make_bench(folder: Path, *, verdict: Outcome | None = "pass", documents: int = 60, **changes: Any) -> Bench:
    paths = {name: folder / f"{name}.yaml" for name in ("policy", "gates", "mix", "pretrain")}
    settings = {"work_dir": folder / "work", "lake": folder / "lake", **paths}
    (folder / "profile.yaml").write_text(yaml.safe_dump({k: str(v) for k, v in settings.items()}))
    paths["mix"].write_text("name: bench\nsnapshots: [one]\n")
    paths["pretrain"].write_text(yaml.safe_dump({**PRETRAIN, **changes}))
    profile = load_profile(str(folder / "profile.yaml"))
    profile.work_dir.mkdir()
    lake = Lake.open(profile)

    tokenizer = Tokenizer(models.WordLevel({f"w{i}": i for i in range(VOCABULARY)}))
    tokenizer.save(str(folder / "tokenizer.json"))
    entry = lake.write_file("tokenizer", "tokenizer.json", folder / "tokenizer.json")
    tokenizer_digest = lake.publish("tokenizer", [entry], {}).digest
    texts = sample(documents)
    shards = {"train-00000": texts[:30], "train-00001": texts[30:-8], "validation-00000": texts[-8:]}
    entries = [lake.write_table("tokens", unit, token_table(rows)) for unit, rows in shards.items()]
    tokens = lake.publish("tokens", entries, {}).digest
    if verdict is not None:
        verdicts.record(
            lake, subject=tokens, kind="tokens", suite="s", history="h", outcome=verdict, checks=[],
            digests={"tokens": tokens, "tokenizer": tokenizer_digest},
        )  # fmt: skip
    return Bench(profile, lake, tokens, tokenizer_digest)


def sample(documents: int) -> list[NDArray[np.int64]]:
    """Documents that a model can learn: each token mostly determines the next."""
    draw = np.random.default_rng(0)
    found = []
    for _ in range(documents):
        tokens = [int(draw.integers(1, VOCABULARY))]
        while len(tokens) < draw.integers(20, 60):
            noise = int(draw.integers(1, VOCABULARY)) if draw.random() < 0.2 else 0
            tokens.append(noise or tokens[-1] * 5 % (VOCABULARY - 1) + 1)
        found.append(np.array([*tokens, 0]))
    return found


def token_table(rows: Sequence[NDArray[np.int64]]) -> pa.Table:
    offsets = np.cumsum([0, *map(len, rows)])
    columns = {
        "stream_offset": offsets[:-1],
        "snapshot": ["one"] * len(rows),
        "doc_id": [int(offset) for offset in offsets[:-1]],
        "language": ["en" if i % 3 else "de" for i in range(len(rows))],
        "bytes": [3 * (len(row) - 1) for row in rows],
        "tokens": [row.tolist() for row in rows],
    }
    return pa.table(columns, schema=SCHEMAS["tokens"])


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Run]:
    """The finished run of a ZeRO stage, trained at first use."""
    runs: dict[int, Run] = {}

    def get(stage: int) -> Run:
        if stage not in runs:
            # A space, as in "My Documents": nothing on the way may split a path.
            bench = make_bench(tmp_path_factory.mktemp(f"zero {stage}"))
            runs[stage] = bench.train(f"--zero-stage={stage}")
        return runs[stage]

    return get
