"""What a reviewer reads: the numbers, and nothing of a crawled name that Markdown would act on."""

from __future__ import annotations

import re

import pytest

from gristmill.airflow.request_text import body, code, evidence_mark, subject
from gristmill.verdicts import Check, Verdict

LINK = "http://127.0.0.1:8080/quality/?run_id=r"
HOSTILE = [
    "<img src=x onerror=alert(1)>", "[click](javascript:alert(1))", "http://evil.example/", "a`b`<b>", "a|b|c",
    "x\n\n# heading", "\u202eevil", "\x1b[2J", "![](http://evil.example/p.png)", "{{ 7*7 }}", "`" * 20,
]  # fmt: skip


def verdict(*checks: Check) -> Verdict:
    return Verdict("5" * 64, "snapshot", "1", "", "warn", checks, {}, "2026-03-01T00:00:00+00:00", digest="e" * 64)


def outside_code(text: str) -> str:
    """What Markdown reads: the text without its code spans."""
    return re.sub(r"`[^`\n]*`", "", text)


def test_the_request_has_the_failed_checks_with_numbers_bounds_history_and_a_link() -> None:
    failed = Check(
        "language drift", "warn", "failed", 0.3123456789, {"max": 0.2}, "a new mix of languages", "drift", "m",
        {"early": 0.1, "late": 0.12}, (("de", 0.4),), "agreed until May",
    )  # fmt: skip
    text = body(verdict(failed, Check("kept share", "block", "passed", 0.5)), "snap", LINK, 48)
    assert "1 of 2 checks failed" in text
    assert "| `language drift` | 0.312346 | max 0.2 | 2 earlier releases |" in text
    assert "- `language drift`: `a new mix of languages`" in text
    assert "earlier: `early` 0.1, `late` 0.12" in text
    assert "worst: `de` 0.4" in text
    assert "`agreed until May`" in text
    assert f"({LINK})" in text
    assert "within 48 hours it is rejected" in text
    assert evidence_mark(verdict(failed, Check("kept share", "block", "passed", 0.5))) in text
    assert "kept share" not in text
    assert subject(verdict(failed), "snap") == "Release snapshot snap?"


@pytest.mark.parametrize("text", HOSTILE)
def test_crawled_names_stay_in_code_spans(text: str) -> None:
    check = Check(text, "warn", "failed", 1.0, {"max": 0.5}, text, history={text: 1.0}, offenders=((text, 2.0),))
    made = body(verdict(check), text, LINK, 1)
    plain = body(verdict(Check("x", "warn", "failed", 1.0, {"max": 0.5}, "x", history={"x": 1.0},
                               offenders=(("x", 2.0),))), "x", LINK, 1)  # fmt: skip
    assert outside_code(made) == outside_code(plain)
    assert len(made.splitlines()) == len(plain.splitlines())
    assert made.count("|") == plain.count("|")
    assert not set("\x1b\u202e") & set(made)


def test_long_names_and_many_checks_are_cut() -> None:
    assert len(code("x" * 10_000)) == 82
    assert code("") == "–"
    checks = [Check(f"check {i}", "warn", "failed", float(i)) for i in range(1000)]
    text = body(verdict(*checks), "snap", LINK, 1)
    assert "970 more are in the report" in text
    assert len(text) < 20_000
