"""How far a snapshot is from the releases before it: divergences of distributions, rules that fell silent.

The measures are computed from metrics tables when a snapshot is judged. What chance explains is taken off them, so
that small crawls are not accused: for samples of n and m effective documents from one distribution over k bins,
PSI / (1/n + 1/m) is distributed as chi-square with k - 1 degrees of freedom (Yurdakul and Naranjo, Statistical
properties of the population stability index, 2020); so is the Jensen-Shannon divergence times 8 ln 2, whose second
order is the same. NOISE standard deviations above the mean of that are taken off; less than 0 is 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from quality.limits import Figures
from quality.metrics.rows import Metrics

NOISE = 3.0
FEW = 5
"""Keys with fewer documents in both samples together are one bin."""

Counts = NDArray[np.float64]


def population_stability(now: Counts, then: Counts) -> float:
    """Sum of (p - q) ln(p / q) over bins (Siddiqi, Credit Risk Scorecards, 2006); half a document is added to each
    bin, so that an empty one counts and is finite. 0.1 is commonly called a small shift and 0.25 a large one."""
    p, q = ((each + 0.5) / (each.sum() + len(each) / 2) for each in (now, then))
    return float(((p - q) * np.log(p / q)).sum())


def jensen_shannon(now: Counts, then: Counts) -> float:
    """Divergence in bits, from 0 to 1 (Lin, 1991)."""
    p, q = now / now.sum(), then / then.sum()
    middle = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = [np.where(each > 0, each * np.log2(each / middle), 0).sum() / 2 for each in (p, q)]
    return min(1.0, max(0.0, float(sum(parts))))


@dataclass(frozen=True)
class Distribution:
    """`metric` counts documents by key of `scope`; `basis` names its effective documents; `chance` is what a unit of
    (1/n + 1/m) is worth in the measure."""

    name: str
    metric: str
    scope: str
    basis: str
    measure: Callable[[Counts, Counts], float]
    chance: float


DISTRIBUTIONS = (
    Distribution("language_mix", "annotate.documents", "language", "language", jensen_shannon, 1 / (8 * math.log(2))),
    Distribution("lengths", "annotate.chars", "bin", "chars", population_stability, 1.0),
    Distribution("language_scores", "annotate.language_score", "bin", "language_score", population_stability, 1.0),
)


def compared(table: pa.Table, past: Mapping[str, pa.Table]) -> tuple[pa.Table, dict[str, pa.Table]]:
    """The metrics table with its `drift` rows, and the tables of the past with theirs.

    The snapshot is compared with all earlier releases pooled, each of them with the others; a single one is its own
    measure. `past`: snapshot -> metrics table. Without any, the figures are there and have no value.
    """
    now, then = Figures(table), {snapshot: Figures(each) for snapshot, each in past.items()}
    metrics = Metrics()
    _divergences(metrics, now, list(then.values()))
    _silent_rules(metrics, now, list(then.values()))
    found = {}
    for snapshot, each in past.items():
        own = Metrics()
        _divergences(own, then[snapshot], [other for name, other in then.items() if name != snapshot or len(then) == 1])
        found[snapshot] = pa.concat_tables([each, own.table()])
    return pa.concat_tables([table, metrics.table()]), found


def _divergences(metrics: Metrics, now: Figures, then: Sequence[Figures]) -> None:
    for each in DISTRIBUTIONS:
        value, noise, basis = _divergence(each, now, then)
        metrics.total("drift", each.name, value, basis)
        if noise is not None:
            metrics.series("drift", each.name, "chance", [("taken off", noise)])


def _divergence(which: Distribution, now: Figures, then: Sequence[Figures]) -> tuple[float | None, float | None, int]:
    """(measure beyond chance, chance, effective documents now); None without documents now or then."""
    then = [each for each in then if each.of(which.metric, which.scope) and _basis(which, each)]
    here, before = _counts(which, [now]), _counts(which, then)
    basis, basis_then = _basis(which, now), sum(_basis(which, each) for each in then)
    if not basis or not basis_then or not sum(here.values()) or not sum(before.values()):
        return None, None, basis
    keys = sorted(set(here) | set(before))
    rare = {key for key in keys if here.get(key, 0) + before.get(key, 0) < FEW}
    kept = [key for key in keys if key not in rare]
    p, q = (
        np.array([*(each.get(key, 0) for key in kept), sum(each.get(key, 0) for key in rare)])
        for each in (here, before)
    )
    there = p + q > 0
    freedom = max(1, int(there.sum()) - 1)
    noise = (freedom + NOISE * math.sqrt(2 * freedom)) * (1 / basis + 1 / basis_then) * which.chance
    return max(0.0, which.measure(p[there], q[there]) - noise), noise, basis


def _counts(which: Distribution, figures: Sequence[Figures]) -> dict[str, float]:
    found: dict[str, float] = {}
    for each in figures:
        for key, (value, _) in each.of(which.metric, which.scope).items():
            found[key] = found.get(key, 0.0) + value
    return found


def _basis(which: Distribution, figures: Figures) -> int:
    value, _ = figures.of("annotate.effective_documents", "of").get(which.basis, (0.0, 0))
    return int(value)


def _silent_rules(metrics: Metrics, now: Figures, then: Sequence[Figures]) -> None:
    """How many rules removed nothing; per rule the removals that earlier releases predict and that did not come.

    The prediction is the share of all documents that the rule removed then, times the documents now; it is 0 for a
    rule that removed any.
    """
    removed = {rule: value for rule, (value, _) in now.of("decide.removed", "rule").items()}
    documents, _ = now.total("decide.records_in")
    expected = {}
    for rule, value in removed.items():
        seen = [each for each in then if rule in each.of("decide.removed", "rule")]
        given = sum(each.total("decide.records_in")[0] for each in seen)
        if given:
            share = sum(each.of("decide.removed", "rule")[rule][0] for each in seen) / given
            expected[rule] = 0.0 if value else documents * share
    metrics.total("drift", "silent_rules", float(sum(not value for value in removed.values())))
    metrics.per_key("drift", "silent_rules", "rule", expected)
