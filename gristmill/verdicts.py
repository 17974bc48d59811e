"""Verdicts: a judgement that belongs to digests.

A verdict is a function of (subject digest, suite version, history digest) and is stored under its subject.
Whoever opens the subject asks here, so a hand-set task state in a scheduler approves nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from gristmill.errors import UserError
from gristmill.lake import Lake, canonical_json, sha256_json

Outcome = Literal["pass", "warn", "block", "error"]
Severity = Literal["info", "warn", "block"]
Status = Literal["passed", "failed", "error", "info"]

APPROVING: frozenset[Outcome] = frozenset({"pass", "warn"})


class NotApproved(UserError):
    """The digest has no approving verdict; the message says how to get one."""


@dataclass(frozen=True)
class Check:
    """One check: what was observed, against which bound, and how much it matters.

    `error` means that it could not be measured, `info` that there was not enough data to judge.
    """

    name: str
    severity: Severity
    status: Status
    observed: float | str | None = None
    bound: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True)
class Verdict:
    """`subject` is the digest judged; `digests` names the datasets behind it; `judged_at` is ISO 8601 UTC."""

    subject: str
    kind: str
    suite: str
    history: str
    outcome: Outcome
    checks: tuple[Check, ...]
    digests: Mapping[str, str]
    judged_at: str

    @property
    def approves(self) -> bool:
        return self.outcome in APPROVING


def record(
    lake: Lake,
    *,
    subject: str,
    kind: str,
    suite: str,
    history: str,
    outcome: Outcome,
    checks: Sequence[Check],
    digests: Mapping[str, str],
) -> Verdict:
    """Store a verdict and return the stored one: the first for these (subject, suite, history) stands.

    It is the current verdict on its subject from now on: what was judged by other bounds before does not count.
    """
    key = f"verdicts/{subject}/{sha256_json([suite, history])}.json"
    judged_at = datetime.now(UTC).isoformat(timespec="microseconds")
    verdict = Verdict(subject, kind, suite, history, outcome, tuple(checks), dict(digests), judged_at)
    lake.storage.put_if_absent(key, canonical_json(asdict(verdict)))
    pointer, body = _current(subject), canonical_json({"verdict": key})
    while not lake.storage.compare_and_swap(pointer, lake.storage.get(pointer), body):
        continue
    return _load(lake, key)


def latest(lake: Lake, subject: str) -> Verdict | None:
    """The current verdict on a subject, whatever its outcome. One that was filed under another subject is none."""
    data = lake.storage.get(_current(subject))
    if data is None:
        return None
    verdict = _load(lake, json.loads(data)["verdict"])
    return verdict if verdict.subject == subject else None


def require_approved(lake: Lake, subject: str) -> Verdict:
    """The current verdict on `subject`, which approves; raises NotApproved otherwise."""
    verdict = latest(lake, subject)
    if verdict is None:
        raise NotApproved(f"{subject[:12]} was never judged; run `python -m quality.gate` on it first")
    if not verdict.approves:
        failing = [c.name for c in verdict.checks if c.status in ("failed", "error") and c.severity != "info"]
        raise NotApproved(
            f"{subject[:12]} has the verdict '{verdict.outcome}' ({', '.join(failing) or 'no check named'}); "
            f"see docs/gate-blocked.md"
        )
    return verdict


def _current(subject: str) -> str:
    return f"verdicts/current/{subject}.json"


def _load(lake: Lake, key: str) -> Verdict:
    data = json.loads(lake.storage.get(key) or b"{}")
    return Verdict(**{**data, "checks": tuple(Check(**check) for check in data["checks"])})
