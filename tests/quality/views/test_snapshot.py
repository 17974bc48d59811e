"""The snapshot's page: it says what happened and why, and nothing that was crawled can become markup in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gristmill import ledger, verdicts
from gristmill.approvals import Answer, answer
from gristmill.verdicts import Check
from quality import marks
from quality.views import links, snapshot
from quality.views.words import safe
from tests.quality.views.pages import INVISIBLE, PAYLOADS, WARNED, Page, judge

Mills = Callable[..., Any]
LINKS = links.files()


def values_of(mill: Any, run_id: str = "run") -> dict[str, Any]:
    return snapshot.context(mill.lake, mill.snapshot, mill.digests, run_id)


def page_of(mill: Any) -> Page:
    return Page(snapshot.page(mill.lake, mill.snapshot, mill.digests, "run", LINKS))


def removed_for(payloads: Sequence[str]) -> dict[str, tuple[Any, ...]]:
    """Removed documents of which everything is a payload, each by a rule of its own."""
    whole = [p.encode("utf-8", "ignore").decode()[:5000] for p in payloads]
    return {chr(ord("f") + i): (p, p, p, p, f"rule {i}", None, None) for i, p in enumerate(whole)}


def tamed(payloads: Sequence[str]) -> list[str]:
    """Letters in their place, as long in characters and in bytes, and as different from each other."""
    return [re.sub("[\x00-\x7f]", chr(ord("a") + i), payload) for i, payload in enumerate(payloads)]


@pytest.mark.parametrize("payloads", [PAYLOADS[:9], PAYLOADS[9:]], ids=["first", "second"])
def test_hostile_text_never_becomes_markup(
    mills: Mills, tmp_path_factory: pytest.TempPathFactory, payloads: list[str]
) -> None:
    pages = []
    for name, texts in (("tame", tamed(payloads)), ("hostile", payloads)):
        mill = mills(removed_for(texts), tmp_path_factory.mktemp(name))
        mill.measure()
        pages.append(page_of(mill))
    tame, found = pages
    assert [tag for tag, _ in found.tags] == [tag for tag, _ in tame.tags]
    found.check_harmless()
    for payload in payloads:
        assert found.words.count(safe(payload)[:12]) >= 2, "url and text"


def test_hostile_words_of_people_and_keys_never_become_markup(values: dict[str, Any]) -> None:
    for payload in PAYLOADS:
        _check_words(values, payload)


def _check_words(values: dict[str, Any], payload: str) -> None:
    check = replace(WARNED, name=payload, note=payload, offenders=((payload, 1.0),), exception=payload)
    given = Answer("e" * 64, "approve", payload, payload, payload, payload, payload)
    judged = replace(values["judged"], answers=[given], sentence=payload)
    shown = {"open": [("Drift", [snapshot.ShownCheck(check, "warned", None)])], "short": [], "passed": []}
    changed = {**values, "run_id": payload, "judged": judged, "checks": shown, "never_fired": [payload],
               "silent": [payload], "not_measured": [(payload, 1)], "other_records": [(payload, 1)],
               "policy": (payload, "d"), "repeated": [{"pages": 1, "host": payload, "text": payload}]}  # fmt: skip
    page = Page(snapshot.render(changed, LINKS))
    page.check_harmless()
    assert page.words.count(safe(payload)[:12]) >= 8


def test_a_page_needs_nothing_from_outside_and_runs_nothing(mill: Any) -> None:
    judge(mill)
    html = snapshot.page(mill.lake, mill.snapshot, mill.digests, "run", LINKS)
    Page(html).check_harmless()
    assert "url(" not in html
    assert "@import" not in html
    assert html.count("<style>") == 1
    assert len(html) < 400_000


@pytest.fixture
def values(mill: Any) -> dict[str, Any]:
    judge(mill)
    return values_of(mill)


@given(text=st.text(max_size=400))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25)
def test_any_text_at_all_leaves_the_structure_of_the_page_alone(values: dict[str, Any], text: str) -> None:
    def with_text(words: str) -> str:
        document = {"url": words, "text": words, "value": None, "threshold": None}
        rules = [replace(rule, documents=[document]) for rule in values["rules"]]
        clusters = [{"size": 2, "urls": [words]}]
        return snapshot.render({**values, "rules": rules, "duplicates": clusters, "run_id": words}, LINKS)

    page = with_text(text)
    assert Page(page).tags == Page(with_text("x")).tags
    assert not [c for c in INVISIBLE if c in page]


def test_a_page_shows_what_went_in_what_left_and_why(values: dict[str, Any]) -> None:
    words = Page(snapshot.render(values, LINKS)).words
    for shown in ("too_short", "exact_duplicate", "near_duplicate", "https://two.example/e", "kurz", "40.0 %",
                  "not_html", "one.example", "de", "records balance", "Passed: its one check passed."):  # fmt: skip
        assert shown in words


def test_the_funnel_goes_from_records_to_tokens(values: dict[str, Any]) -> None:
    assert values["flow"].rows == (
        ("records read", "8", "0"), ("documents with text", "5", "3"), ("keep all rules", "4", "1"),
        ("without duplicates", "2", "2"), ("in the corpus", "2", "0"), ("≈ 180 tokens (estimate)", "2", "0"),
    )  # fmt: skip


def test_failing_checks_are_open_and_come_first_and_passed_ones_are_folded(mill: Any) -> None:
    passed = Check("balance", "block", "passed", 0.0, {"max": 0}, "why", "contract")
    noted = Check("never", "info", "failed", 1.0, {"max": 0}, "why", "contract")
    little = Check("few", "warn", "info", None, {"max": 0}, "why", "contract")
    judge(mill, "warn", [passed, noted, WARNED, little])
    html = snapshot.page(mill.lake, mill.snapshot, mill.digests, "run", LINKS)
    words = Page(html).words
    assert words.index("language mix 0.21 0.1 or less") < words.index("never 1 0 or less")
    assert words.index("never 1 0 or less") < words.index("1 check had too little data to judge") < words.index("few –")
    assert words.index("few –") < words.index("1 check passed") < words.index("balance 0 0 or less")
    assert "language mix before and now" in words
    assert "before-1: 0.02" in words
    assert "<b>fr</b>: 0.3" in words
    assert html.count('<details class="fold">') == 2


def test_answers_are_shown_with_who_when_why_and_evidence(mill: Any) -> None:
    verdict = judge(mill, "warn", [WARNED])
    for decision, reason in (("reject", "too much"), ("approve", "a new source")):
        answer(mill.lake, Answer(verdict.digest, decision, "eva", reason, "airflow", "run 7", "2026-11-24T10:00:00"))
    words = page_of(mill).words
    assert "Approved by eva on 2026-11-24 10:00 UTC (airflow, run run 7): a new source" in words
    assert "Rejected by eva" in words
    assert words.count(verdict.digest) == 3, "the evidence of both answers, and the verdict itself"


def test_marks_of_reviewers_give_a_rule_its_precision(mill: Any) -> None:
    for doc_id in range(9):
        given = marks.Mark("tiny", doc_id, "too_short", marks.RANDOM, doc_id > 0, "eva", mill.digests["decisions"])
        marks.mark(mill.lake, given)
    assert "reviewers call 8 of 9 right: precision 56.5 % to 98.0 %" in page_of(mill).words


def test_rules_that_never_fired_and_those_that_could_not_be_measured_are_named(mill: Any) -> None:
    words = page_of(mill).words
    assert "Never fired" not in words
    assert "not be measured" not in words
    entry, other = mill.lake.manifest(mill.digests["decisions"]).files
    account = replace(
        entry.account, removed={**entry.account.removed, "b_rule": 0, "a_rule": 0, "too_short": 0},
        other={"not_measured:stop_words": 2},
    )  # fmt: skip
    tables = {f.unit: (mill.lake.read_file(f), f.account) for f in (entry, other)}
    mill.publish("decisions", {**tables, entry.unit: (tables[entry.unit][0], account)})
    mill.measure()
    words = page_of(mill).words
    assert "Never fired: a_rule, b_rule" in words
    assert "Never fired: a_rule, b_rule, " not in words
    assert words.count("a_rule") == 1, "neither in the chart nor among the examples"
    assert "could not be measured on some documents, which they therefore did not judge: stop_words 2." in words
    assert "Masked in the corpus: 2 places." in words


def test_the_verdict_shown_is_the_one_on_these_digests(mill: Any) -> None:
    judge(mill)
    assert values_of(mill)["judged"].state == "pass"
    mill.edit("corpus", lambda row: row.update(title="another"))
    other: verdicts.Verdict | None = values_of(mill)["judged"].verdict
    assert other is None


def test_the_cost_is_that_of_the_run_and_scaled_to_a_million_documents(mill: Any) -> None:
    for run_id in ("run", "other"):
        with ledger.attempt(mill.lake, stage="measure", scope="tiny", config={}, inputs={}, run_id=run_id):
            pass
    cost = values_of(mill)["cost"]
    assert [attempt["run_id"] for attempt in cost.attempts] == ["run"]
    assert cost.million["wall_seconds"] == pytest.approx(cost.wall_seconds * 1e6 / 5)
    assert values_of(mill, "unknown run")["cost"].million is None
    assert [a["run_id"] for a in values_of(mill, "manual")["cost"].attempts] == ["other"], "the newest of any run"


def test_the_lineage_names_every_dataset_and_the_policy_that_decided(mill: Any) -> None:
    with ledger.attempt(mill.lake, stage="decide", scope="tiny", config={"name": "strict"}, inputs={}) as attempt:
        entries = mill.lake.manifest(mill.digests["decisions"]).files
        mill.lake.publish("decisions", entries, attempt.provenance())
    values = values_of(mill)
    assert {origin.name: origin.digest for origin in values["origins"]} == mill.digests
    assert [o.stage for o in values["origins"] if o.name == "decisions"] == ["decide"]
    assert values["policy"][0] == "strict"
    words = Page(snapshot.render(values, LINKS)).words
    assert "Policy strict" in words
    for digest in mill.digests.values():
        assert digest in words


def test_the_largest_clusters_have_the_addresses_of_their_members(values: dict[str, Any]) -> None:
    assert values["duplicates"] == [
        {"size": 2, "urls": ["https://one.example/a", "https://one.example/b"]},
        {"size": 2, "urls": ["https://two.example/c", "https://two.example/d"]},
    ]
