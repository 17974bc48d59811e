"""gate: judge digests against bounds and history, write the verdict beside them, and stop the run if it blocks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from gristmill import ledger, verdicts
from gristmill.catalogue import Catalogue
from gristmill.lake import Lake
from gristmill.process import GateBlocked, resolve_inputs, run_main, say, stage_parser, write_result
from gristmill.profile import load_profile
from gristmill.verdicts import Check, Verdict
from quality.bounds import load_gates, suite_name
from quality.expectations import judge, outcome
from quality.subjects import SUBJECTS, beside, in_force


def main(argv: list[str] | None = None) -> None:
    """Run the gate as a process; exit code 3 when the verdict is block or error. `warn` waits for a reviewer."""
    parser = stage_parser("Judge digests against the bounds of the profile's gates file.", "--run")
    parser.add_argument("--kind", choices=sorted(SUBJECTS), required=True, help="which suite of bounds")
    parser.add_argument("--snapshot", help="what to judge, for --kind snapshot; --run for tokens and model")
    args = parser.parse_args(argv)
    scope, other = (args.snapshot, args.run) if args.kind == "snapshot" else (args.run, args.snapshot)
    if not scope or other:
        parser.error("give --snapshot ID with --kind snapshot, --run ID with --kind tokens or model, and not both")
    profile = load_profile(args.profile)
    lake, (gates, allowed) = Lake.open(profile), load_gates(profile.gates)
    build, names = SUBJECTS[args.kind]
    inputs = resolve_inputs(lake, scope, args.input, names)
    day = Catalogue(lake).get(scope).partition_date if args.kind == "snapshot" else None
    mine = [each for each in allowed if day and each.applies(scope, day)]
    suite = suite_name(gates, args.kind, mine, beside(args.kind, inputs, profile))
    with ledger.attempt(
        lake, stage=f"gate.{args.kind}", scope=scope, config={"suite": suite}, inputs=inputs, run_id=args.run_id
    ) as attempt:
        subject = build(lake, inputs, scope, profile, gates.history)
        checks = judge(subject.table, gates.suite(args.kind), subject.past, mine)
        verdict = verdicts.record(
            lake, subject=subject.digest, kind=args.kind, suite=suite, history=subject.history,
            outcome=outcome(checks), checks=checks, digests=subject.digests, past=subject.releases,
            in_force=partial(in_force, lake, args.kind, scope, subject.digest),
        )  # fmt: skip
        attempt.summary.update(
            verdict=verdict.outcome, subject=subject.digest, evidence=verdict.digest, checks=len(verdict.checks)
        )
    say(render(verdict.checks))
    say(f"verdict on {args.kind} {scope}: {verdict.outcome.upper()}")
    write_result(args.result, {}, attempt.summary)
    standing = verdicts.latest(lake, subject.digest)
    if standing and standing.digest != verdict.digest and verdicts.approved(lake, standing):
        say("a newer history judges otherwise; the approval that stands is not taken back")
        return
    if verdict.outcome in ("block", "error"):
        raise GateBlocked(_sentence(verdict, args.kind))
    if not verdicts.approved(lake, verdict):
        say(f"the {args.kind} waits for a reviewer, and nothing is released before: {_failures(verdict)}")


def render(checks: Sequence[Check]) -> str:
    """A table of checks for the log, the offending keys of a failed one below it."""
    lines = []
    for check in checks:
        bound = " ".join(f"{key}={value:g}" for key, value in check.bound.items() if key != "strict")
        seen = f"{check.observed:g}" if isinstance(check.observed, int | float) else str(check.observed or "-")
        lines.append(f"  {check.status:<7} {check.severity:<6} {check.name:<32} {seen:>14}   {bound}")
        if check.status == "failed" and check.offenders:
            lines.append(" " * 17 + ", ".join(f"{key}: {value:g}" for key, value in check.offenders[:5]))
    return "\n".join(lines)


def _sentence(verdict: Verdict, kind: str) -> str:
    return f"the {kind} gate blocked; nothing is released. {_failures(verdict)}. See docs/gate-blocked.md"


def _failures(verdict: Verdict) -> str:
    """One clause per check that decided the outcome."""
    worst = "warn" if verdict.outcome == "warn" else "block"
    bad = [check for check in verdict.failing if check.status == "error" or check.severity == worst]
    return "; ".join(f"{check.name} is {check.observed}, bounds {dict(check.bound)}: {check.note}" for check in bad)


if __name__ == "__main__":
    run_main(main)
