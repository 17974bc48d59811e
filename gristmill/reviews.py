"""What waits for a reviewer, and what became of it: the current verdicts with their answers, by snapshot or run."""

from __future__ import annotations

from dataclasses import dataclass

from gristmill import ledger, verdicts
from gristmill.approvals import Answer
from gristmill.errors import UserError
from gristmill.lake import Lake
from gristmill.verdicts import Verdict

LEAST_DIGEST = 8
"""Characters of a digest that name a verdict."""


class ReviewError(UserError):
    """There is nothing to show or to answer under that name."""


@dataclass(frozen=True)
class Review:
    """A current verdict; `scope` is the snapshot or training run that its gate judged last, or the short digest."""

    scope: str
    verdict: Verdict
    answer: Answer | None

    @property
    def waiting(self) -> bool:
        """Whether a reviewer must answer; who let the time pass has answered nothing yet."""
        return self.verdict.outcome == "warn" and (self.answer is None or self.answer.via == "time-out")

    @property
    def state(self) -> str:
        """One of: passed, blocked, could not be judged, waits for a reviewer, approved by X, rejected by X."""
        if self.verdict.outcome != "warn":
            return {"pass": "passed", "block": "blocked", "error": "could not be judged"}[self.verdict.outcome]
        if self.answer is None:
            return "waits for a reviewer"
        if self.answer.via == "time-out":
            return "was answered by nobody in time and waits for a reviewer"
        return f"{'approved' if self.answer.decision == 'approve' else 'rejected'} by {self.answer.who}"


def reviews(lake: Lake) -> list[Review]:
    """Every current verdict: those that wait first, then the newest."""
    scopes = {subject: scope for scope, subject in _judged(lake)}
    found = [review_of(lake, v, scopes.get(v.subject, v.subject[:12])) for v in verdicts.standing(lake)]
    return sorted(found, key=lambda review: not review.waiting)


def review_of(lake: Lake, verdict: Verdict, scope: str) -> Review:
    """A verdict with the answer that counts."""
    return Review(scope, verdict, verdicts.answer_to(lake, verdict))


def find(lake: Lake, name: str) -> Review:
    """The review of what the gate of a snapshot or training run judged last, or of a digest (subject or verdict).

    Raises ReviewError when there is none, or the digest is too short or means several.
    """
    judged = [subject for scope, subject in _judged(lake) if scope == name]
    if judged and (verdict := verdicts.latest(lake, judged[-1])) is not None:
        return review_of(lake, verdict, name)
    if len(name) >= LEAST_DIGEST:
        found = [r for r in reviews(lake) if r.verdict.subject.startswith(name) or r.verdict.digest.startswith(name)]
        if len(found) == 1:
            return found[0]
        if found:
            raise ReviewError(f"{len(found)} verdicts begin with '{name}'; give more of the digest")
    raise ReviewError(f"no gate judged '{name}'; `gristmill verdict list` shows what was judged")


def _judged(lake: Lake) -> list[tuple[str, str]]:
    """(snapshot or run, subject digest) of each attempt of a gate, oldest first; runs may share a subject."""
    gates = [attempt for attempt in ledger.ended(lake) if attempt["stage"].startswith("gate.")]
    return [(a["scope"], a["summary"]["subject"]) for a in gates if a["summary"].get("subject")]
