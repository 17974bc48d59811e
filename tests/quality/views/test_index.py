"""The list of reports."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from gristmill.approvals import Answer, answer
from gristmill.catalogue import Catalogue
from gristmill.verdicts import Verdict
from quality import archive
from quality.views import index, links
from tests.quality.views.pages import PAYLOADS, WARNED, Page, judge, released
from tests.quality.views.test_training import gated

WEB = links.web("/quality")


def report(mill: Any, run_id: str, verdict: str = "pass", snapshot: str = "tiny", **facts: Any) -> None:
    archive.publish(mill.lake, snapshot, run_id, run_id, {}, verdict, facts=facts)


def test_a_verdict_that_warned_waits_on_top_until_a_reviewer_has_answered(mill: Any) -> None:
    verdict = judge(mill, "warn", [WARNED])
    report(mill, "run 1", "warn", subject=verdict.subject, documents=5, kept=2)
    words = Page(index.page(mill.lake, WEB)).words
    assert "1 snapshot waits for a reviewer" in words
    assert "language mix is 0.21, allowed is 0.1 or less" in words
    assert words.index("Waiting for a reviewer") < words.index("All reports")
    answer(mill.lake, Answer(verdict.digest, "approve", "eva", "a new source", "airflow"))
    words = Page(index.page(mill.lake, WEB)).words
    assert "Nothing waits for a reviewer" in words
    assert "✓ Approved eva: a new source" in words
    released(mill)
    assert "Approved released eva" in Page(index.page(mill.lake, WEB)).words


def test_only_the_newest_report_of_a_snapshot_can_wait(mill: Any) -> None:
    verdict = judge(mill, "warn", [WARNED])
    report(mill, "run 1", "warn", subject=verdict.subject)
    old, new = {"snapshot": "a", "n": 1}, {"snapshot": "a", "n": 2}
    assert index.newest([new, old, {"snapshot": "b"}]) == [new, {"snapshot": "b"}]


def test_filters_leave_what_they_name(mill: Any) -> None:
    Catalogue(mill.lake).add("other", date(2024, 4, 1), [mill.snapshot.files[0].path])
    report(mill, "run 1", "pass")
    report(mill, "run 2", "block")
    report(mill, "run 3", "pass", "other")
    for filters, shown in (
        ({}, ["run 1", "run 2", "run 3"]), ({"state": "block"}, ["run 2"]), ({"snapshot": "oth"}, ["run 3"]),
        ({"run_id": "run 1"}, ["run 1"]), ({"state": "pass", "snapshot": "tiny"}, ["run 1"]),
        ({"state": "error"}, []), ({"state": "no such state"}, []),
    ):  # fmt: skip
        words = Page(index.page(mill.lake, WEB, **filters)).words
        assert [run for run in ("run 1", "run 2", "run 3") if run in words] == shown
        assert ("No report yet that fits the filter" in words) == (not shown)


def test_a_hundred_reports_are_on_a_page(mill: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pointers = [
        {"snapshot": "tiny", "key": f"k{n}", "run_id": f"run {n:03d}", "verdict": "pass", "written": "", "report": "d"}
        for n in range(250)
    ]
    monkeypatch.setattr(index, "pointers", lambda _: pointers)
    seen = []
    for number in (1, 2, 3):
        page = Page(index.page(mill.lake, WEB, number=number))
        seen += [word for word in page.values("a", "href") if "/reports/" in word]
    assert seen == [f"/quality/reports/tiny/k{n}" for n in range(250)]
    for number, other in ((0, 1), (-5, 1), (99, 3)):
        assert index.page(mill.lake, WEB, number=number) == index.page(mill.lake, WEB, number=other)
    assert "?snapshot=&state=&run_id=&page=2" in Page(index.page(mill.lake, WEB)).values("a", "href")


def test_a_plain_list_links_to_the_folders_beside_and_has_no_form(mill: Any) -> None:
    own = {"snapshot": "tiny", "key": "k", "run_id": "r", "verdict": "pass", "written": "2024-01-01T00:00:00"}
    page = Page(index.plain_page(mill.lake, own, links.files()))
    assert "../tiny/report.html" in page.values("a", "href")
    assert not [tag for tag, _ in page.tags if tag == "form"]


def test_hostile_words_are_text(mill: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    verdict = judge(mill, "warn", [WARNED])
    for payload in PAYLOADS:
        _check_words(mill, monkeypatch, payload, verdict)


def _check_words(mill: Any, monkeypatch: pytest.MonkeyPatch, payload: str, verdict: Verdict) -> None:
    reason = payload[:1000].encode("utf-8", "ignore").decode() + " why"
    answer(mill.lake, Answer(verdict.digest, "reject", reason, reason, "airflow"))
    pointer = {"snapshot": "tiny", "key": payload[:99], "run_id": payload, "verdict": "warn", "written": payload,
               "report": "d", "subject": verdict.subject}  # fmt: skip
    monkeypatch.setattr(index, "pointers", lambda _: [pointer])
    for filters in ({}, {"snapshot": payload}, {"state": payload}):
        Page(index.page(mill.lake, WEB, **filters)).check_harmless()


def test_a_report_of_an_earlier_version_is_listed(mill: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "pointers", lambda _: [{"report": "d", "run_id": "r", "snapshot": "tiny", "key": "k"}])
    assert "tiny – Not judged – – – r" in Page(index.page(mill.lake, WEB)).words


def test_training_that_waits_is_on_top_too_until_somebody_answers(mill: Any) -> None:
    tokens = gated(mill, "mini-z1-abc", "warn")
    page = Page(index.page(mill.lake, WEB))
    page.check_harmless()
    assert "1 verdict on training waits for a reviewer" in page.words
    assert "mini-z1-abc tokens packing waste is 0.3, allowed is 0.1 or less" in page.words
    assert "Nothing waits" not in page.words
    assert "/quality/runs/mini-z1-abc" in page.values("a", "href")
    assert "mini-z1-abc" not in index.page(mill.lake, WEB, training=False)
    answer(mill.lake, Answer(tokens.digest, "reject", "nobody", "no answer within 24 hours", "time-out"))
    assert "1 verdict on training waits" in Page(index.page(mill.lake, WEB)).words
    answer(mill.lake, Answer(tokens.digest, "approve", "eva", "short rows", "airflow"))
    gated(mill, "other", "block", "model", "8" * 64)
    assert "Nothing waits for a reviewer" in Page(index.page(mill.lake, WEB)).words


def test_a_snapshot_whose_time_passed_still_waits(mill: Any) -> None:
    verdict = judge(mill, "warn", [WARNED])
    report(mill, "run 1", "warn", subject=verdict.subject)
    answer(mill.lake, Answer(verdict.digest, "reject", "nobody", "no answer within 24 hours", "time-out"))
    words = Page(index.page(mill.lake, WEB)).words
    assert "1 snapshot waits for a reviewer" in words
    assert "! Waits for a reviewer language mix is 0.21, allowed is 0.1 or less" in words
    assert "✕ Rejected" not in words
