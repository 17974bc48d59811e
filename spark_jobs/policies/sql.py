"""The same rules as a Spark SQL expression, for a look at signals from a notebook or a SQL shell."""

from __future__ import annotations

import math

import pyarrow as pa

from spark_jobs.policies.model import Bounds, Policy, Rule
from spark_jobs.policies.registry import Registry


def to_sql(policy: Policy, registry: Registry) -> str:
    """`CASE WHEN ... THEN 'rule' ... END`: the first rule that fires, null where none does.

    The columns are those of the signals, and `language`. Decides as `evaluate.first_rule` does.
    """
    when = [f"WHEN {_condition(rule, registry[rule.signal].signal.type)} THEN '{rule.name}'" for rule in policy.rules]
    return "\n  ".join(["CASE", *when]) + "\nEND"


def _condition(rule: Rule, kind: pa.DataType) -> str:
    """True where the rule fires; false or null where it does not."""
    if rule.forbid is not None or rule.require is not None:
        listed = _listed(rule, kind)
        named = [code for code in rule.named_languages if rule.bounds(code) is None]
        return _joined("AND", [*_scope(rule, named), listed])
    cases = [
        _joined("AND", [f"language = {_text(code)}", _outside(rule.signal, bounds, kind)])
        for code in rule.named_languages
        if (bounds := rule.bounds(code)) is not None
    ]
    if (bounds := rule.bounds(None)) is not None:
        cases.append(_joined("AND", [*_scope(rule, rule.named_languages), _outside(rule.signal, bounds, kind)]))
    return _joined("OR", cases)


def _scope(rule: Rule, excluded: list[str]) -> list[str]:
    """The languages outside `excluded` for which the rule is on."""
    if rule.only is not None:
        return [f"language IN ({_texts([code for code in rule.only if code not in excluded])})"]
    return [f"(language IS NULL OR language NOT IN ({_texts(excluded)}))"] if excluded else []


def _outside(column: str, bounds: Bounds, kind: pa.DataType) -> str:
    tests = []
    for sign, bound in (("<", bounds.min), (">", bounds.max)):
        if bound is not None:
            tests.append(f"{column} {sign} {_number(bound, kind)}")
    outside = _joined("OR", tests)
    # Spark holds NaN for greater than any number; here no comparison is true of it.
    return f"(NOT isnan({column}) AND {outside})" if pa.types.is_floating(kind) else outside


def _listed(rule: Rule, kind: pa.DataType) -> str:
    values = rule.forbid or rule.require or []
    if pa.types.is_list(kind):
        test = " OR ".join(f"exists({rule.signal}, v -> v <=> {_literal(value)})" for value in values)
    else:
        test = f"{rule.signal} IN ({', '.join(map(_literal, values))})"
    return f"({test})" if rule.forbid is not None else f"(NOT ({test}))"


def _joined(word: str, parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"({f' {word} '.join(parts)})"


def _number(bound: float, kind: pa.DataType) -> str:
    assert math.isfinite(bound)
    return f"CAST({bound!r} AS {'FLOAT' if kind == pa.float32() else 'DOUBLE'})"


def _literal(value: bool | str) -> str:
    return str(value).lower() if isinstance(value, bool) else _text(value)


def _text(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _texts(values: list[str]) -> str:
    return ", ".join(map(_text, values))
