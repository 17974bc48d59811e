"""What is wrong with a policy, asked before a job starts: one sentence per problem."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pyarrow as pa

from gristmill.settings import nearest
from gristmill.signals.signal import Signal
from spark_jobs.policies.languages import LANGUAGES
from spark_jobs.policies.model import Bounds, Edits, Policy, Rule
from spark_jobs.policies.reach import unreachable
from spark_jobs.policies.registry import Registry

LINES, PII = "lines", "pii"


def problems(policy: Policy, registry: Registry) -> list[str]:
    """Every reason why the policy cannot be used, in the order of the file; empty when it can."""
    found = [*_repeated(policy)]
    for rule in policy.rules:
        found += [f"rule '{rule.name}': {problem}" for problem in _rule(rule, registry)]
    found += [f"edits: {problem}" for problem in _edits(policy.edits, registry)]
    # What no rule can reach is only worth saying of rules that are right by themselves.
    return found or [f"rule '{name}' can never fire: {why}" for name, why in unreachable(policy, registry)]


def _repeated(policy: Policy) -> Iterator[str]:
    names = policy.rule_names
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        yield f"rule names must be unique; repeated: {', '.join(repeated)}"


def _rule(rule: Rule, registry: Registry) -> Iterator[str]:
    yield from _languages(rule)
    if rule.signal not in registry:
        yield f"no signal '{rule.signal}'{nearest(rule.signal, list(registry))}; docs/signals.md lists them"
    elif registry[rule.signal].signal.numeric:
        yield from _numeric(rule, registry)
    else:
        yield from _listed(rule, registry[rule.signal].signal.type)


def _languages(rule: Rule) -> Iterator[str]:
    for code in rule.named_languages:
        if code not in LANGUAGES:
            yield f"no language '{code}'{_near_language(code)}; docs/policies.md lists the codes"
    for code in rule.languages:
        if rule.only is not None and code not in rule.only:
            yield f"'languages' sets {code}, which 'only' excludes; add {code} to 'only' or drop its bounds"
    if all(rule.bounds(code) is None for code in (*rule.named_languages, None)):
        yield "it is switched off for every language; drop the rule"


def _near_language(code: str) -> str:
    close = nearest(code, list(LANGUAGES))
    return close if "did you mean" in close else ""


def _numeric(rule: Rule, registry: Registry) -> Iterator[str]:
    """Problems of a rule over numbers."""
    signal = registry[rule.signal].signal
    if rule.forbid is not None or rule.require is not None:
        yield f"'{signal.name}' is a number; give min or max instead of forbid or require"
        return
    cases = [(f"{code}: ", bounds) for code, bounds in rule.languages.items() if bounds is not None]
    if rule.only is None or not set(rule.only) <= set(rule.languages):
        cases.insert(0, ("", Bounds(min=rule.min, max=rule.max)))
    for where, bounds in cases:
        if bounds.min is None and bounds.max is None:
            yield f"{where}it needs min, max or both; without them it never fires" + (
                f" (write `{where}null` to switch it off)" if where else ""
            )
            continue
        yield from (where + problem for problem in _impossible(bounds, signal))


def _range(signal: Signal) -> tuple[float, float]:
    """The least and the greatest value of a number; whole ones end where their type does."""
    last = 2 ** (signal.type.bit_width - 1) - 1 if pa.types.is_integer(signal.type) else math.inf
    return -math.inf if signal.low is None else signal.low, last if signal.high is None else signal.high


def _impossible(bounds: Bounds, signal: Signal) -> Iterator[str]:
    """Thresholds that no value, or every value, lies beyond."""
    name, (low, high) = signal.name, _range(signal)
    least, greatest = bounds.interval(whole=pa.types.is_integer(signal.type))
    for key, bound in (("min", bounds.min), ("max", bounds.max)):
        if bound is not None and not low <= bound <= high:
            yield f"{key} {bound:.12g} is impossible: '{name}' goes from {low:.12g} to {high:.12g}"
            return
    if bounds.min is not None and bounds.max is not None and bounds.min > bounds.max:
        yield f"min {bounds.min:.12g} is above max {bounds.max:.12g}: that is impossible, every document would go"
    elif least > greatest:
        yield f"no whole number lies from min {bounds.min:.12g} to max {bounds.max:.12g}: every document would go"
    elif least <= low and greatest >= high:
        yield f"it can never fire: every value of '{name}' from {low:.12g} to {high:.12g} passes"


def _listed(rule: Rule, kind: pa.DataType) -> Iterator[str]:
    """Problems of a rule over yes or no, words, or lists of words."""
    if rule.min is not None or rule.max is not None or any(bounds is not None for bounds in rule.languages.values()):
        yield f"'{rule.signal}' is no number; give forbid or require instead of min or max"
        return
    if (rule.forbid is None) == (rule.require is None):
        yield "it needs either forbid or require"
        return
    inner = kind.value_type if pa.types.is_list(kind) else kind
    values = rule.forbid or rule.require or []
    if pa.types.is_boolean(inner):
        if any(not isinstance(value, bool) for value in values) or len(set(values)) != 1:
            yield f"'{rule.signal}' is yes or no; write [true] or [false]"
    elif not pa.types.is_string(inner):
        yield f"'{rule.signal}' holds {kind}, which no rule can be about"
    elif any(isinstance(value, bool) for value in values):
        yield f"'{rule.signal}' holds words; put yes, no, on, off, true and false in quotes"
    elif rule.signal == "language":
        yield from (f"no language '{v}'{_near_language(str(v))}" for v in values if v not in LANGUAGES)


def _edits(edits: Edits, registry: Registry) -> Iterator[str]:
    masks = [name for name, column in registry.items() if column.family == LINES and _is_mask(column.signal.type)]
    if edits.lines is not None and edits.lines not in masks:
        yield f"lines: no mask '{edits.lines}'{nearest(edits.lines, masks)}"
    if isinstance(edits.mask_pii, list):
        types = pii_types(registry)
        for each in edits.mask_pii:
            if each not in types:
                yield f"mask_pii: no type '{each}'{nearest(each, types)}"


def _is_mask(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def pii_types(registry: Registry) -> list[str]:
    """The types of personal data that can be masked: those that the family counts."""
    counted = [c.signal for c in registry.values() if c.family == PII and pa.types.is_integer(c.signal.type)]
    return [signal.name.removeprefix("pii_") for signal in counted]
