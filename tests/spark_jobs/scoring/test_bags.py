"""Bags of words and pairs: kernels against dictionaries, DSIR against its formula, the classifier against labels."""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from gristmill.lake import Lake
from gristmill.storage import PosixStorage
from spark_jobs.scoring import classifier, importance, tokens
from spark_jobs.scoring.bags import bag_counts, bag_means
from spark_jobs.scoring.classifier import TooFewLabels
from spark_jobs.scoring.family import OF_TEXT
from spark_jobs.scoring.labels import folds
from spark_jobs.scoring.model import load
from spark_jobs.scoring.recipe import Recipe
from spark_jobs.scoring.training import train
from spark_jobs.text.unicode import utf8_buffers

BUCKETS = 97
MASK = (1 << 64) - 1


def mixed(value: int) -> int:
    """SplitMix64's finaliser."""
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & MASK
    return value ^ (value >> 31)


def buckets_of(hashes: list[int]) -> list[int]:
    pairs = [mixed((a * 0x9E3779B97F4A7C15 + b) & MASK) for a, b in pairwise(hashes)]
    return [(value >> 32) * BUCKETS >> 32 for value in [*hashes, *pairs]]


@given(st.lists(st.text(alphabet="ab 猫\n.é", max_size=40), max_size=8), st.integers(0, 99))
def test_counts_and_means_are_those_of_the_tokens(texts: list[str], seed: int) -> None:
    found = tokens.tokens(pa.array(texts, pa.string()))
    draw = np.random.default_rng(seed)
    weights = draw.normal(size=(2, BUCKETS)).astype(np.float32)
    rows = draw.integers(-1, 2, len(texts))
    counts, means, features = np.zeros((2, BUCKETS), np.int64), np.zeros(len(texts)), np.zeros(len(texts), np.int64)
    bag_counts(found, rows, counts)
    bag_means(found, weights, rows, means, features)
    wanted: list[Counter[int]] = [Counter(), Counter()]
    for i, row in enumerate(rows):
        mine = buckets_of(found.hashes[found.bounds[i] : found.bounds[i + 1]].tolist())
        assert features[i] == len(mine)
        if row < 0 or not mine:
            assert math.isnan(means[i])
            continue
        wanted[row].update(mine)
        assert means[i] == pytest.approx(np.mean([weights[row, b] for b in mine]), abs=1e-6)
    assert [dict(enumerate(row)) for row in counts.tolist()] == [{b: w[b] for b in range(BUCKETS)} for w in wanted]


@given(st.lists(st.text(alphabet="ab \n.é字", max_size=30), max_size=12))
def test_slices_and_lines_hold_the_same_tokens(texts: list[str]) -> None:
    column = pa.array(["left out", *texts], pa.string())[1:]
    whole, offsets = tokens.tokens(column, lines=True), utf8_buffers(column)[0]
    assert len(whole.bounds) == len(offsets)
    plain = tokens.tokens(column)
    for i, text in enumerate(texts):
        lines = [tokens.tokens(pa.array([line])).hashes.tolist() for line in text.split("\n")]
        wanted = [h for line in lines if line for h in [*line, int(tokens.LINE_END)]]
        assert whole.hashes[whole.bounds[i] : whole.bounds[i + 1]].tolist() == wanted
        assert plain.hashes[plain.bounds[i] : plain.bounds[i + 1]].tolist() == [h for line in lines for h in line]


def test_slices_join_to_the_whole(monkeypatch: Any) -> None:
    monkeypatch.setattr(tokens, "SLICE_BYTES", 10)
    column = pa.array(["one two", "", "three four five six", "seven", "a b"])
    parts = list(tokens.in_slices(column))
    assert [row for row, _ in parts] == [0, 2, 3]
    assert np.concatenate([p.hashes for _, p in parts]).tolist() == tokens.tokens(column).hashes.tolist()


def table(rows: list[tuple[str, str]]) -> pa.Table:
    return pa.table({"text": pa.array([t for t, _ in rows], pa.large_string()), "language": [c for _, c in rows]})


def test_importance_is_the_mean_log_ratio_of_smoothed_frequencies() -> None:
    recipe = Recipe.model_construct(min_tokens=4)
    target, raw = table([("mill corn", "en"), ("corn corn", "en")]), table([("mill mill mill shop", "en"), ("a", "de")])
    languages, arrays, card = importance.train(recipe, target, raw)
    assert languages == ("en",)
    assert set(card["too_little_text"]) == {"de"}
    counts = [np.zeros((1, importance.BUCKETS), np.int64) for _ in range(2)]
    for each, mine in zip((target, raw.slice(0, 1)), counts, strict=True):
        bag_counts(tokens.tokens(each.column("text")), np.zeros(each.num_rows, np.int64), mine)
    target_sum, raw_sum = (int(c.sum()) + importance.BUCKETS for c in counts)
    wanted = np.log((counts[0][0] + 1) / target_sum) - np.log((counts[1][0] + 1) / raw_sum)
    assert arrays["weights"][0] == pytest.approx(wanted, abs=1e-6)


