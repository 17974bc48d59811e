"""explain: what became of a page, from releases alone."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

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
    assert "kept: in corpus shard 000000" in render(found)


def test_a_removed_page_names_the_rule_with_value_and_threshold(released: Lake) -> None:
    (found,) = explain(released, "https://a.example/short")
    assert found["removed_by"] == {"reason": "too_short", "value": 3.0, "threshold": 200.0}
    assert found["offset"] == 1024
    assert "cluster" not in found
    assert "removed: too_short, value 3, threshold 200" in render(found)


def test_a_duplicate_names_the_page_that_stayed(released: Lake) -> None:
    (found,) = explain(released, "https://b.example/twin")
    assert found["removed_by"]["duplicate_of"] == "https://b.example/first"
    assert "near_duplicate, value 0.9, threshold 0.8, a duplicate of https://b.example/first" in render(found)


def test_a_page_that_edits_emptied_is_not_called_kept(released: Lake) -> None:
    (found,) = explain(released, "https://a.example/blank")
    assert not found["kept"]
    assert found["removed_by"]["reason"] == "too_short_after_edits"
    assert "removed: too_short_after_edits" in render(found)


def test_a_record_that_became_no_document_names_the_reason(released: Lake) -> None:
    (found,) = explain(released, "https://a.example/gone")
    assert (found["became"], found["reason"], found["status"]) == ("reject", "http_status", 404)
    assert "rejected: http_status (HTTP status 404, text/html)" in render(found)


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
    entry = {"snapshot": "a", "file": "f", "offset": 0, "offsets": "file", "doc_id": 0,
             "became": "reject", "reason": "not_html",
             "status": 200, "mime": "text/\x1b[31mred\x1b]0;title\x07"}  # fmt: skip
    assert "text/\\x1b[31mred\\x1b]0;title\\x07" in render(entry)
