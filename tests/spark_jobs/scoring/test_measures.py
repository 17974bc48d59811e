"""AUC, curve, calibration and percentiles against independent definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from spark_jobs.scoring import reference
from spark_jobs.scoring.measures import auc, auc_interval, calibration, curve, logistic, platt
from spark_jobs.scoring.model import Model

LABELLED = st.lists(st.tuples(st.integers(-5, 5), st.booleans()), min_size=4, max_size=60).filter(
    lambda rows: 0 < sum(y for _, y in rows) < len(rows)
)


@given(LABELLED)
def test_auc_is_scikit_learns(rows: list[tuple[int, bool]]) -> None:
    scores, labels = np.array([s for s, _ in rows], float), np.array([y for _, y in rows])
    found = auc(scores, labels)
    assert found == pytest.approx(roc_auc_score(labels, scores))
    low, high = auc_interval(found, int(labels.sum()), int((~labels).sum()))
    assert low <= found <= high


def test_the_interval_is_hanley_and_mcneils() -> None:
    # 51 positives, 58 negatives, area 0.893: standard error 0.032 (Hanley & McNeil 1982, Table II of 109 images).
    low, high = auc_interval(0.893, 51, 58)
    assert (high - low) / 2 / 1.96 == pytest.approx(0.032, abs=0.001)


def test_the_curve_counts_what_is_kept() -> None:
    scores, labels = np.arange(100.0), np.arange(100) >= 60
    row = next(r for r in curve(scores, labels) if r["percentile"] == 50)
    assert row["positives_kept"] == 1
    assert row["negatives_kept"] == pytest.approx(10 / 60, abs=1e-4)
    assert row["precision"] == pytest.approx(40 / 50)


def test_platt_is_logistic_regression_of_one_feature() -> None:
    draw = np.random.default_rng(0)
    margins = draw.normal(size=4000) * 3
    labels = draw.random(4000) < logistic(0.7 * margins - 0.4)
    slope, intercept = platt(margins, labels)
    model = LogisticRegression(C=1e9).fit(margins[:, None], labels)
    assert slope == pytest.approx(model.coef_[0, 0], abs=5e-3)
    assert intercept == pytest.approx(model.intercept_[0], abs=5e-3)
    assert calibration(logistic(slope * margins + intercept), labels)["error"] < 0.03


@pytest.mark.parametrize("scale", [0.01, 1, 20, 500])
def test_platt_has_a_finite_slope_where_margins_part_the_labels(scale: float) -> None:
    margins = np.array([*np.linspace(-3, -2, 20), *np.linspace(2, 3, 10)]) * scale
    slope, intercept = platt(margins, margins > 0)
    assert 0 < slope < np.inf
    said = logistic(slope * margins + intercept)
    assert said[margins > 0].mean() == pytest.approx(11 / 12, abs=0.02), "Platt's target of ten positives"
    assert said[margins < 0].mean() == pytest.approx(1 / 22, abs=0.02)


@given(
    st.lists(st.integers(0, 20), min_size=10, max_size=80), st.lists(st.integers(-2, 22), min_size=1, max_size=20),
    st.booleans(),
)  # fmt: skip
def test_a_percentile_is_the_share_of_worse_reference_documents(
    known: list[int], asked: list[int], higher_is_better: bool
) -> None:
    placed = reference.references(np.array(known, float), ["en"] * len(known), 10)
    model = Model("m", "classifier", ("en",), {}, placed, higher_is_better)
    found = reference.percentiles(model, np.array([*asked, np.nan], float), ["en"] * len(asked) + ["en"])
    for value, percentile in zip(asked, found[:-1], strict=True):
        worse = sum((k < value) if higher_is_better else (k > value) for k in known)
        assert percentile == pytest.approx(100 * (worse + sum(k == value for k in known) / 2) / len(known))
    assert np.isnan(found[-1])


def test_few_reference_documents_give_no_percentile() -> None:
    scores = np.array([1.0] * 9 + [2.0] * 12 + [np.nan] * 9)
    placed = reference.references(scores, ["de"] * 9 + ["en"] * 12 + ["fr"] * 9, 10)
    assert set(placed) == {"en"}
    model = Model("m", "classifier", ("de", "en"), {}, placed, True)
    found = reference.percentiles(model, np.array([1.0, 2.0]), ["de", "en"])
    assert reference.buckets(found).tolist() == [-1, 1]
    assert reference.buckets(np.array([100, 70, 69.9, 40, 39.9, 0])).tolist() == [0, 0, 1, 1, 2, 2]


def test_thinned_references_keep_their_ends_and_places() -> None:
    values = np.sort(np.random.default_rng(1).normal(size=35_000)).astype(np.float32)
    kept = reference.thinned(values)
    assert len(kept) == reference.KEPT
    assert (kept[0], kept[-1]) == (values[0], values[-1])
    at = np.searchsorted(kept, values[::500]) / len(kept) - np.searchsorted(values, values[::500]) / len(values)
    assert np.abs(at).max() < 2e-4
