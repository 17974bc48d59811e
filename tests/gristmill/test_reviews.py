"""Reviews: what waits stands on top, under the name by which a person knows it."""

from __future__ import annotations

import pytest

from gristmill.approvals import Answer, answer
from gristmill.lake import Lake
from gristmill.ledger import attempt
from gristmill.reviews import ReviewError, find, reviews
from gristmill.verdicts import Outcome, Verdict, record


def judged(lake: Lake, scope: str, digit: str, outcome: Outcome, kind: str = "snapshot") -> Verdict:
    verdict = record(lake, subject=digit * 64, kind=kind, suite="1", history="", outcome=outcome, checks=[], digests={})
    with attempt(lake, stage=f"gate.{kind}", scope=scope, config={}, inputs={}) as current:
        current.summary.update({"verdict": outcome, "subject": digit * 64})
    return verdict


def test_what_waits_comes_first_then_the_newest(lake: Lake) -> None:
    for scope, digit, outcome in (("a", "1", "warn"), ("b", "2", "pass"), ("c", "3", "block"), ("d", "4", "error")):
        judged(lake, scope, digit, outcome)  # type: ignore[arg-type]
    assert [(review.scope, review.state) for review in reviews(lake)] == [
        ("a", "waits for a reviewer"), ("d", "could not be judged"), ("c", "blocked"), ("b", "passed")
    ]  # fmt: skip


def test_an_answer_changes_the_state_but_a_time_out_leaves_it_waiting(lake: Lake) -> None:
    verdict = judged(lake, "a", "1", "warn")
    answer(lake, Answer(verdict.digest, "reject", "nobody", "no answer", "time-out"))
    assert find(lake, "a").waiting
    answer(lake, Answer(verdict.digest, "reject", "rita", "no", "airflow"))
    assert (find(lake, "a").waiting, find(lake, "a").state) == (False, "rejected by rita")
    answer(lake, Answer(verdict.digest, "approve", "rita", "yes", "airflow"))
    assert find(lake, "a").state == "approved by rita"


def test_a_name_means_what_its_gate_judged_last(lake: Lake) -> None:
    judged(lake, "run", "1", "pass", "tokens")
    model = judged(lake, "run", "2", "warn", "model")
    assert find(lake, "run").verdict == model
    judged(lake, "run", "1", "pass", "tokens")
    assert find(lake, "run").verdict.kind == "tokens"


def test_runs_that_share_what_was_judged_are_all_found(lake: Lake) -> None:
    shared = judged(lake, "older", "1", "warn", "tokens")
    judged(lake, "newer", "1", "warn", "tokens")
    assert [(find(lake, name).scope, find(lake, name).verdict) for name in ("older", "newer")] == [
        ("older", shared), ("newer", shared)
    ]  # fmt: skip
    assert [review.scope for review in reviews(lake)] == ["newer"]


def test_a_digest_is_found_by_its_beginning(lake: Lake) -> None:
    verdict = judged(lake, "a", "1", "warn")
    assert find(lake, "1" * 12).verdict == find(lake, verdict.digest[:12]).verdict == verdict
    assert find(lake, "1" * 12).scope == "a"
    for name in ("1", "b", "9" * 64):
        with pytest.raises(ReviewError, match="no gate judged"):
            find(lake, name)


def test_a_digest_that_means_several_is_refused(lake: Lake) -> None:
    for subject in ("1" * 63 + "2", "1" * 64):
        record(lake, subject=subject, kind="model", suite="1", history="", outcome="warn", checks=[], digests={})
    with pytest.raises(ReviewError, match="2 verdicts begin with"):
        find(lake, "1" * 10)
    assert reviews(lake)[0].scope == "1" * 12
