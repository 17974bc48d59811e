"""Verdicts: they belong to digests, and whoever opens a digest asks for them."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from gristmill.approvals import Answer, Decision, answer
from gristmill.lake import Lake
from gristmill.verdicts import (
    Check,
    NotApproved,
    Outcome,
    Verdict,
    answer_to,
    approval,
    approved,
    latest,
    record,
    require_approved,
    standing,
)

SUBJECT = "5" * 64


def judge(lake: Lake, outcome: Outcome, suite: str = "1", subject: str = SUBJECT, **changes: Any) -> Verdict:
    check = Check("kept share", "block", "passed" if outcome == "pass" else "failed", 0.1, {"min": 0.2}, "why")
    values = {"kind": "snapshot", "history": "", "checks": [check], "digests": {"corpus": "1"}, **changes}
    return record(lake, subject=subject, suite=suite, outcome=outcome, **values)


def say(lake: Lake, verdict: Verdict, decision: Decision = "approve", reason: str = "seen") -> Answer:
    return answer(lake, Answer(verdict.digest, decision, "rita", reason, "airflow", "run"))


def test_a_verdict_is_stored_with_its_evidence(lake: Lake) -> None:
    check = Check(
        "drift", "warn", "failed", 0.4, {"max": 0.2}, "why", "drift", "m.x", {"a": 0.1, "b": 0.2}, (("de", 0.4),), "e"
    )
    judged = judge(lake, "warn", checks=[check], past={"a": "1", "b": "2"})
    found = latest(lake, SUBJECT)
    assert found == judged
    assert found.digest == judged.digest
    assert (judged.checks, judged.digests, judged.past) == ((check,), {"corpus": "1"}, {"a": "1", "b": "2"})


def test_the_checks_that_decided_come_worst_kind_first(lake: Lake) -> None:
    kinds = [("warn", "failed"), ("info", "failed"), ("block", "failed"), ("warn", "error"), ("block", "passed")]
    checks = [Check(f"{severity} {status}", severity, status) for severity, status in kinds]  # type: ignore[arg-type]
    names = [check.name for check in judge(lake, "error", checks=checks).failing]
    assert names == ["warn error", "block failed", "warn failed"]


def test_a_verdict_of_an_earlier_version_still_loads(lake: Lake) -> None:
    judge(lake, "pass")
    [key] = lake.storage.list(f"verdicts/{SUBJECT}")
    body = json.loads(lake.storage.get(key) or b"")
    old = {name: body["checks"][0][name] for name in ("name", "severity", "status", "observed", "bound", "note")}
    del body["past"]
    lake.storage.delete(key)
    lake.storage.put_if_absent(key, json.dumps({**body, "checks": [old]}).encode())
    assert require_approved(lake, SUBJECT).checks[0].history == {}


def test_the_evidence_is_the_stored_object_whatever_fields_later_versions_have(lake: Lake) -> None:
    judge(lake, "warn")
    [key] = lake.storage.list(f"verdicts/{SUBJECT}")
    body = json.loads(lake.storage.get(key) or b"")
    assert "digest" not in body
    del body["past"], body["checks"][0]["exception"]
    old = json.dumps(body).encode()
    lake.storage.delete(key)
    lake.storage.put_if_absent(key, old)
    answer(lake, Answer(hashlib.sha256(old).hexdigest(), "approve", "rita", "seen", "airflow"))
    assert require_approved(lake, SUBJECT).digest == hashlib.sha256(old).hexdigest()


def test_the_first_verdict_for_the_same_question_stands(lake: Lake) -> None:
    first = judge(lake, "block")
    assert judge(lake, "pass") == first
    assert judge(lake, "pass", history="other").outcome == "pass"


def test_the_newest_verdict_counts(lake: Lake) -> None:
    judge(lake, "pass", suite="1")
    judge(lake, "block", suite="2")
    with pytest.raises(NotApproved):
        require_approved(lake, SUBJECT)
    judge(lake, "pass", suite="3")
    assert require_approved(lake, SUBJECT).suite == "3"


@pytest.mark.parametrize("outcomes", [("pass", "block"), ("block", "pass")])
def test_bounds_that_are_taken_back_bring_their_verdict_back(lake: Lake, outcomes: tuple[Outcome, Outcome]) -> None:
    first, second = outcomes
    judge(lake, first, suite="1")
    judge(lake, second, suite="2")
    judged_again = judge(lake, first, suite="1")
    assert judged_again.outcome == first
    assert latest(lake, SUBJECT) == judged_again


def test_pass_approves_by_itself(lake: Lake) -> None:
    verdict = judge(lake, "pass")
    assert require_approved(lake, SUBJECT) == verdict
    assert approval(lake, verdict) is None


@pytest.mark.parametrize("outcome", ["block", "error"])
def test_block_and_error_are_approved_by_nobody(lake: Lake, outcome: Outcome) -> None:
    verdict = judge(lake, outcome)
    say(lake, verdict)
    assert not approved(lake, verdict)
    assert approval(lake, verdict) is None
    with pytest.raises(NotApproved, match=rf"555555555555 has the verdict '{outcome}' \(kept share\); see docs"):
        require_approved(lake, SUBJECT)


def test_warn_waits_for_a_reviewer_whose_newest_answer_counts(lake: Lake) -> None:
    verdict = judge(lake, "warn")
    with pytest.raises(NotApproved, match="waits for a reviewer; see `gristmill verdict list`"):
        require_approved(lake, SUBJECT)
    say(lake, verdict, "reject", "half the hosts are gone")
    with pytest.raises(NotApproved, match="was rejected by rita: half the hosts are gone"):
        require_approved(lake, SUBJECT)
    given = say(lake, verdict, "approve", "they moved")
    assert require_approved(lake, SUBJECT) == verdict
    assert answer_to(lake, verdict) == given
    assert approval(lake, verdict) == {
        "evidence": verdict.digest, "decision": "approve", "who": "rita", "reason": "they moved", "via": "airflow",
        "run_id": "run", "answered_at": given.answered_at,
    }  # fmt: skip


def test_an_answer_belongs_to_one_verdict(lake: Lake) -> None:
    say(lake, judge(lake, "warn", suite="1"))
    judge(lake, "warn", suite="2")
    with pytest.raises(NotApproved, match="waits for a reviewer"):
        require_approved(lake, SUBJECT)


@pytest.mark.parametrize("first", ["pass", "warn"])
@pytest.mark.parametrize("second", ["pass", "warn", "block", "error"])
def test_a_newer_history_adds_a_verdict_beside_and_takes_no_approval_back(
    lake: Lake, first: Outcome, second: Outcome
) -> None:
    before = judge(lake, first, history="1")
    say(lake, before)
    beside = judge(lake, second, history="2", in_force=lambda: first == "pass")
    assert (beside.outcome, beside.history) == (second, "2")
    assert require_approved(lake, SUBJECT) == before
    assert len(lake.storage.list(f"verdicts/{SUBJECT}")) == 2


@pytest.mark.parametrize("moment", ["before", "after"])
def test_an_approval_that_comes_while_a_newer_history_is_stored_counts(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    before = judge(lake, "warn", history="1")
    swap, swaps = lake.storage.compare_and_swap, 0

    def answered(key: str, expected: bytes | None, new: bytes) -> bool:
        nonlocal swaps
        swaps += 1
        if moment == "before":
            say(lake, before)
        done = swap(key, expected, new)
        if moment == "after":
            say(lake, before)
        return done

    monkeypatch.setattr(lake.storage, "compare_and_swap", answered)
    judge(lake, "block", history="2")
    assert require_approved(lake, SUBJECT) == before
    assert swaps == 2


def test_a_judge_who_comes_in_between_is_looked_at_anew(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    judge(lake, "block", history="1")
    swap = lake.storage.compare_and_swap

    def passed(key: str, expected: bytes | None, new: bytes) -> bool:
        monkeypatch.setattr(lake.storage, "compare_and_swap", swap)
        judge(lake, "pass", history="2")
        return swap(key, expected, new)

    monkeypatch.setattr(lake.storage, "compare_and_swap", passed)
    judge(lake, "block", history="3", in_force=lambda: True)
    assert require_approved(lake, SUBJECT).history == "2"


@pytest.mark.parametrize("second", ["pass", "warn", "block"])
def test_a_newer_history_counts_where_nothing_rests_on_the_pass_before(lake: Lake, second: Outcome) -> None:
    judge(lake, "pass", history="1")
    assert judge(lake, second, history="2") == latest(lake, SUBJECT)


def test_a_release_while_a_newer_history_is_stored_keeps_its_pass(lake: Lake) -> None:
    before = judge(lake, "pass", history="1")
    answers = iter([False, True])
    judge(lake, "block", history="2", in_force=lambda: next(answers))
    assert require_approved(lake, SUBJECT) == before


@pytest.mark.parametrize("first", ["warn", "block", "error"])
def test_a_newer_history_counts_where_nothing_was_approved(lake: Lake, first: Outcome) -> None:
    judge(lake, first, history="1")
    assert judge(lake, "pass", history="2") == require_approved(lake, SUBJECT)


def test_other_bounds_take_an_approval_back(lake: Lake) -> None:
    say(lake, judge(lake, "warn", suite="1"))
    judge(lake, "block", suite="2")
    with pytest.raises(NotApproved):
        require_approved(lake, SUBJECT)


def test_the_current_verdicts_come_newest_first(lake: Lake) -> None:
    first, second = judge(lake, "pass"), judge(lake, "warn", subject="6" * 64)
    assert standing(lake) == [second, first]


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
