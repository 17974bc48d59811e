"""Answers: who, when, why; numbered, never changed, the newest last."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gristmill.approvals import MAX_REASON, Answer, answer, answers
from gristmill.errors import UserError
from gristmill.lake import Lake

GIVEN = Answer("e" * 64, "approve", "rita", "compared by hand", "airflow", "run 1")


def test_an_answer_is_stored_with_its_time(lake: Lake) -> None:
    stored = answer(lake, GIVEN)
    assert replace(stored, answered_at="") == GIVEN
    assert stored.answered_at.endswith("+00:00")
    assert answers(lake, GIVEN.evidence) == [stored]
    assert answers(lake, "f" * 64) == []


def test_a_task_that_is_tried_again_adds_no_second_answer(lake: Lake) -> None:
    assert answer(lake, GIVEN) == answer(lake, replace(GIVEN, reason="  compared\n by hand "))
    assert len(answers(lake, GIVEN.evidence)) == 1


def test_answers_stand_in_the_order_in_which_they_were_given(lake: Lake) -> None:
    reject = replace(GIVEN, decision="reject", reason="no")
    for given in (GIVEN, reject, GIVEN):
        answer(lake, given)
    assert [each.decision for each in answers(lake, GIVEN.evidence)] == ["approve", "reject", "approve"]


@pytest.mark.parametrize("reason", ["", " \n\t", "\u00a0"])
def test_a_reason_is_required(lake: Lake, reason: str) -> None:
    with pytest.raises(UserError, match="a reason is required"):
        answer(lake, replace(GIVEN, reason=reason))
    assert answers(lake, GIVEN.evidence) == []


def test_a_reason_has_an_end(lake: Lake) -> None:
    answer(lake, replace(GIVEN, reason="x" * MAX_REASON))
    with pytest.raises(UserError, match=f"has {MAX_REASON + 1} characters"):
        answer(lake, replace(GIVEN, reason="x" * (MAX_REASON + 1)))


def test_of_two_reviewers_at_once_both_are_heard(lake: Lake, concurrently: Any) -> None:
    other = replace(GIVEN, who="rolf", decision="reject")
    concurrently(lambda: answer(lake, GIVEN), lambda: answer(lake, other))
    assert sorted(each.who for each in answers(lake, GIVEN.evidence)) == ["rita", "rolf"]
