"""Rules that earlier rules leave nothing to: whatever they would remove is gone before their turn."""

from __future__ import annotations

import math
from collections.abc import Iterator

from spark_jobs.policies.model import Policy, Rule

Interval = tuple[float, float]


def unreachable(policy: Policy) -> Iterator[tuple[str, str]]:
    """(rule, reason) for each rule that can fire on no document that reaches it."""
    for number, rule in enumerate(policy.rules):
        earlier = policy.rules[:number]
        languages = _reached(rule, earlier)
        if not languages:
            yield rule.name, "the rules before it remove all documents of its languages"
        elif blocker := _blocker(rule, earlier, languages):
            yield rule.name, f"rule '{blocker}' before it is at least as strict on '{rule.signal}'"
        elif gone := [code for code in rule.languages if not _passes(code, earlier)]:
            yield rule.name, f"the rules before it remove all documents of language {gone[0]}; drop its bounds"


def _reached(rule: Rule, earlier: list[Rule]) -> list[str | None]:
    """The languages on which the rule is on and of which documents reach it; None stands for those it does not
    name."""
    return [c for c in (*rule.named_languages, None) if rule.bounds(c) is not None and _passes(c, earlier)]


def _passes(language: str | None, earlier: list[Rule]) -> bool:
    """Whether documents of a language get past earlier rules about `language` itself."""
    for rule in earlier:
        if rule.signal != "language" or rule.bounds(language) is None or language is None:
            continue
        if (rule.require is not None and language not in rule.require) or language in (rule.forbid or ()):
            return False
    return True


def _blocker(rule: Rule, earlier: list[Rule], languages: list[str | None]) -> str | None:
    """The last earlier rule that, with those before it, leaves the rule nothing in any of its languages."""
    same = [other for other in earlier if other.signal == rule.signal]
    # A language that only another rule names is treated by this one as any unnamed language is.
    named = {code for other in same for code in other.named_languages if _passes(code, earlier)}
    asked = {*languages, *(code for code in named if rule.bounds(code) is not None)}
    if same and all(_covered(rule, same, language) for language in asked):
        return same[-1].name
    return None


def _covered(rule: Rule, earlier: list[Rule], language: str | None) -> bool:
    on = [other for other in earlier if other.bounds(language) is not None]
    if rule.forbid is not None:
        gone = {value for other in on for value in other.forbid or ()}
        return set(rule.forbid) <= gone
    if rule.require is not None:
        return any(other.require is not None and set(other.require) <= set(rule.require) for other in on)
    low, high = _interval(rule, language)
    passed = [_interval(other, language) for other in on]
    least = max([-math.inf, *(p[0] for p in passed)])
    greatest = min([math.inf, *(p[1] for p in passed)])
    return least > greatest or (least >= low and greatest <= high)


def _interval(rule: Rule, language: str | None) -> Interval:
    """The values that pass."""
    bounds = rule.bounds(language)
    low = None if bounds is None else bounds.min
    high = None if bounds is None else bounds.max
    return -math.inf if low is None else low, math.inf if high is None else high
