"""The policies that come with Gristmill."""

from __future__ import annotations

from pathlib import Path

import pytest

from spark_jobs.policies.inputs import columns, edit_families, families
from spark_jobs.policies.loading import load_policy, policy_files, policy_path
from spark_jobs.policies.model import Bounds, Policy
from spark_jobs.policies.registry import installed

NAMES = {"c4", "fineweb", "fineweb2", "gopher", "gristmill", "refinedweb"}


def shipped(name: str) -> Policy:
    return load_policy(policy_path(name), installed())


def test_all_are_there() -> None:
    assert {path.stem for path in policy_files()} >= NAMES


@pytest.mark.parametrize("path", policy_files(), ids=lambda path: path.stem)
def test_each_is_sound_and_named_as_its_file(path: Path) -> None:
    policy = load_policy(path, installed())
    assert policy.name == path.stem
    assert policy.about
    assert "language" in families(policy, installed())


def test_no_two_families_have_a_signal_of_the_same_name() -> None:
    from gristmill.signals import FAMILIES

    names = [signal.name for signals in FAMILIES.values() for signal in signals]
    assert sorted(names) == sorted(set(names))


def test_ours_gives_a_reason_for_each_choice() -> None:
    assert [rule.name for rule in shipped("gristmill").rules if not rule.why] == []


def test_what_the_policies_read() -> None:
    assert families(shipped("gopher"), installed()) == ("heuristics", "language")
    assert set(families(shipped("c4"), installed())) == {"content", "heuristics", "language", "lines"}
    assert {"documents", "pii"} <= set(families(shipped("gristmill"), installed()))
    assert edit_families(shipped("c4")) == ("lines",)
    assert edit_families(shipped("gristmill")) == ("boilerplate",)
    assert "noai" in columns(shipped("gristmill"), installed())["documents"]


def test_fineweb_runs_its_filters_in_the_order_of_its_code() -> None:
    """Language, Gopher repetition, Gopher quality, C4, FineWeb."""
    names = shipped("fineweb").rule_names
    landmarks = ["language_unsure", "dup_paragraphs", "dup_10gram", "short_doc", "stop_words", "lorem_ipsum",
                 "few_sentences", "end_marks", "list_like"]  # fmt: skip
    assert [name for name in names if name in landmarks] == landmarks
    thresholds = {rule.name: rule.max for rule in shipped("fineweb").rules}
    assert thresholds["dup_line_chars_fineweb"] == 0.01


@pytest.mark.parametrize(
    ("rule", "language", "bounds"),
    [
        ("language_unsure", "ja", Bounds(min=0.886)),
        ("dup_lines", "hi", Bounds(max=0.206)),
        ("top_2gram", "zh", Bounds(max=0.256)),
        ("top_4gram", "es", Bounds(max=0.125)),
        ("dup_5gram", "ko", Bounds(max=0.201)),
        ("dup_10gram", "ar", Bounds(max=0.109)),
        ("end_marks", "th", None),
        ("end_marks", "ru", Bounds(min=0.231)),
        ("list_like", "fr", Bounds(max=0.185)),
        ("word_length", "ja", Bounds(min=1, max=6)),
        ("word_length", "de", Bounds(max=15)),
        ("alphabetic", "th", Bounds(min=0.9)),
        ("dup_lines", "it", Bounds(max=0.374)),
        ("end_marks", "it", Bounds(min=0.062)),
    ],
)
def test_fineweb2_has_the_published_bounds_and_a_fallback(rule: str, language: str, bounds: Bounds | None) -> None:
    found = next(each for each in shipped("fineweb2").rules if each.name == rule)
    assert found.bounds(language) == bounds


def test_the_fallback_of_fineweb2_is_the_loosest_of_its_languages() -> None:
    for rule in shipped("fineweb2").rules:
        own = [bounds for bounds in rule.languages.values() if bounds is not None]
        if own and rule.min is not None:
            assert rule.min == min(bounds.min for bounds in own if bounds.min is not None)
        if own and rule.max is not None:
            assert rule.max == max(bounds.max for bounds in own if bounds.max is not None)


def test_c4_has_the_numbers_of_its_code() -> None:
    policy = shipped("c4")
    bounds = {rule.name: (rule.min, rule.max) for rule in policy.rules}
    assert bounds["few_sentences"] == (3, None)
    assert bounds["long_page"] == (None, 190_000)
    assert policy.edits.lines == "c4_original"
