"""Pretraining side by side: nanoGPT, plain PyTorch, one and two ranks, bf16, and each ZeRO stage's memory.

nanoGPT and its text are fetched beforehand (docs/performance.md says from where). Sides take turns, so that a machine
whose speed varies slows both; ratios are medians over the turns. Writes bench/results/pretraining.json after each
measurement and the tables of docs/performance.md at the end. Usage, from the repository's root:

    python -m bench.pretraining --nanogpt ../nanoGPT --text ../char-rnn/data/tinyshakespeare/input.txt
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from bench.pretrain_job import Job
from bench.pretraining_report import RESULT, write_page
from bench.shakespeare import BATCH, LENGTH, STEPS, WARM, nanogpt, prepare
from gristmill.errors import UserError
from gristmill.process import run_main, say
from gristmill.profile import PROJECT

MODEL = {"layers": 4, "width": 128, "heads": 4, "kv_heads": 4, "hidden": 344}
"""800,000 parameters; nanoGPT's model has 804,096."""

LARGE = {"layers": 6, "width": 384, "heads": 6, "kv_heads": 6, "hidden": 1024}
"""10.6 million, against which buckets and activations are small."""

BUCKET = 262_144
PARTS = ("nanogpt", "plain", "scaling", "precision", "memory")


class RanksFailed(UserError):
    """Ranks that ended with an error; the message ends with what they said."""


