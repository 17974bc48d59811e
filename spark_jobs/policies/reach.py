"""Rules that earlier rules leave nothing to: whatever they would remove is gone before their turn."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import pyarrow as pa

from spark_jobs.policies.languages import LANGUAGES
from spark_jobs.policies.model import Bounds, Policy, Rule
from spark_jobs.policies.registry import Registry

LANGUAGE = "language"
Value = bool | str | None
"""Of a flag or a word; None stands for every word that no rule names."""


def unreachable(policy: Policy, registry: Registry) -> Iterator[tuple[str, str]]:
    """(rule, reason) for each rule that can fire on no document that reaches it. Its signals are in the registry."""
    languages = _different(policy)
    for number, rule in enumerate(policy.rules):
        earlier, kind = policy.rules[:number], registry[rule.signal].signal.type
        same = [other for other in earlier if other.signal == rule.signal]
        meant = [code for code in languages if rule.bounds(code) is not None]
        reached = [code for code in meant if _passes(code, earlier)]
        if all(_covered(rule, [], code, kind) for code in meant):
            yield rule.name, "it removes none of the languages that it is asked of"
        elif not reached:
            yield rule.name, "the rules before it remove all documents of its languages"
        elif all(_covered(rule, same, code, kind) for code in reached):
            yield rule.name, f"rule '{same[-1].name}' before it is at least as strict on '{rule.signal}'"
        elif gone := [code for code in rule.languages if not _passes(code, earlier)]:
            yield rule.name, f"the rules before it remove all documents of language {gone[0]}; drop its bounds"


def _different(policy: Policy) -> list[str]:
    """Every language that the policy names, and one that stands for all others."""
    named = {code for rule in policy.rules for code in rule.named_languages}
    for rule in policy.rules:
        if rule.signal == LANGUAGE:
            named.update(str(value) for value in _values(rule))
    return sorted(named) + [code for code in LANGUAGES if code not in named][:1]


def _passes(language: str, earlier: Sequence[Rule]) -> bool:
    """Whether documents of a language get past earlier rules about `language` itself."""
    asked = [rule for rule in earlier if rule.signal == LANGUAGE and rule.bounds(language) is not None]
    return all(_lets(rule, language) for rule in asked)


def _covered(rule: Rule, earlier: Sequence[Rule], language: str, kind: pa.DataType) -> bool:
    """Whether all documents of a language that pass the earlier rules on its signal pass the rule too."""
    on = [other for other in earlier if other.bounds(language) is not None]
    if not _values(rule):
        return _covered_numbers(rule, on, language, whole=pa.types.is_integer(kind))
    if pa.types.is_list(kind):
        return _covered_lists(rule, on)
    left = [value for value in _possible(rule, on, language, kind) if all(_lets(other, value) for other in on)]
    return all(_lets(rule, value) for value in left)


def _possible(rule: Rule, earlier: Sequence[Rule], language: str, kind: pa.DataType) -> set[Value]:
    """The values of a flag or a word that the rules can tell apart, in documents of a language."""
    if rule.signal == LANGUAGE:
        return {language}
    if pa.types.is_boolean(kind):
        return {True, False}
    return {None, *(value for each in (rule, *earlier) for value in _values(each))}


def _values(rule: Rule) -> list[bool | str]:
    return rule.forbid or rule.require or []


def _lets(rule: Rule, value: Value) -> bool:
    """Whether a document with this value passes."""
    return value not in rule.forbid if rule.forbid is not None else value in _values(rule)


def _covered_lists(rule: Rule, earlier: Sequence[Rule]) -> bool:
    if rule.forbid is not None:
        return set(rule.forbid) <= {value for other in earlier for value in other.forbid or ()}
    return any(other.require is not None and set(other.require) <= set(_values(rule)) for other in earlier)


def _covered_numbers(rule: Rule, earlier: Sequence[Rule], language: str, whole: bool) -> bool:
    low, high = _interval(rule, language, whole)
    passed = [_interval(other, language, whole) for other in earlier]
    least = max([-math.inf, *(p[0] for p in passed)])
    greatest = min([math.inf, *(p[1] for p in passed)])
    return least > greatest or (least >= low and greatest <= high)


def _interval(rule: Rule, language: str, whole: bool) -> tuple[float, float]:
    return (rule.bounds(language) or Bounds()).interval(whole)
