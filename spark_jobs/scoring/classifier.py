"""A linear classifier over hashed words and pairs, in the manner of DCLM's fastText filter (Li et al. 2024).

fastText with two labels and averaged features is a linear model of them, whatever its inner size; here it is one
weight per bucket. One set of weights serves all languages; the probability is calibrated in each by itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gristmill.errors import UserError
from spark_jobs.scoring.bags import bag_means, learn
from spark_jobs.scoring.labels import folds
from spark_jobs.scoring.measures import calibration, logistic, platt, told_apart
from spark_jobs.scoring.model import Arrays, Model
from spark_jobs.scoring.recipe import Recipe
from spark_jobs.scoring.tokens import in_slices, tokens

BUCKETS = 1 << 20
PASSES, STEP = 10, 2.0
LEAST_IN_FOLD = 10
"""Labels of either kind that a fold needs, or a twentieth of `min_labels` if that is more: half of what a tenth, the
smallest fold, has on average. A calibration has two parameters; with a single label of a kind it fits that text."""

Floats = NDArray[np.float64]


class TooFewLabels(UserError):
    """No language has enough labels; the message says how many there are."""


def score(model: Model, text: pa.Array, languages: Sequence[str | None]) -> tuple[Floats, NDArray[np.int64]]:
    """(probability of the positive label, features) of n texts; NaN where the language has too few labels."""
    margins, features = _margins(model.arrays, text)
    slope, intercept = model.arrays["platt"].T[:, model.rows(languages)]
    known = model.rows(languages) >= 0
    return np.where(known, logistic(slope * margins + intercept), np.nan), features


def _margins(arrays: Arrays, text: pa.Array) -> tuple[Floats, NDArray[np.int64]]:
    weights = arrays["weights"].reshape(1, -1)
    margins, features = np.zeros(len(text)), np.zeros(len(text), np.int64)
    for row, found in in_slices(text):
        end = row + len(found.bounds) - 1
        bag_means(found, weights, np.zeros(end - row, np.int64), margins[row:end], features[row:end])
    return margins + float(arrays["intercept"][0]), features


def train(recipe: Recipe, positive: pa.Table, negative: pa.Table) -> tuple[tuple[str, ...], Arrays, dict[str, Any]]:
    """(languages, arrays, what the card says) from labelled texts (columns text, language, group).

    A language with fewer than `min_labels` of either label, or with too few in a fold (LEAST_IN_FOLD), is left out and
    counted. Raises TooFewLabels when none is left.
    """
    labelled = pa.concat_tables([positive, negative])
    labels = np.arange(labelled.num_rows) < positive.num_rows
    spoken = np.array([code or "" for code in labelled.column("language").to_pylist()])
    fold = folds(labelled.column("group").to_pylist())
    languages, missing = _enough(recipe.min_labels, spoken, labels, fold)
    if not languages:
        raise TooFewLabels(
            f"score '{recipe.name}': no language has {recipe.min_labels} texts of either label, and "
            f"{_in_fold(recipe.min_labels)} in each fold ({missing or 'there are no labels'}); add labels, of more "
            "groups where a fold has too few, or lower min_labels"
        )
    known = np.isin(spoken, languages)
    text = labelled.column("text").combine_chunks()
    taught = known & (fold == "train")
    arrays = _learned(text.filter(pa.array(taught)), labels[taught], spoken[taught], recipe.seed)
    margins, _ = _margins(arrays, text)
    # A text without a word has no margin: it is no label either.
    known &= ~np.isnan(margins)
    fitted, tested = [], {}
    for code in languages:
        mine = (spoken == code) & known
        held, last = mine & (fold == "calibrate"), mine & (fold == "test")
        fitted.append(platt(margins[held], labels[held]))
        tested[code] = _tested(margins[last], labels[last], fitted[-1])
    arrays = {**arrays, "platt": np.round(np.array(fitted), 6)}
    card = {
        "labels": {c: _counts(labels[spoken == c], fold[spoken == c]) for c in languages}, "too_few_labels": missing,
        "test": tested, "status": "calibrated", "unit": "probability of the positive label",
        "training": {"buckets": BUCKETS, "passes": PASSES, "step": STEP, "seed": recipe.seed},
    }  # fmt: skip
    return languages, arrays, card


def _in_fold(least: int) -> int:
    return max(LEAST_IN_FOLD, least // 20)


def _enough(
    least: int, spoken: NDArray[np.str_], labels: NDArray[np.bool_], fold: NDArray[np.str_]
) -> tuple[tuple[str, ...], dict[str, dict[str, int]]]:
    """(languages with enough labels, in every fold too; counts of the others, and of the least that a fold has)"""
    languages, missing = [], {}
    for code in sorted(set(spoken.tolist()) - {""}):
        mine = spoken == code
        positive, negative = int((mine & labels).sum()), int((mine & ~labels).sum())
        in_fold = min(n for counts in _counts(labels[mine], fold[mine]).values() for n in counts.values())
        if min(positive, negative) >= least and in_fold >= _in_fold(least):
            languages.append(code)
        else:
            missing[code] = {"positive": positive, "negative": negative, "least_in_fold": in_fold}
    return tuple(languages), missing


def _counts(labels: NDArray[np.bool_], fold: NDArray[np.str_]) -> dict[str, dict[str, int]]:
    return {name: {"positive": int((labels & (fold == name)).sum()), "negative": int((~labels & (fold == name)).sum())}
            for name in ("train", "calibrate", "test")}  # fmt: skip


def _learned(text: pa.Array, labels: NDArray[np.bool_], spoken: NDArray[np.str_], seed: int) -> dict[str, NDArray[Any]]:
    """Weights and intercept; each language and label weighs the same, so that neither is learned from the other."""
    kinds = Counter(zip(spoken.tolist(), labels.tolist(), strict=True))
    weight = np.array([len(labels) / (len(kinds) * kinds[c, y]) for c, y in zip(spoken.tolist(), labels.tolist(),
                                                                                strict=True)])  # fmt: skip
    found = tokens(text)
    weights, squares = np.zeros(BUCKETS + 1), np.zeros(BUCKETS + 1)
    order = np.random.default_rng(seed)
    for number in range(PASSES):
        step = STEP * (1 - number / PASSES)
        learn(found, labels.astype(float), weight, order.permutation(len(labels)), step, weights, squares)
    # Rounded, so that the last bits of another processor's exponential make no other model.
    return {"weights": np.round(weights[:-1], 5).astype(np.float32), "intercept": np.round(weights[-1:], 5)}


def _tested(margins: Floats, labels: NDArray[np.bool_], fitted: tuple[float, float]) -> dict[str, Any]:
    probability = logistic(fitted[0] * margins + fitted[1])
    return {**told_apart(probability, labels), "calibration": calibration(probability, labels)}
