"""Policies: which rule fires first, and what an unusable policy says."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from gristmill.schemas import SCHEMAS
from gristmill.settings import SettingsError, parse
from spark_jobs.policy import Policy, first_rule


def signals(**columns: list[object]) -> pa.Table:
    rows = len(next(iter(columns.values())))
    fields = [f for family in ("heuristics", "language") for f in SCHEMAS[family] if f.name != "doc_id"]
    default = {"words_measurable": True, "language": "en", "script": "Latin"}
    return pa.table({f.name: pa.array(columns.get(f.name, [default.get(f.name, 1)] * rows), f.type) for f in fields})


def policy(*rules: dict[str, object]) -> Policy:
    return parse(Policy, {"name": "test", "rules": list(rules)}, "test")


def test_the_first_rule_that_fires_is_recorded_with_value_and_threshold() -> None:
    rules = policy({"name": "short", "signal": "chars", "min": 10}, {"name": "long", "signal": "bytes", "max": 5})
    fired = first_rule(rules, signals(chars=[3, 10, 50], bytes=[9, 9, 5]))
    assert fired.rule.tolist() == [0, 1, -1]
    assert fired.value[:2].tolist() == [3, 9]
    assert fired.threshold[:2].tolist() == [10, 5]


def test_bounds_are_inclusive() -> None:
    rules = policy({"name": "r", "signal": "words", "min": 2, "max": 4})
    assert first_rule(rules, signals(words=[1, 2, 4, 5])).rule.tolist() == [0, -1, -1, 0]


def test_a_rule_over_words_is_not_applied_where_words_cannot_be_measured() -> None:
    rules = policy({"name": "few", "signal": "words", "min": 50, "words": True})
    fired = first_rule(rules, signals(words=[1, 1], words_measurable=[True, False]))
    assert fired.rule.tolist() == [0, -1]


def test_bounds_of_one_language_replace_the_general_ones() -> None:
    rules = policy({"name": "r", "signal": "words", "min": 50, "languages": {"ko": {"min": 5}, "de": {"max": 9}}})
    fired = first_rule(rules, signals(words=[10, 10, 10], language=["en", "ko", "de"]))
    assert fired.rule.tolist() == [0, -1, 0]
    assert fired.threshold[[0, 2]].tolist() == [50, 9]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"name": "r", "signal": "wrods", "min": 1}, "did you mean 'words'"),
        ({"name": "r", "signal": "words"}, "never fires"),
        ({"name": "r", "signal": "words", "mim": 1}, "did you mean 'min'"),
    ],
)
def test_an_unusable_rule_is_an_error_that_names_the_cure(rule: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        policy(rule)


def test_rule_names_are_unique() -> None:
    with pytest.raises(SettingsError, match="repeated: r"):
        policy({"name": "r", "signal": "words", "min": 1}, {"name": "r", "signal": "chars", "min": 1})


def test_nan_fires_no_rule() -> None:
    fired = first_rule(policy({"name": "r", "signal": "alpha_ratio", "min": 0.5}), signals(alpha_ratio=[np.nan]))
    assert fired.rule.tolist() == [-1]
