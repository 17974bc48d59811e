"""The verdict in one sentence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gristmill.approvals import Answer, answer
from gristmill.verdicts import Check
from quality.views.judgement import BADGES, check_state, grouped, judgement
from tests.quality.views.pages import WARNED, judge, released

PASSED = Check("records balance", "block", "passed", 0.0, {"max": 0}, "why", "contract")
FAILED = replace(PASSED, status="failed", observed=3.0)
LITTLE = replace(PASSED, name="drift", status="info", observed=None)
BROKEN = replace(PASSED, name="files read", status="error", observed=None)


def said(mill: Any, subject: str | None = None) -> tuple[str, str]:
    found = judgement(mill.lake, "tiny", subject)
    return found.state, found.sentence


def test_what_was_not_judged_says_so(mill: Any) -> None:
    assert said(mill) == ("none", "Not judged: the gate did not run on these datasets.")
    assert said(mill, "0" * 64)[0] == "none"


@pytest.mark.parametrize(
    ("checks", "sentence"),
    [
        ([PASSED], "Passed: its one check passed."),
        ([PASSED, LITTLE], "Passed: 1 of 2 checks passed, 1 had too little data to judge."),
        (
            [PASSED, replace(FAILED, severity="info")],
            "Passed: 1 of 2 checks passed, 1 is out of bounds, for information only.",
        ),
    ],
)
def test_a_pass_counts_its_checks(mill: Any, checks: list[Check], sentence: str) -> None:
    verdict = judge(mill, "pass", checks)
    assert said(mill, verdict.subject) == ("pass", sentence)
    released(mill)
    assert said(mill, verdict.subject) == ("pass", sentence.replace("Passed", "Released", 1))


@pytest.mark.parametrize(
    ("outcome", "checks", "sentence"),
    [
        ("block", [PASSED, FAILED],
         "Blocked, and nothing was released: records balance is 3, allowed is 0 or less."),
        ("error", [FAILED, BROKEN],
         "Could not be judged, and nothing was released: files read could not be measured, and 1 more check."),
        ("warn", [PASSED, WARNED],
         "Waits for a reviewer: language mix is 0.21, allowed is 0.1 or less (worst: de)."),
    ],
)  # fmt: skip
def test_what_does_not_release_says_why(mill: Any, outcome: Any, checks: list[Check], sentence: str) -> None:
    verdict = judge(mill, outcome, checks)
    assert said(mill, verdict.subject) == (outcome, sentence)


def test_an_answer_is_part_of_the_sentence(mill: Any) -> None:
    verdict = judge(mill, "warn", [WARNED])
    answer(mill.lake, Answer(verdict.digest, "reject", "eva", "too much German", "airflow"))
    state, sentence = said(mill, verdict.subject)
    assert state == "rejected"
    assert sentence.startswith("Rejected by eva, who says: “too much German” The finding: language mix is 0.21")
    answer(mill.lake, Answer(verdict.digest, "approve", "eva", "a new source", "command line"))
    assert said(mill, verdict.subject)[1].startswith("Approved by eva")
    released(mill)
    found = judgement(mill.lake, "tiny", verdict.subject)
    assert found.sentence.startswith("Released after review by eva")
    assert [given.reason for given in found.answers] == ["a new source", "too much German"]


def test_who_let_the_time_pass_has_answered_nothing(mill: Any) -> None:
    verdict = judge(mill, "warn", [WARNED])
    answer(mill.lake, Answer(verdict.digest, "reject", "nobody", "no answer within 24 hours", "time-out"))
    state, sentence = said(mill, verdict.subject)
    assert state == "warn"
    assert sentence.startswith("Waits for a reviewer: language mix is 0.21")


def test_every_state_of_a_check_has_its_own_sign_and_words() -> None:
    checks = [PASSED, FAILED, WARNED, replace(FAILED, severity="info"), BROKEN, LITTLE]
    states = [check_state(check) for check in checks]
    assert len(set(states)) == len(checks)
    assert len({BADGES[state][1] for state in states}) == len(checks)


def test_checks_are_grouped_in_the_order_of_the_headings_and_none_is_lost() -> None:
    checks = [WARNED, PASSED, replace(PASSED, group="of another version"), replace(FAILED, group="")]
    found = grouped(checks)
    assert [heading for heading, _ in found] == ["Contract", "Drift against earlier snapshots", "Other checks"]
    assert sum(len(mine) for _, mine in found) == len(checks)
