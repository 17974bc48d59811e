"""Train a score from its recipe: sets read and made disjoint, the model learned, tested and placed, all on its card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gristmill import ledger
from gristmill.errors import UserError
from gristmill.lake import Lake
from gristmill.process import say
from gristmill.scores import MODEL
from spark_jobs.scoring import classifier, importance, outside, perplexity
from spark_jobs.scoring.family import OF_TEXT
from spark_jobs.scoring.labels import folds, overlapping
from spark_jobs.scoring.measures import told_apart
from spark_jobs.scoring.model import Arrays, Model, publish
from spark_jobs.scoring.recipe import SETS, Recipe
from spark_jobs.scoring.reference import references
from spark_jobs.scoring.texts import once, read, without

STAGE = "score.train"
SETTINGS = {"order", "min_labels", "min_reference", "min_tokens", "seed"}
LEARNED = {"classifier": ("positive", "negative"), "perplexity": ("text",), "importance": ("target", "raw")}
"""Kind -> the sets that it learns from."""

Sets = Mapping[str, pa.Table]


class TrainingError(UserError):
    """Nothing could be learned; the message says what the sets lack."""


def train(lake: Lake, recipe: Recipe, run_id: str = "manual") -> tuple[str, Model]:
    """(digest, model) of a recipe: trained, published and in the ledger. Equal sets give an equal digest.

    Raises SourceError, TooFewLabels, TrainingError or OutsideError.
    """
    config = recipe.model_dump(mode="json")
    with ledger.attempt(lake, stage=STAGE, scope=recipe.name, config=config, inputs={}, run_id=run_id) as attempt:
        say(f"score {recipe.name}: reading the sets")
        model = _outside(lake, recipe) if recipe.kind == "outside" else _trained(lake, recipe)
        digest = publish(lake, model, attempt.provenance())
        attempt.outputs[MODEL] = digest
        attempt.summary.update(kind=model.kind, languages=len(model.languages), status=model.card["status"])
    return digest, model


def _outside(lake: Lake, recipe: Recipe) -> Model:
    arrays, reference, card = outside.train(lake, recipe)
    card = {"about": recipe.about, **card}
    return Model(recipe.name, recipe.kind, (), arrays, reference, recipe.higher_is_better, card)


def _trained(lake: Lake, recipe: Recipe) -> Model:
    sets, sources = _read(lake, recipe)
    sets, left_out = _disjoint(recipe, sets)
    say(f"score {recipe.name}: {', '.join(f'{n:,} {r}' for r, n in _sizes(sets).items())} texts")
    languages, arrays, card = _learn(recipe, sets)
    if not languages:
        raise TrainingError(
            f"score '{recipe.name}': no language has enough text ({card.get('too_little_text')}); give more, or lower "
            "min_tokens"
        )
    for array in arrays.values():
        # As when it is loaded: a kernel is compiled once for both.
        array.flags.writeable = False
    model = Model(recipe.name, recipe.kind, languages, arrays, {}, recipe.kind != "perplexity")
    if recipe.kind != "classifier":
        card |= _tested(recipe, model, sets)
    reference = sets["reference"]
    values, _ = _scores(model, reference)
    placed = references(values, reference.column("language").to_pylist(), recipe.min_reference)
    card = {
        "about": recipe.about, "sources": sources, "texts": _sizes(sets), "left_out": left_out,
        "recipe": recipe.model_dump(mode="json", include=SETTINGS),
        **card,
    }  # fmt: skip
    return Model(model.name, model.kind, languages, arrays, placed, model.higher_is_better, card)


def _read(lake: Lake, recipe: Recipe) -> tuple[dict[str, pa.Table], dict[str, Any]]:
    found = {role: read(lake, role, recipe.sources(role)) for role in SETS if recipe.sources(role)}
    return {role: table for role, (table, _) in found.items()}, {role: cards for role, (_, cards) in found.items()}


def _sizes(sets: Sets) -> dict[str, int]:
    return {role: table.num_rows for role, table in sets.items()}


def _disjoint(recipe: Recipe, sets: Sets) -> tuple[dict[str, pa.Table], dict[str, dict[str, int]]]:
    """(sets that share no text, counts of what was left out of each): passages of the evaluation sets are in none;
    what is both positive and negative is neither; nothing that tests or places was learned from."""
    found, counts = dict(sets), {}
    for role in [role for role in sets if role != "evaluation" and "evaluation" in sets]:
        hit = overlapping(sets[role].column("text"), sets["evaluation"].column("text"))
        found[role] = sets[role].filter(pa.array(~hit))
        counts[role] = {"in_evaluation": int(hit.sum())}
    if "positive" in found:
        positive, negative = found["positive"], found["negative"]
        found["positive"], found["negative"] = without(positive, negative), without(negative, positive)
    tests = [found[role] for role in ("positive", "negative") if role in found]
    for role in LEARNED[recipe.kind]:
        if recipe.kind != "classifier" and tests:
            found[role] = without(found[role], pa.concat_tables(tests))
    learned = pa.concat_tables([_train_fold(recipe, found[role]) for role in LEARNED[recipe.kind]])
    found["reference"] = without(found["reference"], learned)
    for role, table in found.items():
        mine = counts.setdefault(role, {})
        if shared := sets[role].num_rows - table.num_rows - mine.get("in_evaluation", 0):
            mine["in_another_set"] = shared
    return found, {role: each for role, each in counts.items() if each}


def _train_fold(recipe: Recipe, table: pa.Table) -> pa.Table:
    """The part of a set that is learned from: of a classifier's labels, one fold."""
    if recipe.kind != "classifier":
        return table
    return table.filter(pa.array(folds(table.column("group").to_pylist()) == "train"))


def _learn(recipe: Recipe, sets: Sets) -> tuple[tuple[str, ...], Arrays, dict[str, Any]]:
    if recipe.kind == "classifier":
        return classifier.train(recipe, sets["positive"], sets["negative"])
    if recipe.kind == "perplexity":
        return perplexity.train(recipe, sets["text"])
    return importance.train(recipe, sets["target"], sets["raw"])


def _scores(model: Model, table: pa.Table) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    values, features = OF_TEXT[model.kind](model, table.column("text").combine_chunks(), _spoken(table))
    return values, features


def _spoken(table: pa.Table) -> list[str | None]:
    found: list[str | None] = table.column("language").to_pylist()
    return found


def _tested(recipe: Recipe, model: Model, sets: Sets) -> dict[str, Any]:
    """How the labels are told apart, per language with enough of both; without labels the score is uncalibrated."""
    if "positive" not in sets:
        return {"status": "uncalibrated"}
    labelled = once(pa.concat_tables([sets["positive"], sets["negative"]]))
    labels = np.arange(labelled.num_rows) < sets["positive"].num_rows
    values, _ = _scores(model, labelled)
    better = values if model.higher_is_better else -values
    spoken = np.array([code or "" for code in _spoken(labelled)])
    tested = {}
    for code in model.languages:
        mine = (spoken == code) & ~np.isnan(better)
        if min(int(labels[mine].sum()), int((~labels[mine]).sum())) >= recipe.min_labels:
            tested[code] = told_apart(better[mine], labels[mine])
    return {"status": "calibrated" if tested else "uncalibrated", "test": tested}
