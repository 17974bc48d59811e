"""gate: judge digests against bounds, write the verdict beside them, and stop the run if it does not approve."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from gristmill import ledger, verdicts
from gristmill.lake import Lake, LakeError, sha256_json
from gristmill.process import GateBlocked, resolve_inputs, run_main, say, stage_parser, write_result
from gristmill.profile import load_profile
from gristmill.release import DATASETS, candidate_digest
from gristmill.settings import load_yaml
from gristmill.verdicts import Check
from quality.expectations import Gates, judge, outcome
from quality.metrics import Metrics
from quality.tokens import token_metrics

NO_HISTORY = sha256_json([])
"""No bound looks at earlier releases yet, so a verdict does not depend on them."""


@dataclass(frozen=True)
class Subject:
    """What is judged: its digest, the digests behind it, and the metrics table."""

    digest: str
    digests: Mapping[str, str]
    table: pa.Table


def snapshot_subject(lake: Lake, digests: Mapping[str, str]) -> Subject:
    """A snapshot's datasets together, by the digest that `release` will ask for."""
    named = {name: digests[name] for name in DATASETS}
    return Subject(candidate_digest(named), named, lake.read(named["metrics"]))


def tokens_subject(lake: Lake, digests: Mapping[str, str]) -> Subject:
    """A token dataset."""
    return Subject(digests["tokens"], digests, token_metrics(lake, digests["tokens"], digests["tokenizer"]))


def model_subject(lake: Lake, digests: Mapping[str, str]) -> Subject:
    """A model with its evaluation: the flat figures of its run.json."""
    manifest = lake.manifest(digests["model"])
    run: dict[str, Any] = json.loads(lake.path(manifest.file("run.json")).read_bytes())
    bpb = run.get("bpb", {})
    metrics = Metrics()
    for name in ("loss_first", "loss_last", "tokens", "parameters"):
        if name in run:
            metrics.total("train", name, run[name])
    if "loss_first" in run and "loss_last" in run:
        metrics.total("train", "loss_change", run["loss_last"] - run["loss_first"])
    for name, value in bpb.items():
        metrics.total("evaluate", f"bpb_{name}", value)
    for baseline in ("untrained", "unigram"):
        if baseline in bpb and "model" in bpb:
            metrics.total("evaluate", f"bpb_against_{baseline}", bpb["model"] - bpb[baseline])
    return Subject(manifest.digest, digests, metrics.table())


SUBJECTS = {
    "snapshot": (snapshot_subject, DATASETS),
    "tokens": (tokens_subject, ("tokens", "tokenizer")),
    "model": (model_subject, ("model",)),
}


def main(argv: list[str] | None = None) -> None:
    """Run the gate as a process; exit code 3 when the verdict does not approve."""
    parser = stage_parser("Judge digests against the bounds of the profile's gates file.", "--scope")
    parser.add_argument("--kind", choices=sorted(SUBJECTS), required=True)
    parser.add_argument("--snapshot", dest="scope", help="the snapshot or training run to judge")
    parser.add_argument("--run", dest="scope", help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if not args.scope:
        raise LakeError("give --snapshot ID, or --run ID for tokens and model")
    profile = load_profile(args.profile)
    lake, gates = Lake.open(profile), load_yaml(Gates, profile.gates)
    build, names = SUBJECTS[args.kind]
    inputs = resolve_inputs(lake, args.scope, args.input, names)
    suite = f"{gates.version}/{args.kind}/{sha256_json([b.model_dump() for b in gates.suite(args.kind)])[:12]}"
    with ledger.attempt(
        lake, stage=f"gate.{args.kind}", scope=args.scope, config={"suite": suite}, inputs=inputs, run_id=args.run_id
    ) as attempt:
        subject = build(lake, inputs)
        checks = judge(subject.table, gates.suite(args.kind))
        verdict = verdicts.record(
            lake, subject=subject.digest, kind=args.kind, suite=suite, history=NO_HISTORY,
            outcome=outcome(checks), checks=checks, digests=subject.digests,
        )  # fmt: skip
        attempt.summary.update({"verdict": verdict.outcome, "subject": subject.digest, "checks": len(checks)})
    say(render(verdict.checks))
    say(f"verdict on {args.kind} {args.scope}: {verdict.outcome.upper()}")
    write_result(args.result, {}, attempt.summary)
    if not verdict.approves:
        raise GateBlocked(_sentence(verdict.checks, args.kind))


def render(checks: Sequence[Check]) -> str:
    """A table of checks for the log."""
    lines = []
    for check in checks:
        bound = " ".join(f"{key}={value:g}" for key, value in check.bound.items() if key != "strict")
        seen = "-" if check.observed is None else f"{check.observed:g}"
        lines.append(f"  {check.status:<7} {check.severity:<6} {check.name:<32} {seen:>14}   {bound}")
    return "\n".join(lines)


def _sentence(checks: Sequence[Check], kind: str) -> str:
    bad = [c for c in checks if c.status == "error" or (c.status == "failed" and c.severity == "block")]
    lines = [f"{c.name} is {c.observed}, bounds {dict(c.bound)}: {c.note}" for c in bad]
    return f"the {kind} gate blocked; nothing is released. " + "; ".join(lines) + ". See docs/gate-blocked.md"


if __name__ == "__main__":
    run_main(main)
