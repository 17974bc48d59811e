"""Divergences: formulas against other ways to compute them, chance taken off, rules that fell silent."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import chi2

from quality.drift import compared, jensen_shannon, population_stability
from quality.limits import Figures
from quality.metrics import Metrics

P, Q = np.array([700.0, 200, 90, 10]), np.array([400.0, 400, 100, 100])


def table(languages: dict[str, int], effective: int | None = None, removed: dict[str, int] | None = None) -> pa.Table:
    metrics, n = Metrics(), sum(languages.values())
    metrics.per_key("annotate", "documents", "language", languages)
    whole = float(n if effective is None else effective)
    metrics.shares("annotate", "effective_documents", "of", [("language", whole, n)])
    metrics.total("decide", "records_in", n)
    metrics.per_key("decide", "removed", "rule", removed or {})
    return metrics.table()


def mix(now: pa.Table, *past: pa.Table) -> float | None:
    found, _ = compared(now, {f"s{i}": each for i, each in enumerate(past)})
    value = Figures(found).total("drift.language_mix")[0]
    return None if math.isnan(value) else value


def test_jensen_shannon_is_that_of_scipy_and_lies_between_0_and_1() -> None:
    assert jensen_shannon(P, Q) == pytest.approx(jensenshannon(P, Q, base=2) ** 2)
    assert jensen_shannon(P, P) == 0
    assert jensen_shannon(np.array([1.0, 0]), np.array([0, 1.0])) == 1


def test_population_stability_is_both_kullback_leibler_divergences() -> None:
    p, q = (P + 0.5) / (P + 0.5).sum(), (Q + 0.5) / (Q + 0.5).sum()
    assert population_stability(P, Q) == pytest.approx((p * np.log(p / q)).sum() + (q * np.log(q / p)).sum())
    assert math.isfinite(population_stability(np.array([9.0, 0]), np.array([0, 9.0])))


@pytest.mark.parametrize(("measure", "chance"), [(population_stability, 1), (jensen_shannon, 1 / (8 * math.log(2)))])
def test_chance_is_distributed_as_chi_square(measure: Any, chance: float) -> None:
    """2,000 pairs of samples of one distribution: mean and 95th percentile."""
    rng, p, n, m = np.random.default_rng(0), P / P.sum(), 3000, 8000
    found = [measure(rng.multinomial(n, p), rng.multinomial(m, p)) for _ in range(2000)]
    scaled = np.array(found) / chance / (1 / n + 1 / m)
    assert scaled.mean() == pytest.approx(3, rel=0.1)
    assert np.quantile(scaled, 0.95) == pytest.approx(chi2(3).ppf(0.95), rel=0.1)


def test_a_changed_mix_shows_and_chance_does_not() -> None:
    clean = {"en": 700, "de": 200, "fr": 100}
    assert mix(table(clean), table({"en": 710, "de": 195, "fr": 95})) == 0
    assert mix(table({"en": 400, "de": 200, "fr": 400}), table(clean)) == pytest.approx(0.09, abs=0.02)
    assert mix(table({"ja": 1000}), table(clean)) == pytest.approx(1, abs=0.02)


def test_what_rests_on_few_independent_documents_is_mostly_chance() -> None:
    changed = {"en": 400, "de": 200, "fr": 400}
    assert mix(table(changed, effective=10), table({"en": 700, "de": 200, "fr": 100})) == 0


def test_without_history_or_documents_there_is_no_value() -> None:
    assert mix(table({"en": 10})) is None
    assert mix(table({}), table({"en": 10})) is None
    assert mix(table({"en": 10}), table({})) is None


def test_each_release_of_the_past_is_compared_with_the_others() -> None:
    clean = {"en": 700, "de": 200, "fr": 100}
    past = {"a": table(clean), "b": table(clean), "odd": table({"en": 100, "de": 200, "fr": 700})}
    _, found = compared(table(clean), past)
    values = {name: Figures(each).total("drift.language_mix")[0] for name, each in found.items()}
    assert values["odd"] > values["a"] > 0
    _, alone = compared(table(clean), {"a": table(clean)})
    assert Figures(alone["a"]).total("drift.language_mix")[0] == 0


def test_a_silent_rule_is_named_with_the_removals_that_history_predicts() -> None:
    past = {"a": table({"en": 1000}, removed={"short": 30, "odd": 0}), "b": table({"en": 500}, removed={"short": 15})}
    now, _ = compared(table({"en": 2000}, removed={"short": 0, "odd": 0, "new": 0, "long": 5}), past)
    figures = Figures(now)
    assert figures.total("drift.silent_rules")[0] == 3
    assert {key: row[0] for key, row in figures.of("drift.silent_rules", "rule").items()} == {"short": 60, "odd": 0}
