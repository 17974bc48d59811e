"""Policies that cannot be used are errors before a job starts, each with a sentence that names the cure."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.settings import SettingsError, parse
from spark_jobs.curate import TOO_SHORT
from spark_jobs.policies.decisions import KEPT
from spark_jobs.policies.loading import load_policy, policy_path
from spark_jobs.policies.model import Policy, Rule
from spark_jobs.policies.reach import unreachable
from spark_jobs.policies.registry import Registry
from spark_jobs.policies.validation import problems
from spark_jobs.survivors import KINDS

Make = Callable[..., Policy]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"signal": "wrods", "min": 1}, "no signal 'wrods' (did you mean 'words'?)"),
        ({"signal": "words"}, "needs min, max or both"),
        ({"signal": "words", "min": 1, "languages": {"de": {}}}, "write `de: null` to switch it off"),
        ({"signal": "ratio", "max": 1.5}, "max 1.5 is impossible: 'ratio' goes from 0 to 1"),
        ({"signal": "ratio", "min": -0.1}, "min -0.1 is impossible"),
        ({"signal": "ratio", "min": 0.6, "max": 0.5}, "min 0.6 is above max 0.5"),
        ({"signal": "ratio", "min": 0}, "it can never fire: every value of 'ratio' from 0 to 1 passes"),
        ({"signal": "ratio", "max": 1}, "it can never fire"),
        ({"signal": "ratio", "min": 0.5, "languages": {"de": {"max": 1}}}, "de: it can never fire"),
        ({"signal": "words", "min": 0}, "it can never fire: every value of 'words' from 0 to 2147483647 passes"),
        ({"signal": "words", "max": 2**31 - 1}, "it can never fire"),
        ({"signal": "words", "max": 2**31}, "max 2147483648 is impossible"),
        ({"signal": "words", "min": 10.2, "max": 10.8}, "no whole number lies from min 10.2 to max 10.8"),
        ({"signal": "words", "only": ["de", "fr"], "languages": {"de": {"min": 5}}}, "needs min, max or both"),
        ({"signal": "language", "forbid": ["de"], "only": ["fr"]}, "it removes none of the languages"),
        ({"signal": "language", "require": ["de"], "only": ["de"]}, "it removes none of the languages"),
        ({"signal": "words", "forbid": ["a"]}, "'words' is a number; give min or max"),
        ({"signal": "odd", "max": 1}, "'odd' is no number; give forbid or require"),
        ({"signal": "script"}, "it needs either forbid or require"),
        ({"signal": "script", "forbid": ["a"], "require": ["b"]}, "it needs either forbid or require"),
        ({"signal": "script", "forbid": ["a"], "languages": {"de": {"max": 1}}}, "'script' is no number"),
        ({"signal": "odd", "forbid": ["yes"]}, "'odd' is yes or no; write [true] or [false]"),
        ({"signal": "odd", "forbid": [True, False]}, "'odd' is yes or no"),
        ({"signal": "script", "forbid": [True]}, "in quotes"),
        ({"signal": "language", "require": ["eng"]}, "no language 'eng'"),
        ({"signal": "c4_original", "forbid": ["a"]}, "holds binary, which no rule can be about"),
        ({"signal": "words", "min": 5, "languages": {"pt-br": None}}, "no language 'pt-br'"),
        ({"signal": "words", "min": 5, "only": ["en"], "languages": {"de": {"min": 3}}}, "which 'only' excludes"),
        ({"signal": "words", "min": 5, "only": ["de"], "languages": {"de": None}}, "switched off for every language"),
    ],
)
def test_an_unusable_rule(policy: Make, known: Registry, rule: dict[str, Any], message: str) -> None:
    found = problems(policy({"name": "r", **rule}), known)
    assert len(found) == 1
    assert found[0].startswith("rule 'r'")
    assert message in found[0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"rules": [{"name": "r", "signal": "words", "mim": 1}]}, "did you mean 'min'"),
        ({"rules": [{"name": "r", "signal": "words", "languages": {"de": {"mxa": 1}}}]}, "did you mean 'max'"),
        ({"rules": [{"name": "r", "signal": "words", "languages": {False: None}}]}, "write the Norwegian language as"),
        ({"rules": [{"name": "Bad Name", "signal": "words", "min": 1}]}, "should match pattern"),
        ({"rules": [{"name": "r", "signal": "words", "min": float("inf")}]}, "rules.0.min: .* finite number"),
        ({"rules": [{"name": "r", "signal": "words", "max": float("nan")}]}, "rules.0.max: .* finite number"),
        ({"rules": [{"name": "r", "signal": "words", "min": True}]}, "rules.0.min: .* valid number"),
        ({"rules": [], "edits": {"final": {"min_chars": -1}}}, "greater than or equal to 1"),
        ({"rules": [], "edit": {}}, "did you mean 'edits'"),
    ],
)
def test_what_is_no_policy(content: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        parse(Policy, {"name": "test", **content}, "test")


@pytest.mark.parametrize("name", [KEPT, *KINDS, TOO_SHORT])
def test_a_rule_is_not_named_as_another_outcome(policy: Make, name: str) -> None:
    with pytest.raises(SettingsError, match=f"'{name}' is what becomes of a document without a rule"):
        policy({"name": name, "signal": "words", "min": 5})


def test_a_rule_for_some_languages_needs_no_bounds_beside_theirs(policy: Make, known: Registry) -> None:
    own = {"de": {"min": 5}, "fr": {"min": 3}}
    assert problems(policy({"name": "r", "signal": "words", "only": ["de", "fr"], "languages": own}), known) == []


def test_rule_names_are_unique(policy: Make, known: Registry) -> None:
    rules = [{"name": "r", "signal": "words", "min": 1}, {"name": "r", "signal": "chars", "min": 1}]
    assert problems(policy(*rules), known) == ["rule names must be unique; repeated: r"]


@pytest.mark.parametrize(
    ("edits", "message"),
    [
        ({"lines": "c4_orignal"}, "no mask 'c4_orignal' (did you mean 'c4_original'?)"),
        ({"lines": "c4_original_dropped_lines"}, "no mask 'c4_original_dropped_lines'"),
        ({"mask_pii": ["emial"]}, "no type 'emial' (did you mean 'email'?)"),
    ],
)
def test_edits_that_name_nothing(policy: Make, known: Registry, edits: dict[str, Any], message: str) -> None:
    assert message in problems(policy(edits=edits), known)[0]


def test_every_problem_of_a_file_is_told_at_once(tmp_path: Path, known: Registry) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\nrules:\n- {name: a, signal: nope, min: 1}\n- {name: b, signal: ratio, max: 2}\n")
    with pytest.raises(SettingsError) as error:
        load_policy(path, known)
    assert [line.split("'")[1] for line in str(error.value).splitlines()] == ["a", "b"]
    assert str(error.value).startswith(str(path))


def test_a_policy_that_is_not_there_names_the_nearest() -> None:
    with pytest.raises(SettingsError, match="did you mean 'gopher'"):
        policy_path("gophr")


UNREACHABLE: list[tuple[list[dict[str, Any]], str]] = [
    ([{"signal": "words", "min": 5}, {"signal": "words", "min": 3}], "rule 'r0' before it is at least as strict"),
    ([{"signal": "words", "min": 5}, {"signal": "words", "min": 5, "only": ["de"]}], "at least as strict"),
    ([{"signal": "words", "min": 5, "languages": {"de": {"min": 2}}}, {"signal": "words", "min": 2}], "as strict"),
    ([{"signal": "tags", "forbid": ["a", "b"]}, {"signal": "tags", "forbid": ["b"]}], "as strict"),
    ([{"signal": "script", "require": ["a"]}, {"signal": "script", "require": ["b", "a"]}], "as strict"),
    ([{"signal": "language", "require": ["en"]}, {"signal": "words", "min": 5, "only": ["de"]}], "remove all"),
    (
        [{"signal": "language", "require": ["en"]}, {"signal": "words", "min": 5, "languages": {"de": {"min": 3}}}],
        "all documents of language de; drop its bounds",
    ),
    ([{"signal": "noai", "forbid": [True]}, {"signal": "noai", "require": [False]}], "as strict"),
    ([{"signal": "language", "require": ["de"]}, {"signal": "language", "forbid": ["fr"]}], "as strict"),
    ([{"signal": "words", "min": 49.5}, {"signal": "words", "min": 50}], "as strict"),
    (
        [{"signal": "language", "require": ["en"]}, {"signal": "words", "min": 5, "languages": {"en": None}}],
        "remove all documents of its languages",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("rules", "message"), UNREACHABLE)
def test_a_rule_that_nothing_reaches(policy: Make, known: Registry, rules: list[Any], message: str) -> None:
    found = problems(policy(*({"name": f"r{n}", **rule} for n, rule in enumerate(rules))), known)
    assert len(found) == 1
    assert found[0].startswith("rule 'r1' can never fire")
    assert message in found[0]


REACHABLE: list[list[dict[str, Any]]] = [
    [{"signal": "words", "min": 3}, {"signal": "words", "min": 5}],
    [{"signal": "words", "min": 5, "only": ["en"]}, {"signal": "words", "min": 5}],
    [{"signal": "words", "min": 5, "languages": {"de": None}}, {"signal": "words", "min": 5}],
    [{"signal": "words", "min": 5, "languages": {"de": {"min": 2}}}, {"signal": "words", "min": 3}],
    [{"signal": "words", "min": 5}, {"signal": "words", "max": 50}],
    [{"signal": "ratio", "min": 0.495}, {"signal": "ratio", "min": 0.5}],
    [{"signal": "noai", "forbid": [True], "only": ["de"]}, {"signal": "noai", "require": [False]}],
    [{"signal": "tags", "forbid": ["a"]}, {"signal": "tags", "require": ["b"]}],
    [{"signal": "language", "forbid": ["de"]}, {"signal": "language", "require": ["en", "de"]}],
    [{"signal": "tags", "forbid": ["b"]}, {"signal": "tags", "forbid": ["a", "b"]}],
    [{"signal": "language", "require": ["en", "de"]}, {"signal": "words", "min": 5, "only": ["de"]}],
]


@pytest.mark.parametrize("rules", REACHABLE)
def test_a_rule_that_something_reaches(policy: Make, known: Registry, rules: list[Any]) -> None:
    assert problems(policy(*({"name": f"r{n}", **rule} for n, rule in enumerate(rules))), known) == []


BOUND = st.none() | st.integers(0, 8).map(lambda step: step / 2)
BOUNDS = st.fixed_dictionaries({"min": BOUND, "max": BOUND}).filter(lambda bounds: set(bounds.values()) != {None})
NUMBERS = st.fixed_dictionaries({
    "signal": st.sampled_from(["words", "ratio"]),
    "languages": st.dictionaries(st.sampled_from(["en", "de"]), st.none() | BOUNDS, max_size=2),
    "only": (ONLY := st.none() | st.lists(st.sampled_from(["en", "de", "fr"]), min_size=1, max_size=2, unique=True)),
})  # fmt: skip
VALUES: dict[str, list[Any]] = {"odd": [True, False], "language": ["en", "de", "fr"], "script": ["a", "b"]}
LISTED = st.sampled_from(sorted(VALUES)).flatmap(
    lambda signal: st.builds(
        lambda how, values, only: {"signal": signal, how: values, "only": only},
        st.sampled_from(["forbid", "require"]),
        st.lists(st.sampled_from(VALUES[signal]), min_size=1, max_size=1 if signal == "odd" else 2, unique=True),
        ONLY,
    )
)
RULE = st.builds(lambda scope, bounds: {**scope, **bounds}, NUMBERS, BOUNDS) | LISTED


def removes(rule: Rule, page: Mapping[str, Any]) -> bool:
    bounds = rule.bounds(page["language"])
    if bounds is None:
        return False
    value = page[rule.signal]
    if rule.forbid is not None or rule.require is not None:
        return value in (rule.forbid or ()) or (rule.require is not None and value not in rule.require)
    return (bounds.min is not None and value < bounds.min) or (bounds.max is not None and value > bounds.max)


@given(st.lists(RULE, min_size=1, max_size=4))
def test_a_rule_is_unreachable_just_when_no_page_is_left_to_it(known: Registry, drawn: list[dict[str, Any]]) -> None:
    """Against every page there can be: values at, between and beyond all bounds, words and languages named and not."""
    rules = [{"name": f"r{number}", **rule} for number, rule in enumerate(drawn)]
    policy = parse(Policy, {"name": "drawn", "rules": rules}, "drawn")
    values = {
        "words": range(-1, 6), "ratio": [step / 4 for step in range(-1, 18)], "odd": [True, False],
        "script": ["a", "b", "c"], "language": ["en", "de", "fr", "ja"],
    }  # fmt: skip
    asked = {"language", *(rule["signal"] for rule in drawn)}
    fired = set()
    for combined in itertools.product(*(values[signal] for signal in sorted(asked))):
        page = dict(zip(sorted(asked), combined, strict=True))
        fired.add(next((rule.name for rule in policy.rules if removes(rule, page)), None))
    dead = {name for name, why in unreachable(policy, known) if not why.endswith("drop its bounds")}
    assert dead.isdisjoint(fired)
    # Two signals may remove everything between them, which nobody looks for; of one, after the languages, all is found.
    order = [rule["signal"] for rule in drawn]
    if len(asked) <= 2 and order == sorted(order, key=lambda signal: signal != "language"):
        assert dead == set(policy.rule_names) - fired
