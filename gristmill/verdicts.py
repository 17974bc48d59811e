"""Verdicts: a judgement that belongs to digests.

A verdict is a function of (subject digest, suite version, history digest) and is stored under its subject.
Whoever opens the subject asks here, so a hand-set task state in a scheduler approves nothing. `pass` approves by
itself, `warn` once a reviewer has approved it (gristmill.approvals), `block` and `error` never.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from gristmill.approvals import Answer, answers
from gristmill.errors import UserError
from gristmill.lake import Lake, canonical_json, sha256_json

Outcome = Literal["pass", "warn", "block", "error"]
Severity = Literal["info", "warn", "block"]
Status = Literal["passed", "failed", "error", "info"]


class NotApproved(UserError):
    """The digest has no approving verdict; the message says how to get one."""


@dataclass(frozen=True)
class Check:
    """One check: what was observed, against which bound, and how much it matters.

    `error` means that it could not be measured, `info` that there was not enough data to judge. `history` holds the
    values (snapshot id -> value) that set the bound; `offenders` the keys that are out of bounds with their values,
    worst first; `exception` the reason of a reviewed exception that widened the bound.
    """

    name: str
    severity: Severity
    status: Status
    observed: float | str | None = None
    bound: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""
    group: str = ""
    metric: str = ""
    history: Mapping[str, float] = field(default_factory=dict)
    offenders: Sequence[tuple[str, float]] = ()
    exception: str = ""


@dataclass(frozen=True)
class Verdict:
    """`subject` is the digest judged; `digests` names the datasets behind it; `past` the releases of the history
    (snapshot id -> release digest); `judged_at` is ISO 8601 UTC.

    `digest` is the sha256 of the stored object, which an answer of a reviewer names as its evidence. It is no part of
    that object: a field that a later version adds to this class must not change it.
    """

    subject: str
    kind: str
    suite: str
    history: str
    outcome: Outcome
    checks: tuple[Check, ...]
    digests: Mapping[str, str]
    judged_at: str
    past: Mapping[str, str] = field(default_factory=dict)
    digest: str = ""

    @property
    def failing(self) -> list[Check]:
        """The checks that decided the outcome, the worst kind first; empty for `pass`."""
        order = {"error": 0, "block": 1, "warn": 2}
        bad = [c for c in self.checks if c.status == "error" or (c.status == "failed" and c.severity != "info")]
        return sorted(bad, key=lambda c: order["error" if c.status == "error" else c.severity])


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
    past: Mapping[str, str] | None = None,
    in_force: Callable[[], bool] = lambda: False,
) -> Verdict:
    """Store a verdict and return the stored one: the first for these (subject, suite, history) stands.

    It is the current verdict on its subject from now on: what was judged by other bounds before does not count. But
    a newer history alone takes back neither the answer of a reviewer nor a `pass` on which something rests already
    (`in_force`: the subject is released or promoted): then the verdict is stored beside the one that approves.
    """
    key = f"verdicts/{subject}/{sha256_json([suite, history])}.json"
    judged_at = datetime.now(UTC).isoformat(timespec="microseconds")
    verdict = Verdict(subject, kind, suite, history, outcome, tuple(checks), dict(digests), judged_at, dict(past or {}))
    body = asdict(verdict)
    del body["digest"]
    lake.storage.put_if_absent(key, canonical_json(body))
    stored = _load(lake, key)
    _make_current(lake, stored, key, in_force)
    return stored


def latest(lake: Lake, subject: str) -> Verdict | None:
    """The current verdict on a subject, whatever its outcome. One that was filed under another subject is none."""
    return _pointed(lake, lake.storage.get(_current(subject)), subject)


def standing(lake: Lake) -> list[Verdict]:
    """The current verdict on each subject, the newest first."""
    subjects = [Path(key).stem for key in lake.storage.list("verdicts/current")]
    found = [verdict for subject in subjects if (verdict := latest(lake, subject)) is not None]
    return sorted(found, key=lambda verdict: verdict.judged_at, reverse=True)


def answer_to(lake: Lake, verdict: Verdict) -> Answer | None:
    """The answer of a reviewer that counts; None while nobody answered."""
    given = answers(lake, verdict.digest)
    return given[-1] if given else None


def approved(lake: Lake, verdict: Verdict) -> bool:
    """Whether the verdict passed, or warned and a reviewer approved it."""
    if verdict.outcome != "warn":
        return verdict.outcome == "pass"
    given = answer_to(lake, verdict)
    return given is not None and given.decision == "approve"


def approval(lake: Lake, verdict: Verdict) -> dict[str, str] | None:
    """The answer that approved a verdict which warned, as it is stored with what it let through; None for `pass`."""
    given = answer_to(lake, verdict) if verdict.outcome == "warn" else None
    return None if given is None else asdict(given)


def require_approved(lake: Lake, subject: str) -> Verdict:
    """The current verdict on `subject`, which approves; raises NotApproved otherwise."""
    verdict = latest(lake, subject)
    if verdict is None:
        raise NotApproved(f"{subject[:12]} was never judged; run `python -m quality.gate` on it first")
    if not approved(lake, verdict):
        names = ", ".join(check.name for check in verdict.failing) or "no check named"
        said = f"{subject[:12]} has the verdict '{verdict.outcome}' ({names})"
        if verdict.outcome != "warn":
            raise NotApproved(f"{said}; see docs/gate-blocked.md")
        if (given := answer_to(lake, verdict)) is None:
            raise NotApproved(f"{said} and waits for a reviewer; see `gristmill verdict list`")
        raise NotApproved(f"{said} and was rejected by {given.who}: {given.reason}")
    return verdict


def _current(subject: str) -> str:
    return f"verdicts/current/{subject}.json"


def _pointed(lake: Lake, pointer: bytes | None, subject: str) -> Verdict | None:
    """The verdict that the bytes of the subject's pointer name."""
    if pointer is None:
        return None
    verdict = _load(lake, json.loads(pointer)["verdict"])
    return verdict if verdict.subject == subject else None


def _make_current(lake: Lake, verdict: Verdict, key: str, in_force: Callable[[], bool]) -> None:
    """Point the subject at this verdict, unless the one that stands has another history alone and is approved, by a
    reviewer or by itself with something in force."""

    def stands(pointer: bytes | None) -> bool:
        before = _pointed(lake, pointer, verdict.subject)
        if before is None or before.suite != verdict.suite or before.history == verdict.history:
            return False
        return approved(lake, before) and (before.outcome == "warn" or in_force())

    name, body = _current(verdict.subject), canonical_json({"verdict": key})
    while not stands(seen := lake.storage.get(name)):
        if lake.storage.compare_and_swap(name, seen, body):
            if seen is not None and stands(seen):
                # A reviewer answered or a run released in between: what was approved stands.
                lake.storage.compare_and_swap(name, body, seen)
            return


def _load(lake: Lake, key: str) -> Verdict:
    stored = lake.storage.get(key) or b"{}"
    data = json.loads(stored)
    checks = tuple(
        Check(**{**check, "offenders": tuple((name, value) for name, value in check.get("offenders", ()))})
        for check in data["checks"]
    )
    return Verdict(**{**data, "checks": checks, "digest": hashlib.sha256(stored).hexdigest()})