class Bench:
    """Measurements by name, written when each ends, so that a stopped benchmark keeps what it has."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args, self.cores = args, args.cores
        self.folder = PROJECT / "work" / "bench" / "nanogpt"
        self.data = prepare(args.nanogpt, args.text, self.folder)

    def keep(self, name: str, value: Any) -> None:
        """Record a measurement, with what it was measured on."""
        about = {
            "date": datetime.now(UTC).date().isoformat(), "machine": platform.processor() or platform.machine(),
            "cores": self.cores, "torch": torch.__version__, "load": round(os.getloadavg()[0], 1),
        }  # fmt: skip
        found = json.loads(RESULT.read_bytes()) if RESULT.is_file() else {}
        found[name] = {"about": about, **value}
        RESULT.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        say(f"{name}: {json.dumps(value)}")

    def run(self, ranks: int = 1, stage: int = 0, precision: str = "fp32", **changes: Any) -> dict[str, Any]:
        """One job, with one thread a rank unless it has all the cores to itself."""
        batch = changes.get("batch", BATCH)
        spread = {"ranks": ranks, "zero_stage": stage, "micro_batch": batch // ranks, "precision": precision,
                  "bucket": BUCKET}  # fmt: skip
        settings = {"model": MODEL, "length": LENGTH, "batch": batch, "steps": self.args.steps, "seed": 0,
                    "plain": False, **changes}  # fmt: skip
        job = Job(data=str(self.data), parallel=spread, **settings)
        command = [
            sys.executable, "-m", "torch.distributed.run", f"--nproc-per-node={ranks}", "--rdzv-backend=c10d",
            "--rdzv-endpoint=127.0.0.1:0", "--local-addr=127.0.0.1", "-m", "bench.pretrain_ranks",
            json.dumps(asdict(job)),
        ]  # fmt: skip
        done = subprocess.run(command, cwd=PROJECT, env=environment(1), capture_output=True, text=True, check=False)
        results = [line for line in done.stdout.splitlines() if line.startswith("result ")]
        if not results:
            raise RanksFailed(f"the ranks of {job} ended with code {done.returncode}: {done.stderr[-2000:]}")
        found: dict[str, Any] = json.loads(results[-1].removeprefix("result "))
        return found

    def nanogpt(self) -> None:
        """The published recipe, seed by seed. On several cores nanoGPT has a thread and ours a rank for each."""
        runs: dict[str, list[dict[str, Any]]] = {"nanogpt": [], "ours": []}
        for seed in range(self.args.seeds):
            runs["nanogpt"].append(nanogpt(self.folder, seed, STEPS, environment(self.cores)))
            runs["ours"].append(self.run(self.cores, steps=STEPS, seed=seed))
            self.keep("nanogpt", {**runs, **ratios(runs["ours"], runs["nanogpt"])})

    def plain(self) -> None:
        """The same model in a bare PyTorch loop, on one rank and on two."""
        for ranks in (1, 2):
            runs = self.turns({"ours": {"ranks": ranks}, "plain": {"ranks": ranks, "plain": True}})
            self.keep(f"plain on {ranks}", {**runs, **ratios(runs["ours"], runs["plain"])})

    def scaling(self) -> None:
        """Twice the ranks on twice the batch."""
        runs = self.turns({"two": {"ranks": 2, "batch": 2 * BATCH}, "one": {"ranks": 1}})
        self.keep("scaling", {**runs, **ratios(runs["two"], runs["one"])})

    def precision(self) -> None:
        """bf16 against fp32."""
        runs = self.turns({"bf16": {"precision": "bf16"}, "fp32": {}})
        self.keep("precision", {**runs, **ratios(runs["bf16"], runs["fp32"])})

    def memory(self) -> None:
        """Bytes of model states a parameter, of the rank that holds most."""
        rows = []
        for precision in ("fp32", "bf16"):
            for stage in range(4):
                run = self.run(2, stage, precision, model=LARGE, batch=2, steps=WARM + 2, memory=True)
                found = {when: round(run[when] / run["parameters"], 3) for when in ("after_backward", "at_update")}
                rows.append({"stage": stage, "precision": precision, "parameters": run["parameters"], **found,
                             "formula": formula(stage, 2, precision),
                             "formula_at_update": formula_at_update(stage, 2, precision)})  # fmt: skip
        self.keep("memory", {"rows": rows})

    def turns(self, sides: dict[str, dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
        """Each side once a turn."""
        found: dict[str, list[dict[str, Any]]] = {name: [] for name in sides}
        for _ in range(self.args.turns):
            for name, settings in sides.items():
                found[name].append(self.run(**settings))
        return found


def formula(stage: int, ranks: int, precision: str) -> float:
    """Bytes a parameter on a rank (Rajbhandari et al. 2020): weights, gradients and the optimizer's states.

    Adam's are 8 bytes in fp32, and 12 with the fp32 copy of bf16 weights. DeepSpeed keeps such a copy of the rank's
    partition in fp32 as well, from stage 1 on.
    """
    weights = gradients = 4 if precision == "fp32" else 2
    states = 8 if precision == "fp32" and stage == 0 else 12
    share = [1 if stage < least else 1 / ranks for least in (3, 2, 1)]
    return weights * share[0] + gradients * share[1] + states * share[2]


def formula_at_update(stage: int, ranks: int, precision: str) -> float:
    """The same when the optimizer writes: gradients are then cut from stage 1 on, and copied in fp32 for it.

    Only ZeRO 0 in fp32 hands them on as they are.
    """
    gradients, share = 4 if precision == "fp32" else 2, 1 / ranks if stage else 1
    copy = 0 if stage == 0 and precision == "fp32" else 4
    before = formula(stage, ranks, precision) - gradients * (share if stage > 1 else 1)
    return before + (gradients + copy) * share


def ratios(side: list[dict[str, Any]], other: list[dict[str, Any]]) -> dict[str, float]:
    """Medians over the turns of side / other."""
    keys = ("tokens_per_second", "tokens_per_cpu_second", "median_tokens_per_second")
    return {
        f"ratio_{key}": round(statistics.median(a[key] / b[key] for a, b in zip(side, other, strict=True)), 3)
        for key in keys
    }


def environment(threads: int) -> dict[str, str]:
    """CPU alone, nothing compiled."""
    own = {"OMP_NUM_THREADS": str(threads), "DS_ACCELERATOR": "cpu", "TORCHDYNAMO_DISABLE": "1",
           "GLOO_SOCKET_IFNAME": "lo"}  # fmt: skip
    return {**os.environ, **own}


def main(argv: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nanogpt", type=Path, required=True, help="folder of a checkout")
    parser.add_argument("--text", type=Path, required=True, help="tinyshakespeare's input.txt")
    parser.add_argument("--only", choices=PARTS, action="append", help="what to measure (default: all)")
    parser.add_argument("--seeds", type=int, default=5, help="runs against nanoGPT")
    parser.add_argument("--turns", type=int, default=3, help="runs of each side of the other comparisons")
    parser.add_argument("--steps", type=int, default=300, help="steps of the other comparisons")
    parser.add_argument("--cores", type=int, default=len(os.sched_getaffinity(0)), help="cores against nanoGPT")
    args = parser.parse_args(argv)
    bench = Bench(args)
    for part in args.only or PARTS:
        getattr(bench, part)()
    write_page()


if __name__ == "__main__":
    run_main(main)
