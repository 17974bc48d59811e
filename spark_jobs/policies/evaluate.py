"""A policy applied to a table of signals: vectorised, one pass per rule, no row of Python.

Bounds are compared in the signal's own type, so that a stored 0.1 passes the bound 0.1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spark_jobs.policies.model import Policy, Rule

LANGUAGE = "language"
Rows = NDArray[np.intp]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Fired:
    """Per document: index of the first rule that fired (-1: none), its value and its threshold."""

    rule: NDArray[np.int16]
    value: Floats
    threshold: Floats


@dataclass(frozen=True)
class Outcome:
    """One rule over all documents: `rows` it fires on, ascending, with value and threshold of each.

    For `forbid` the value is how many forbidden values were found and the threshold 0; for `require` they are
    0 and 1. `unmeasured`: documents the rule is meant for whose signal is null.
    """

    rows: Rows
    value: Floats
    threshold: Floats
    unmeasured: int


@dataclass(frozen=True)
class Judgement:
    """All rules over n documents: `first` of them, `matrix` (n x rules: fires, whatever the order), and per rule
    how many documents it could not be measured on."""

    first: Fired
    matrix: NDArray[np.bool_]
    unmeasured: NDArray[np.int64]


def judge(policy: Policy, signals: pa.Table) -> Judgement:
    """Apply every rule to `signals`: one row a document, the columns that the rules name, and `language`."""
    count = signals.num_rows
    first = Fired(np.full(count, -1, np.int16), np.full(count, np.nan), np.full(count, np.nan))
    matrix = np.zeros((count, len(policy.rules)), np.bool_, order="F")
    unmeasured = np.zeros(len(policy.rules), np.int64)
    for number, outcome in enumerate(_outcomes(policy, signals)):
        matrix[outcome.rows, number] = True
        unmeasured[number] = outcome.unmeasured
        new = first.rule[outcome.rows] < 0
        rows = outcome.rows[new]
        first.rule[rows] = number
        first.value[rows] = outcome.value[new]
        first.threshold[rows] = outcome.threshold[new]
    return Judgement(first, matrix, unmeasured)


def first_rule(policy: Policy, signals: pa.Table) -> Fired:
    """The first rule that fires on each document."""
    return judge(policy, signals).first


@dataclass(frozen=True)
class _Languages:
    """The language column coded once; the last code stands for null."""

    names: list[str | None]
    codes: NDArray[np.int32]

    @staticmethod
    def of(signals: pa.Table) -> _Languages:
        if LANGUAGE not in signals.column_names:
            return _Languages([None], np.zeros(signals.num_rows, np.int32))
        coded = pc.dictionary_encode(signals.column(LANGUAGE).combine_chunks())
        names = [*coded.dictionary.to_pylist(), None]
        return _Languages(names, pc.fill_null(coded.indices, len(names) - 1).to_numpy(zero_copy_only=False))


def _outcomes(policy: Policy, signals: pa.Table) -> Iterator[Outcome]:
    languages = _Languages.of(signals)
    for rule in policy.rules:
        column = signals.column(rule.signal).combine_chunks()
        meant = _meant(rule, languages)
        if rule.forbid is None and rule.require is None:
            yield _numeric(rule, column, languages, meant)
        else:
            yield _listed(rule, column, meant)


def _meant(rule: Rule, languages: _Languages) -> NDArray[np.bool_] | None:
    """Which documents the rule is meant for by language; None for all of them."""
    on = np.array([rule.bounds(name) is not None for name in languages.names])
    return None if on.all() else on[languages.codes]


def _numeric(rule: Rule, column: pa.Array, languages: _Languages, meant: NDArray[np.bool_] | None) -> Outcome:
    values = _numbers(column)
    bounds = [rule.bounds(name) for name in languages.names]
    low: Floats = np.array([-np.inf if b is None or b.min is None else b.min for b in bounds])
    high: Floats = np.array([np.inf if b is None or b.max is None else b.max for b in bounds])
    # A gather costs more than a comparison: rules that treat all languages alike compare with one number.
    codes = languages.codes if rule.named_languages else -1
    below = values < low.astype(values.dtype)[codes]
    rows = np.flatnonzero(below | (values > high.astype(values.dtype)[codes]))
    at = languages.codes[rows]
    threshold = np.where(below[rows], low[at], high[at])
    value = values[rows].astype(np.float64).round(6)
    return Outcome(rows, value, threshold, _count(np.isnan(values), meant))


def _numbers(column: pa.Array) -> NDArray[np.floating]:
    """Values as floats, null as NaN, which no comparison is true of. Whole numbers as float64, exact to 2^53."""
    if not pa.types.is_floating(column.type):
        column = column.cast(pa.float64())
    filled: NDArray[np.floating] = pc.fill_null(column, np.nan).to_numpy(zero_copy_only=False)
    return filled


def _listed(rule: Rule, column: pa.Array, meant: NDArray[np.bool_] | None) -> Outcome:
    found = _found(column, rule.forbid or rule.require or [])
    missing = pc.is_null(column).to_numpy(zero_copy_only=False)
    fires = ~missing & ((found > 0) if rule.forbid is not None else (found == 0))
    if meant is not None:
        fires &= meant
    rows = np.flatnonzero(fires)
    threshold = np.full(len(rows), 0.0 if rule.forbid is not None else 1.0)
    return Outcome(rows, found[rows].astype(np.float64), threshold, _count(missing, meant))


def _found(column: pa.Array, wanted: list[bool | str]) -> NDArray[np.int64]:
    """How many of the wanted values each document's value is or holds."""
    if not pa.types.is_list(column.type):
        return _is_in(column, wanted).astype(np.int64)
    parents = pc.list_parent_indices(column).to_numpy()
    hits = parents[_is_in(pc.list_flatten(column), wanted)]
    return np.bincount(hits, minlength=len(column)).astype(np.int64)


def _is_in(column: pa.Array, wanted: list[bool | str]) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = pc.is_in(column, pa.array(wanted, column.type)).to_numpy(zero_copy_only=False)
    return found


def _count(missing: NDArray[np.bool_], meant: NDArray[np.bool_] | None) -> int:
    return int(np.count_nonzero(missing if meant is None else missing & meant))
