"""What fires, checked against the rules read row by row."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.settings import parse
from spark_jobs.policies.evaluate import first_rule, judge
from spark_jobs.policies.model import Policy, Rule

TYPES = {
    "ratio": pa.float32(), "words": pa.int32(), "odd": pa.bool_(), "script": pa.string(),
    "tags": pa.list_(pa.string()), "language": pa.string(),
}  # fmt: skip
LANGUAGES = ["en", "de", "zh", "fr"]
BOUNDS = [0.1, 0.2, 0.3, 0.7]


def table(rows: list[dict[str, Any]]) -> pa.Table:
    return pa.table({name: pa.array([row.get(name) for row in rows], kind) for name, kind in TYPES.items()})


def fires(rule: Rule, row: dict[str, Any]) -> tuple[float, float] | None:
    """The value and threshold of a rule that fires on one row, told in plain Python."""
    value, language = row[rule.signal], row["language"]
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if rule.only is not None and language not in rule.only:
        return None
    bounds: Any = rule.languages.get(language, rule)
    if bounds is None:
        return None
    if rule.forbid is not None or rule.require is not None:
        held = value if isinstance(value, list) else [value]
        found = sum(1 for each in held if each in (rule.forbid or rule.require or []))
        if rule.forbid is not None:
            return (float(found), 0.0) if found else None
        return None if found else (0.0, 1.0)
    if bounds.min is not None and value < bounds.min:
        return value, bounds.min
    if bounds.max is not None and value > bounds.max:
        return value, bounds.max
    return None


@st.composite
def rules(draw: st.DrawFn, name: str) -> dict[str, Any]:
    signal = draw(st.sampled_from(["ratio", "words", "odd", "script", "tags"]))
    rule: dict[str, Any] = {"name": name, "signal": signal}
    if draw(st.booleans()):
        rule["only"] = draw(st.lists(st.sampled_from(LANGUAGES), min_size=1, unique=True))
    off = dict.fromkeys(draw(st.lists(st.sampled_from(rule.get("only", LANGUAGES)), max_size=2)))
    if signal in ("ratio", "words"):
        bounds = st.fixed_dictionaries({}, optional={"min": st.sampled_from(BOUNDS), "max": st.sampled_from(BOUNDS)})
        own = {code: draw(bounds) for code in draw(st.lists(st.sampled_from(rule.get("only", LANGUAGES)), max_size=2))}
        return {**rule, **draw(bounds), "languages": {**off, **own}}
    values: list[Any] = [True, False] if signal == "odd" else ["a", "b", "c"]
    listed = draw(st.lists(st.sampled_from(values), min_size=1, unique=True))
    return {**rule, draw(st.sampled_from(["forbid", "require"])): listed, "languages": off}


PAGES = st.fixed_dictionaries({
    "ratio": st.none() | st.sampled_from([*BOUNDS, 0.0, 1.0, 0.100001, 0.099999, math.nan]),
    "words": st.none() | st.integers(0, 3), "odd": st.none() | st.booleans(),
    "script": st.none() | st.sampled_from("abc"), "tags": st.none() | st.lists(st.sampled_from("abc"), max_size=3),
    "language": st.none() | st.sampled_from([*LANGUAGES, "ja"]),
})  # fmt: skip


@given(st.data(), st.lists(PAGES, max_size=12))
def test_decisions_are_those_of_the_rules_read_row_by_row(data: st.DataObject, rows: list[dict[str, Any]]) -> None:
    drawn = [data.draw(rules(f"r{number}")) for number in range(data.draw(st.integers(1, 4)))]
    policy = parse(Policy, {"name": "drawn", "rules": drawn}, "drawn")
    found = judge(policy, table(rows))
    for number, row in enumerate(rows):
        expected = [fires(rule, row) for rule in policy.rules]
        assert found.matrix[number].tolist() == [each is not None for each in expected]
        first = next((place for place, each in enumerate(expected) if each is not None), -1)
        assert found.first.rule[number] == first
        if first >= 0:
            # What is stored and what was written agree to the sixth decimal, to which signals are rounded.
            assert (found.first.value[number], found.first.threshold[number]) == expected[first]
        else:
            assert np.isnan(found.first.value[number])
            assert np.isnan(found.first.threshold[number])


@given(st.lists(PAGES, min_size=2, max_size=12), st.data())
def test_decisions_do_not_depend_on_how_a_table_is_cut(rows: list[dict[str, Any]], data: st.DataObject) -> None:
    policy = parse(Policy, {"name": "drawn", "rules": [data.draw(rules(f"r{n}")) for n in range(3)]}, "drawn")
    whole, cut = table(rows), data.draw(st.integers(1, len(rows) - 1))
    chunked = pa.concat_tables([whole.slice(0, cut), whole.slice(cut)])
    parts = [judge(policy, part) for part in (whole.slice(0, cut), whole.slice(cut))]
    expected = judge(policy, whole)
    assert np.array_equal(judge(policy, chunked).matrix, expected.matrix)
    assert np.array_equal(np.concatenate([p.matrix for p in parts]), expected.matrix)
    assert (parts[0].unmeasured + parts[1].unmeasured).tolist() == expected.unmeasured.tolist()


def test_order_decides_which_rule_is_recorded(policy: Callable[..., Policy]) -> None:
    low, odd = {"name": "low", "signal": "words", "min": 5}, {"name": "odd", "signal": "odd", "forbid": [True]}
    rows = table([{"words": 1, "odd": True}, {"words": 9, "odd": True}, {"words": 1, "odd": False}, {"words": 9}])
    assert first_rule(policy(low, odd), rows).rule.tolist() == [0, 1, 0, -1]
    assert first_rule(policy(odd, low), rows).rule.tolist() == [0, 0, 1, -1]
    assert judge(policy(odd, low), rows).matrix.tolist() == [[True, True], [True, False], [False, True], [False, False]]


@pytest.mark.parametrize("bound", [0.1, 0.01, 0.062, 0.3, 0.67, 0.018112, 0.7])
def test_a_stored_value_equal_to_a_bound_passes_it(policy: Callable[..., Policy], bound: float) -> None:
    """0.1 as a 32-bit float is above 0.1 as a 64-bit one, and 0.7 below; neither may matter."""
    ratio = {"name": "r", "signal": "ratio", "min": bound, "max": bound}
    rows = table([{"ratio": bound}, {"ratio": bound - 1e-6}, {"ratio": bound + 1e-6}])
    fired = first_rule(policy(ratio), rows)
    assert fired.rule.tolist() == [-1, 0, 0]
    assert fired.value[1:].tolist() == [round(bound - 1e-6, 6), round(bound + 1e-6, 6)]
    assert fired.threshold[1:].tolist() == [bound, bound]


def test_what_cannot_be_measured_is_counted_where_the_rule_is_meant_for_it(policy: Callable[..., Policy]) -> None:
    ratio = {"name": "r", "signal": "ratio", "min": 0.5, "languages": {"zh": None}}
    tags = {"name": "t", "signal": "tags", "forbid": ["a"], "only": ["en"]}
    rows = table([{"language": "en"}, {"language": "zh"}, {"ratio": math.nan}, {"ratio": 0.6, "tags": []}])
    assert judge(policy(ratio, tags), rows).unmeasured.tolist() == [2, 1]


def test_no_documents(policy: Callable[..., Policy]) -> None:
    found = judge(policy({"name": "r", "signal": "ratio", "min": 0.5}), table([]))
    assert found.matrix.shape == (0, 1)
    assert found.first.rule.tolist() == []