@pytest.fixture
def lake(tmp_path: Any) -> Lake:
    return Lake(PosixStorage(tmp_path / "lake"))


def test_a_classifier_is_tested_on_groups_that_it_never_saw(desk: Any, lake: Lake) -> None:
    recipe = desk.classifier()
    digest, model = train(lake, recipe)
    tested = model.card["test"]["en"]
    assert tested["auc"] > 0.95
    rows = [(row, label) for name, label in (("good", 1), ("bad", 0)) for row in desk.rows(name)]
    held = [(r, y) for (r, y), f in zip(rows, folds([r["group"] for r, _ in rows]), strict=True) if f == "test"]
    assert (tested["positive"], tested["negative"]) == (sum(y for _, y in held), sum(1 - y for _, y in held))
    loaded = load(lake, "prose", digest)
    values, _ = OF_TEXT["classifier"](loaded, pa.array([r["text"] for r, _ in held]), ["en"] * len(held))
    assert tested["auc"] == pytest.approx(roc_auc_score([y for _, y in held], values), abs=1e-4)
    assert (values >= 0).all()
    assert (values <= 1).all()
    again, _ = train(Lake(PosixStorage(desk.folder / "another lake")), recipe)
    assert again == digest, "the same sets give the same model wherever it is trained"


def test_shuffled_labels_teach_nothing(desk: Any, lake: Lake) -> None:
    rows = [*desk.texts("good", 200, 3), *desk.texts("good", 200, 4)]
    one, two = desk.write("one", rows[::2]), desk.write("two", rows[1::2])
    recipe = desk.recipe("noise", kind="classifier", positive=[one], negative=[two], reference=[one])
    tested = train(lake, recipe)[1].card["test"]["en"]
    low, high = tested["auc_95"]
    assert low <= 0.5 <= high


def test_a_language_with_few_labels_has_no_score_and_is_counted(desk: Any, lake: Lake) -> None:
    few = [{"text": f"einige wenige Zeilen {i}", "language": "de", "group": str(i)} for i in range(5)]
    good = desk.write("good", [*desk.texts("good", 240, 1), *few])
    bad = desk.write("bad", desk.texts("bad", 240, 2))
    recipe = desk.recipe("prose", kind="classifier", positive=[good], negative=[bad], reference=[good])
    model = train(lake, recipe)[1]
    assert model.languages == ("en",)
    assert model.card["too_few_labels"] == {"de": {"positive": 5, "negative": 0, "least_in_fold": 0}}
    values, _ = classifier.score(model, pa.array(["river history", "Zeilen", ""]), ["en", "de", "en"])
    assert np.isnan(values).tolist() == [False, True, True]
    only = desk.recipe("none", kind="classifier", positive=[desk.write("de", few)], negative=[bad], reference=[bad])
    with pytest.raises(TooFewLabels, match="no language has 20 texts of either label"):
        train(lake, only)


def test_a_language_is_calibrated_on_more_than_a_label(desk: Any, lake: Lake) -> None:
    """Of 240 labels of a kind enough for the whole, and in one fold a single one, or one too few."""
    good, bad = desk.texts("good", 240, 1), desk.texts("bad", 240, 2)
    bad_set = desk.write("bad", bad)
    fold = folds([row["group"] for row in good])
    for name in ("calibrate", "test"):
        mine = [row for row, where in zip(good, fold, strict=True) if where == name]
        rest = [row for row, where in zip(good, fold, strict=True) if where != name]
        for count, enough in ((1, False), (9, False), (10, True)):
            some = desk.write("good", [*rest, *mine[:count]])
            recipe = desk.recipe("prose", kind="classifier", positive=[some], negative=[bad_set], reference=[bad_set])
            if enough:
                assert train(lake, recipe)[1].languages == ("en",)
            else:
                with pytest.raises(TooFewLabels, match=f"10 in each fold .*'least_in_fold': {count}"):
                    train(lake, recipe)


def test_labels_of_a_fold_grow_with_those_asked_for() -> None:
    """25 of a kind in the smallest folds are a twentieth of 500, and not of 520."""
    labels = np.tile([True, False], 600)
    fold = np.repeat(["train", "calibrate", "test"], [1100, 50, 50])
    spoken = np.full(1200, "en")
    assert classifier._enough(500, spoken, labels, fold) == (("en",), {})
    assert classifier._enough(520, spoken, labels, fold)[1]["en"]["least_in_fold"] == 25
