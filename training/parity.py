"""gristmill train parity: every way to spread a model over processes trains the same model.

Each variant starts from the same weights and is held against float64 at points of its run: loss and gradient norm of
the same batch at the variant's own weights. Left to itself for the whole run it may drift away from one process of
plain PyTorch no further than that process does when every first weight is moved by one unit in its last place.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gristmill.children import kill_group, start
from gristmill.errors import UserError
from training.parallel import ParallelConfig

STEPS, CHECKS = 200, 20
QUICK = 40

ROWS = 16
"""Global batch."""

TOLERANCE = 1e-5
"""Of loss and gradient norm, relative to float64. fp32 sums of this size are good to about 1e-7."""

BASE, CONTROL = "one process, PyTorch", "the same, first weights + 1 ulp"


@dataclass(frozen=True)
class Variant:
    """One way to train. `group`: variants that share processes, for some of DeepSpeed's state is the process's."""

    name: str
    group: str
    accumulation: int
    parallel: dict[str, Any]
    plain: bool = False
    perturbed: int = 0

    @property
    def file(self) -> str:
        """Where its weights are kept."""
        return "".join(c if c.isalnum() else "-" for c in self.name) + ".npy"


@dataclass(frozen=True)
class Row:
    """What a variant came to: largest relative errors against float64, and root mean square distance of its weights
    from the base's, the largest at any point."""

    name: str
    loss_error: float
    norm_error: float
    drift: float
    last_loss: float
    exact: bool
    """whether it is to agree; a bf16 variant only shows what its rounding adds"""

    def agrees(self, allowed: float) -> bool:
        """`allowed`: the control's drift."""
        return not self.exact or (max(self.loss_error, self.norm_error) <= TOLERANCE and self.drift <= allowed)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How much to run, and how to print it."""
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} steps of a third of the variants")
    parser.add_argument("--json", action="store_true", help="print the table as JSON")


def main(args: argparse.Namespace) -> int:
    """Train all variants and print the table; 1 when one disagrees."""
    chosen = [v for v in variants() if not args.quick or v.name in IN_QUICK]
    with tempfile.TemporaryDirectory(prefix="gristmill-parity-") as folder:
        rows = measure(chosen, QUICK if args.quick else STEPS, CHECKS, Path(folder))
    allowed = next(row.drift for row in rows if row.name == CONTROL)
    bad = [row.name for row in rows if not row.agrees(allowed)]
    if args.json:
        print(json.dumps({"rows": [asdict(row) for row in rows], "allowed_drift": allowed, "disagree": bad}, indent=1))
    else:
        print(render(rows, allowed))
    return 1 if bad else 0


def variants() -> list[Variant]:
    """All of them, the base and its control first."""
    found = [
        Variant(BASE, "1", 1, spread(1, 1), plain=True),
        Variant(CONTROL, "1", 1, spread(1, 1), plain=True, perturbed=1),
        Variant("1 rank, PyTorch, x4", "1", 4, spread(1, 4), plain=True),
    ]
    for ranks in (1, 2):
        for parts in (1, 4):
            if ranks > 1:
                found.append(Variant(f"{ranks} ranks, DDP, x{parts}", "2", parts, spread(ranks, parts), plain=True))
            for stage in range(4):
                name = f"{ranks} rank{'s' if ranks > 1 else ''}, ZeRO {stage}, x{parts}"
                found.append(Variant(name, str(ranks), parts, spread(ranks, parts, zero_stage=stage)))
    for stage, parts in ((0, 1), (1, 4), (2, 1), (3, 4)):
        name = f"tensor 2, ZeRO {stage}, x{parts}"
        found.append(Variant(name, "tensor", parts, spread(2, parts, tensor=2, zero_stage=stage)))
    for stage, parts in ((0, 4), (1, 1), (1, 4)):
        name = f"pipeline 2, ZeRO {stage}, x{parts}"
        found.append(Variant(name, "pipeline", parts, spread(2, parts, pipeline=2, zero_stage=stage)))
    for kind in ("tensor", "pipeline"):
        name = f"{kind} 2 x data 2, ZeRO 1, x2"
        found.append(Variant(name, f"{kind} and data", 2, spread(4, 2, zero_stage=1, **{kind: 2})))
    for stage, parts in ((1, 1), (2, 4)):
        name = f"2 ranks, ZeRO {stage}, x{parts}, bf16"
        found.append(Variant(name, "2", parts, spread(2, parts, zero_stage=stage, precision="bf16")))
    return found


IN_QUICK = {
    BASE, CONTROL, "2 ranks, DDP, x4", "2 ranks, ZeRO 0, x4", "2 ranks, ZeRO 1, x4", "2 ranks, ZeRO 2, x4",
    "2 ranks, ZeRO 3, x1", "tensor 2, ZeRO 1, x4", "pipeline 2, ZeRO 1, x4", "2 ranks, ZeRO 2, x4, bf16",
}  # fmt: skip


def spread(ranks: int, parts: int, **how: Any) -> dict[str, Any]:
    """A parallel config whose `parts` micro-batches make the global batch; small buckets, so that several fill."""
    copies = ranks // (how.get("tensor", 1) * how.get("pipeline", 1))
    config = {"ranks": ranks, "micro_batch": ROWS // (copies * parts), "bucket": 4096, "zero_stage": 0, **how}
    return ParallelConfig.model_validate(config).model_dump(mode="json")


def measure(chosen: list[Variant], steps: int, checks: int, folder: Path) -> list[Row]:
    """Train the variants, group after group; `folder` is for their weights. Raises UserError when ranks fail."""
    found: dict[str, dict[str, Any]] = {}
    groups = list(dict.fromkeys(v.group for v in chosen))
    for number, group in enumerate(groups):
        members = [v for v in chosen if v.group == group]
        ranks = members[0].parallel["ranks"]
        line = f"{number + 1} of {len(groups)}: {len(members)} variants, processes: {ranks}"
        print(line, file=sys.stderr, flush=True)
        found |= {each["name"]: each for each in trained(members, ranks, steps, checks, folder)}
    points = {v.name: np.load(folder / v.file).astype(np.float64) for v in chosen}
    return [row(v, found[v.name], points[v.name], points[BASE]) for v in chosen]


def trained(members: list[Variant], ranks: int, steps: int, checks: int, folder: Path) -> Iterator[dict[str, Any]]:
    """Start the ranks of one group; what each variant reported."""
    # Here, for it loads tokenizers and tables, which `gristmill --help` need not wait for.
    from training.launch import rank_environment

    out = folder / "out.jsonl"
    out.unlink(missing_ok=True)
    command = [
        sys.executable, "-m", "torch.distributed.run", "--nnodes=1", f"--nproc-per-node={ranks}",
        "--rdzv-backend=c10d", "--rdzv-endpoint=127.0.0.1:0", "--local-addr=127.0.0.1", "--max-restarts=0",
        "-m", "training.parity_ranks", "--variants", json.dumps([asdict(v) | {"file": v.file} for v in members]),
        "--steps", str(steps), "--checks", str(checks), "--out", str(out),
    ]  # fmt: skip
    # The reference is in float64 and the table in fp32, which is what a CPU is for; four ranks need no four GPUs.
    environment = rank_environment(ranks) | {"DS_ACCELERATOR": "cpu", "CUDA_VISIBLE_DEVICES": ""}
    with (folder / "log").open("w", encoding="utf-8") as log:
        process = start(command, env=environment, stdout=log, stderr=log)
        try:
            code = process.wait()
        except BaseException:
            kill_group(process)
            raise
    if code:
        tail = "\n".join((folder / "log").read_text(encoding="utf-8").splitlines()[-30:])
        raise UserError(f"the ranks of '{members[0].group}' ended with code {code}:\n{tail}")
    yield from (json.loads(line) for line in out.read_text(encoding="utf-8").splitlines())


def row(variant: Variant, found: dict[str, Any], own: NDArray[np.float64], base: NDArray[np.float64]) -> Row:
    """Sum a variant up; `own` and `base`: (points, parameters)."""
    loss, norm = np.array(found["errors"]).max(axis=0)
    drift = float(np.sqrt(((own - base) ** 2).mean(axis=1)).max())
    exact = variant.parallel["precision"] == "fp32"
    return Row(variant.name, float(loss), float(norm), drift, found["losses"][-1], exact)


def render(rows: list[Row], allowed: float) -> str:
    """The table, and a sentence on what it means."""
    width = max(len(row.name) for row in rows)
    lines = [f"{'':<{width}}  loss error  norm error  drift of weights  last loss"]
    for each in rows:
        verdict = "" if each.agrees(allowed) else "  DISAGREES"
        lines.append(f"{each.name:<{width}}  {each.loss_error:10.1e}  {each.norm_error:10.1e}  {each.drift:16.1e}  "
                     f"{each.last_loss:9.5f}{verdict}")  # fmt: skip
    exact, rounded = [r for r in rows if r.exact], [r for r in rows if not r.exact]
    widest = max(r.drift for r in exact if r.name not in (BASE, CONTROL))
    bad = sum(not r.agrees(allowed) for r in rows)
    lines.append(
        f"errors are relative to float64 on the same batch, at most {TOLERANCE:.0e} allowed; drift is the weights' "
        f"root mean square distance from the first row's, at most the second row's {allowed:.1e}: the widest is "
        f"{widest:.1e}"
    )
    lines.append(f"{bad} of {len(exact)} fp32 variants disagree" if bad else f"all {len(exact)} fp32 variants agree")
    for each in rounded:
        lines.append(f"bf16 adds ({each.name}): loss {each.loss_error:.1e}, gradient norm {each.norm_error:.1e}, drift "
                     f"{each.drift / allowed:,.0f} times the control's")  # fmt: skip
    return "\n".join(lines)
