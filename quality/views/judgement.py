"""What a verdict says, in a sentence; its state for a badge; and its checks in the order in which they are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gristmill import release, verdicts
from gristmill.approvals import Answer, answers
from gristmill.lake import Lake
from gristmill.verdicts import Check, Verdict
from quality.views.words import NOTHING, bounds, counted, figure, safe

GROUPS = {
    "contract": "Contract", "completeness": "Completeness of the input", "plausibility": "Plausibility",
    "drift": "Drift against earlier snapshots", "removals": "Right removals, and caps per source",
    "safety": "Safety of the output", "tokens": "Tokens", "model": "Model", "": "Other checks",
}  # fmt: skip
"""Group of a check -> its heading, in this order."""

BADGES = {
    "pass": ("✓", "Passed"), "warn": ("!", "Waits for a reviewer"), "approved": ("✓", "Approved"),
    "rejected": ("✕", "Rejected"), "block": ("✕", "Blocked"), "error": ("?", "Could not be judged"),
    "none": (NOTHING, "Not judged"), "passed": ("✓", "passed"), "failed": ("✕", "failed"),
    "warned": ("!", "failed, warns"), "unmeasured": ("?", "not measured"), "info": (NOTHING, "too little data"),
    "noted": ("i", "for information"),
}  # fmt: skip
"""State -> sign and words, so that no badge speaks by its colour alone."""


@dataclass(frozen=True)
class Judgement:
    """`state` is a key of BADGES; `answers` those of the reviewers, newest first."""

    state: str
    sentence: str
    verdict: Verdict | None = None
    answers: Sequence[Answer] = ()


def judgement(lake: Lake, snapshot: str, subject: str | None) -> Judgement:
    """What stands on a snapshot's candidate digest; `subject` is None where its datasets are not complete."""
    current = release.current(lake, snapshot) if subject else None
    return judgement_on(lake, subject, current is not None and current.digest == subject)


def judgement_on(lake: Lake, subject: str | None, released: bool = False) -> Judgement:
    """What stands on a digest of any kind."""
    verdict = verdicts.latest(lake, subject) if subject else None
    if verdict is None:
        return Judgement("none", "Not judged: the gate did not run on these datasets.")
    given = answers(lake, verdict.digest)[::-1]
    state = state_of(verdict, given[0] if given else None)
    return Judgement(state, sentence(verdict, state, given[0] if given else None, released), verdict, given)


def state_of(verdict: Verdict, answer: Answer | None) -> str:
    """The outcome; for `warn` what a reviewer made of it. Who let the time pass has answered nothing yet."""
    if verdict.outcome == "warn" and answer is not None and answer.via != "time-out":
        return "approved" if answer.decision == "approve" else "rejected"
    return verdict.outcome


def sentence(verdict: Verdict, state: str, answer: Answer | None, released: bool) -> str:
    """The verdict and why."""
    if state == "pass":
        return f"{'Released' if released else 'Passed'}: {_all_passed(verdict.checks)}."
    why = _why(verdict.failing)
    if state == "warn":
        return f"Waits for a reviewer: {why}."
    if answer is not None and state in ("approved", "rejected"):
        done = "Rejected" if state == "rejected" else "Released after review" if released else "Approved"
        return f"{done} by {safe(answer.who, 60)}, who says: “{safe(answer.reason, 200)}” The finding: {why}."
    if state == "error":
        return f"Could not be judged, and nothing was released: {why}."
    return f"Blocked, and nothing was released: {why}."


def _all_passed(checks: Sequence[Check]) -> str:
    short = sum(check.status == "info" for check in checks)
    noted = sum(check.status == "failed" for check in checks)
    if not short and not noted:
        return f"all {len(checks)} checks passed" if len(checks) > 1 else "its one check passed"
    parts = [f"{len(checks) - short - noted} of {counted(len(checks), 'check')} passed"]
    if short:
        parts.append(f"{short} had too little data to judge")
    if noted:
        parts.append(f"{noted} {'is' if noted == 1 else 'are'} out of bounds, for information only")
    return ", ".join(parts)


def _why(failing: Sequence[Check]) -> str:
    if not failing:
        return "no check is named"
    rest = f", and {counted(len(failing) - 1, 'more check')}" if len(failing) > 1 else ""
    return said(failing[0]) + rest


def said(check: Check) -> str:
    """One check as a clause."""
    if check.status == "error":
        return f"{safe(check.name, 80)} could not be measured"
    words = f"{safe(check.name, 80)} is {figure(check.observed)}, allowed is {bounds(check.bound)}"
    return f"{words} (worst: {safe(check.offenders[0][0], 60)})" if check.offenders else words


def check_state(check: Check) -> str:
    """The badge of one check."""
    if check.status == "failed":
        return {"block": "failed", "warn": "warned", "info": "noted"}[check.severity]
    return {"error": "unmeasured", "info": "info", "passed": "passed"}[check.status]


def grouped(checks: Sequence[Check]) -> list[tuple[str, list[Check]]]:
    """(heading, checks) of the groups that have some, in the order of GROUPS."""
    found = [
        (heading, [c for c in checks if (c.group if c.group in GROUPS else "") == group])
        for group, heading in GROUPS.items()
    ]
    return [(heading, mine) for heading, mine in found if mine]
