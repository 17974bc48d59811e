"""Alerts: readable, with numbers and a link, and without a word of what was crawled."""

from __future__ import annotations

import pytest

from gristmill.alerts import failed_alert, gate_alert, late_alert
from gristmill.lake import Lake
from gristmill.verdicts import Check, Outcome, record

LINK = "http://127.0.0.1:8080/quality/?run_id=r"
CANARY = "canary.example"


def verdict(lake: Lake, outcome: Outcome, *checks: Check):  # type: ignore[no-untyped-def]
    return record(
        lake, subject="5" * 64, kind="snapshot", suite="1", history="", outcome=outcome, checks=checks, digests={}
    )


def test_a_warning_names_the_failed_checks_with_numbers_and_bounds(lake: Lake) -> None:
    checks = (
        Check("language drift", "warn", "failed", 0.3123456789, {"max": 0.2, "strict": True}),
        Check("kept share", "block", "passed", 0.5, {"min": 0.1}),
    )
    alert = gate_alert(verdict(lake, "warn", *checks), "snap", LINK)
    assert alert.event == "warn"
    assert alert.title == "Gristmill: the snapshot gate says WARN on snap"
    assert alert.text == "\n".join([
        alert.title, "It waits for a reviewer; until one approves it, nothing is released.", "",
        "- language drift (warn): 0.312346; bounds: max 0.2", "", LINK,
    ])  # fmt: skip


@pytest.mark.parametrize("outcome", ["block", "error"])
def test_a_block_says_that_nothing_is_released(lake: Lake, outcome: Outcome) -> None:
    status = "failed" if outcome == "block" else "error"
    check = Check("lost bytes", "block", status, None, {"max": 0.001})  # type: ignore[arg-type]
    alert = gate_alert(verdict(lake, outcome, check), "snap", LINK)
    assert (alert.event, alert.link) == (outcome, LINK)
    assert "The run is stopped; nothing is released." in alert.text
    assert ("could not be measured" in alert.text) == (outcome == "error")


def test_no_crawled_text_is_in_a_message(lake: Lake) -> None:
    check = Check(
        "hosts", "warn", "failed", CANARY, {"max": 0.2, "of": CANARY}, CANARY, history={CANARY: 0.1},
        offenders=((CANARY, 0.9),), exception=CANARY,
    )  # fmt: skip
    assert CANARY not in gate_alert(verdict(lake, "warn", check), "snap", LINK).text


def test_a_name_is_one_line_of_plain_text(lake: Lake) -> None:
    check = Check("a\nBcc: x\x1b[2J\u202e" + "x" * 500, "warn", "failed", 1.0)
    alert = gate_alert(verdict(lake, "warn", check), "snap\r\nBcc: y", LINK)
    assert "\n" not in alert.title
    assert not set("\r\x1b\u202e") & set(alert.text)
    assert max(map(len, alert.text.splitlines())) < 200


def test_a_late_run_says_since_when(lake: Lake) -> None:
    alert = late_alert("crawl_snapshot", "snap", 24.0, LINK)
    assert alert.event == "late"
    assert alert.title == "Gristmill: crawl_snapshot on snap is late"
    assert "queued more than 24 hours ago and has not ended" in alert.text
    assert alert.text.endswith(LINK)


def test_a_failed_task_is_named_on_one_line() -> None:
    alert = failed_alert("crawl_snapshot", "extract", "snap\nBcc: y", LINK)
    assert (alert.event, alert.link) == ("failed", LINK)
    assert alert.title == r"Gristmill: crawl_snapshot on snap\x0aBcc: y failed at extract"
    assert "is not tried again. Its log says why" in alert.text
    assert alert.text.endswith(LINK)
