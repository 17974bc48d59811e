"""gate: judge digests against bounds, write the verdict beside them, and stop the run if it does not approve."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from gristmill import ledger, verdicts
from gristmill.lake import Lake, sha256_json
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
    """A model with its evaluation: the flat figures of its run.json.

    A figure that is absent or no finite number is left out, and so an error: a model that cannot be measured is
    not one with too little data to judge.
    """
    manifest = lake.manifest(digests["model"])
    run: dict[str, Any] = json.loads(lake.path(manifest.file("run.json")).read_bytes())
    bpb = run.get("bpb", {})
    found = {("train", name): run.get(name) for name in ("loss_first", "loss_last", "tokens", "parameters")}
    found |= {("evaluate", f"bpb_{name}"): value for name, value in bpb.items()}
    found["train", "loss_change"] = _difference(run, "loss_last", "loss_first")
    for baseline in ("untrained", "unigram"):
        found["evaluate", f"bpb_against_{baseline}"] = _difference(bpb, "model", baseline)
    metrics = Metrics()
    for (stage, name), value in found.items():
        if value is not None and math.isfinite(value):
            metrics.total(stage, name, value)
    return Subject(manifest.digest, digests, metrics.table())


def _difference(figures: Mapping[str, Any], left: str, right: str) -> float | None:
    return figures[left] - figures[right] if left in figures and right in figures else None


SUBJECTS = {
    "snapshot": (snapshot_subject, DATASETS),
    "tokens": (tokens_subject, ("tokens", "tokenizer")),
    "model": (model_subject, ("model",)),
}


def main(argv: list[str] | None = None) -> None:
    """Run the gate as a process; exit code 3 when the verdict does not approve."""
    parser = stage_parser("Judge digests against the bounds of the profile's gates file.", "--run")
    parser.add_argument("--kind", choices=sorted(SUBJECTS), required=True, help="which suite of bounds")
    parser.add_argument("--snapshot", help="what to judge, for --kind snapshot; --run for tokens and model")
    args = parser.parse_args(argv)
    scope, other = (args.snapshot, args.run) if args.kind == "snapshot" else (args.run, args.snapshot)
    if not scope or other:
        parser.error("give --snapshot ID with --kind snapshot, --run ID with --kind tokens or model, and not both")
    profile = load_profile(args.profile)
    lake, gates = Lake.open(profile), load_yaml(Gates, profile.gates)
    build, names = SUBJECTS[args.kind]
    inputs = resolve_inputs(lake, scope, args.input, names)
    suite = f"{gates.version}/{args.kind}/{sha256_json([b.model_dump() for b in gates.suite(args.kind)])[:12]}"
    with ledger.attempt(
        lake, stage=f"gate.{args.kind}", scope=scope, config={"suite": suite}, inputs=inputs, run_id=args.run_id
    ) as attempt:
        subject = build(lake, inputs)
        checks = judge(subject.table, gates.suite(args.kind))
        verdict = verdicts.record(
            lake, subject=subject.digest, kind=args.kind, suite=suite, history=NO_HISTORY,
            outcome=outcome(checks), checks=checks, digests=subject.digests,
        )  # fmt: skip
        attempt.summary.update({"verdict": verdict.outcome, "subject": subject.digest, "checks": len(checks)})
    say(render(verdict.checks))
    say(f"verdict on {args.kind} {scope}: {verdict.outcome.upper()}")
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
