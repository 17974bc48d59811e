"""Answers of reviewers to verdicts that warn: who, when, why, and the digest of the evidence that they answered.

Answers to one verdict are numbered and never changed; the newest counts, so that a rejection can be taken back.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from gristmill.errors import UserError
from gristmill.lake import Lake, canonical_json

Decision = Literal["approve", "reject"]
MAX_REASON = 2000
"""Characters of a reason."""


@dataclass(frozen=True)
class Answer:
    """`evidence` is the digest of the verdict that was answered; `via` is airflow, command line or time-out;
    `answered_at` is ISO 8601 UTC."""

    evidence: str
    decision: Decision
    who: str
    reason: str
    via: str
    run_id: str = ""
    answered_at: str = ""


def answer(lake: Lake, given: Answer) -> Answer:
    """Store an answer; one that repeats the newest (a task that was tried again) is that one.

    Raises UserError without a reason, or with one of more than MAX_REASON characters.
    """
    reason = " ".join(given.reason.split())
    if not reason:
        raise UserError("a reason is required: say in a sentence why this snapshot is approved or rejected")
    if len(reason) > MAX_REASON:
        raise UserError(f"the reason has {len(reason)} characters; {MAX_REASON} is the most")
    given = replace(given, reason=reason)
    while True:
        known = answers(lake, given.evidence)
        if known and replace(known[-1], answered_at=given.answered_at) == given:
            return known[-1]
        now = given.answered_at or datetime.now(UTC).isoformat(timespec="seconds")
        stored = replace(given, answered_at=now)
        key = f"approvals/{given.evidence}/{len(known):06d}.json"
        if lake.storage.put_if_absent(key, canonical_json(asdict(stored))):
            return stored


def answers(lake: Lake, evidence: str) -> list[Answer]:
    """Every answer to the verdict of this digest, oldest first."""
    keys = sorted(lake.storage.list(f"approvals/{evidence}"))
    return [Answer(**json.loads(lake.storage.get(key) or b"{}")) for key in keys]
