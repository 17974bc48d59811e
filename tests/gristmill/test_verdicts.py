"""Verdicts: they belong to digests, and whoever opens a digest asks for them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gristmill.lake import Lake
from gristmill.verdicts import Check, NotApproved, Outcome, Verdict, latest, record, require_approved

SUBJECT = "5" * 64


def judge(lake: Lake, outcome: Outcome, suite: str = "1", subject: str = SUBJECT, **changes: Any) -> Verdict:
    check = Check("kept share", "block", "passed" if outcome == "pass" else "failed", 0.1, {"min": 0.2}, "why")
    values = {"kind": "snapshot", "history": "", "checks": [check], "digests": {"corpus": "1"}, **changes}
    return record(lake, subject=subject, suite=suite, outcome=outcome, **values)


def test_a_verdict_is_stored_with_its_evidence(lake: Lake) -> None:
    judged = judge(lake, "block")
    assert latest(lake, SUBJECT) == judged
    assert judged.checks == (Check("kept share", "block", "failed", 0.1, {"min": 0.2}, "why"),)
    assert judged.digests == {"corpus": "1"}


def test_the_first_verdict_for_the_same_question_stands(lake: Lake) -> None:
    first = judge(lake, "block")
    assert judge(lake, "pass") == first
    assert judge(lake, "pass", history="other").outcome == "pass"


def test_the_newest_verdict_counts(lake: Lake) -> None:
    judge(lake, "pass", suite="1")
    judge(lake, "block", suite="2")
    with pytest.raises(NotApproved):
        require_approved(lake, SUBJECT)
    judge(lake, "warn", suite="3")
    assert require_approved(lake, SUBJECT).suite == "3"


@pytest.mark.parametrize("outcomes", [("pass", "block"), ("block", "pass")])
def test_bounds_that_are_taken_back_bring_their_verdict_back(lake: Lake, outcomes: tuple[Outcome, Outcome]) -> None:
    first, second = outcomes
    judge(lake, first, suite="1")
    judge(lake, second, suite="2")
    judged_again = judge(lake, first, suite="1")
    assert judged_again.outcome == first
    assert latest(lake, SUBJECT) == judged_again


@pytest.mark.parametrize(("outcome", "approves"), [("pass", True), ("warn", True), ("block", False), ("error", False)])
def test_pass_and_warn_approve(lake: Lake, outcome: Outcome, approves: bool) -> None:
    assert judge(lake, outcome).approves == approves
    if approves:
        assert require_approved(lake, SUBJECT).outcome == outcome
    else:
        with pytest.raises(NotApproved, match=rf"555555555555 has the verdict '{outcome}' \(kept share\)"):
            require_approved(lake, SUBJECT)


@pytest.mark.parametrize("subject", ["6" * 64, SUBJECT[:12], ""])
def test_what_was_never_judged_is_not_approved(lake: Lake, subject: str) -> None:
    judge(lake, "pass")
    with pytest.raises(NotApproved, match=r"was never judged; run `python -m quality\.gate`"):
        require_approved(lake, subject)


def test_a_verdict_that_was_copied_to_another_subject_approves_nothing(lake: Lake) -> None:
    judge(lake, "pass")
    for key in lake.storage.list("verdicts"):
        lake.storage.put_if_absent(key.replace(SUBJECT, "6" * 64), lake.storage.get(key) or b"")
    with pytest.raises(NotApproved, match="was never judged"):
        require_approved(lake, "6" * 64)


def test_of_two_judges_at_once_one_is_heard(lake: Lake, concurrently: Any) -> None:
    found = concurrently(lambda: judge(lake, "pass"), lambda: judge(lake, "block"))
    assert found[0] == found[1] == latest(lake, SUBJECT)
    [key] = lake.storage.list(f"verdicts/{SUBJECT}")
    assert json.loads(lake.storage.get(key) or b"")["outcome"] == found[0].outcome
