"""explain: what became of a page, from releases alone."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import pytest

from gristmill import ledger, release
from gristmill.commands.explain import render
from gristmill.explain import explain, nearest_urls
from gristmill.lake import Lake


@pytest.fixture
def released(lake: Lake, mill: Any) -> Lake:
    mill.release("a", date(2026, 3, 1))
    mill.release("b", date(2026, 4, 1))
    return lake


def test_a_kept_page_names_record_signals_shard_and_cluster(released: Lake) -> None:
    (found,) = explain(released, "https://a.example/first")
    assert (found["snapshot"], found["offset"], found["became"], found["kept"]) == ("a", 0, "document", True)
    assert found["file"].endswith("a-0.warc.gz")
    assert found["signals"]["heuristics"]["words"] == 7
    assert found["signals"]["language"]["language"] == "en"
    assert found["shard"].startswith("000000 (")
    assert found["cluster"] == {"id": 0, "size": 2, "others": ["https://a.example/twin"]}
    assert render(found).splitlines() == [
        "a (2026-03-01): kept",
        "  extract      the record at byte 0 of a-0.warc.gz: 'T', 9 bytes of HTML",
        "  annotate     en (score 0.5), 7 words",
        "  deduplicate  like 1 other page",
        "  decide       kept",
        "  curate       in shard 000000 of the corpus",
    ]
    assert "corpus shard: 000000 (" in render(found, signals=True)
    assert "duplicate cluster 0 of 2: https://a.example/twin" in render(found, signals=True)


def test_a_removed_page_names_the_rule_with_value_and_threshold(released: Lake) -> None:
    (found,) = explain(released, "https://a.example/short")
    assert found["removed_by"] == {"reason": "too_short", "value": 3.0, "threshold": 200.0}
    assert found["offset"] == 1024
    assert "cluster" not in found
    assert "removed by too_short: its value is 3, below the bound of 200" in render(found)


def test_a_duplicate_names_the_page_that_stayed(released: Lake) -> None:
    (found,) = explain(released, "https://b.example/twin")
    assert found["removed_by"]["duplicate_of"] == "https://b.example/first"
    said = "removed as near_duplicate: its text is nearly that of https://b.example/first, which stayed: similarity 0.9"
    assert f"{said}, removed from 0.8 on" in render(found)


def test_a_page_that_edits_emptied_is_not_called_kept(released: Lake) -> None:
    (found,) = explain(released, "https://a.example/blank")
    assert not found["kept"]
    assert found["removed_by"]["reason"] == "too_short_after_edits"
    assert "removed as too_short_after_edits: too little text was left after the edits" in render(found)


@pytest.mark.parametrize(("rule", "value", "threshold", "said"), [
    ({"signal": "chars", "min": 200.0}, 3.0, 200.0, "chars is 3, below the bound of 200 (stubs)"),
    ({"signal": "words", "max": 5.0}, 7.0, 5.0, "words is 7, above the bound of 5 (stubs)"),
    ({"signal": "title", "forbid": ["T"]}, 1.0, 0.0, "title is T, which the rule forbids (stubs)"),
    ({"signal": "language", "require": ["de"]}, 0.0, 1.0, "language is en, which the rule does not accept (stubs)"),
])  # fmt: skip
def test_the_policy_of_the_attempt_names_signal_and_reason(
    released: Lake, rule: dict[str, Any], value: float, threshold: float, said: str
) -> None:
    (found,) = explain(released, "https://a.example/short")
    assert "signal" not in found["removed_by"]
    config = {"rules": [{"forbid": None, "require": None, "name": "too_short", "why": "stubs", **rule}]}
    decisions = release.current(released, "a").datasets["decisions"]
    with ledger.attempt(released, stage="decide", scope="a", config=config, inputs={}, run_id="r") as attempt:
        attempt.outputs["decisions"] = decisions
    (found,) = explain(released, "https://a.example/short")
    found["removed_by"] |= {"value": value, "threshold": threshold}
    assert f"removed by too_short: {said}" in render(found)


@pytest.mark.parametrize(("reason", "said"), [
    ("exact_duplicate", "its text is that of http://x/, which stayed"),
    ("url_duplicate", "it has the address of http://x/, which stayed"),
])  # fmt: skip
def test_copies_are_said_in_words(released: Lake, reason: str, said: str) -> None:
    (found,) = explain(released, "https://b.example/twin")
    found["removed_by"] = {"reason": reason, "value": 1.0, "threshold": 1.0, "duplicate_of": "http://x/"}
    first = render(found).splitlines()[0]
    assert first == f"b (2026-04-01): removed as {reason}: {said}"


def test_the_short_answer_has_no_digest(released: Lake) -> None:
    for url in ("first", "short", "gone", "blank"):
        for entry in explain(released, f"https://a.example/{url}"):
            assert re.search("[0-9a-f]{12}", render(entry)) is None


def test_a_record_that_became_no_document_names_the_reason(released: Lake) -> None:
    (found,) = explain(released, "https://a.example/gone")
    assert (found["became"], found["reason"], found["status"]) == ("reject", "http_status", 404)
    assert "(2026-03-01): no document: http_status (HTTP status 404, text/html)" in render(found)


def test_a_page_is_found_by_its_canonical_address_too(released: Lake) -> None:
    (found,) = explain(released, "https://a.example/first#canonical")
    assert found["doc_id"] == 0


def test_an_unknown_page_is_not_found_and_its_neighbours_are(released: Lake) -> None:
    assert explain(released, "https://a.example/frist") == []
    assert nearest_urls(released, "https://a.example/frist")[0] == "https://a.example/first"


def test_what_is_not_released_is_not_explained(lake: Lake, mill: Any) -> None:
    mill.enter("a", date(2026, 3, 1))
    mill.judge(mill.datasets("a"))
    assert explain(lake, "https://a.example/first") == []


def test_what_a_crawl_says_cannot_steer_the_terminal() -> None:
    entry = {"snapshot": "a", "date": "2026-03-01", "file": "f", "offset": 0, "offsets": "file", "doc_id": 0,
             "became": "reject", "reason": "not_html",
             "status": 200, "mime": "text/\x1b[31mred\x1b]0;title\x07"}  # fmt: skip
    assert "text/\\x1b[31mred\\x1b]0;title\\x07" in render(entry)


@pytest.mark.parametrize(
    ("value", "said"), [(0.6, "just past the bound of 0.6"), (None, "too_short"), (float("nan"), "too_short")]
)
def test_a_value_on_its_bound_or_none_has_no_side(released: Lake, value: float | None, said: str) -> None:
    (found,) = explain(released, "https://a.example/short")
    found["removed_by"] |= {"value": value, "threshold": 0.6}
    first = render(found).splitlines()[0]
    assert said in first
    assert "below" not in first
    assert "above" not in first
