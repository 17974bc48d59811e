"""The score families of annotate: one for each model that the profile names, with a recipe of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from gristmill.lake import Account, FileEntry, Lake, declared
from gristmill.scores import family
from gristmill.settings import Settings
from gristmill.signals.scores import BUCKETS
from gristmill.units import Stage, Unit, UnitOutput, UnitResult, run_unit
from spark_jobs.scoring import classifier, importance, outside, perplexity
from spark_jobs.scoring.model import Model, load
from spark_jobs.scoring.reference import as_stored, buckets, percentiles

VERSION = 1
"""Bump when the same model and text give another score."""

OF_TEXT: Mapping[str, Callable[..., Any]] = {
    "classifier": classifier.score, "perplexity": perplexity.score, "importance": importance.score,
}  # fmt: skip


class NoOptions(Settings):
    """A model says everything."""


def stages(models: Mapping[str, str], snapshot: str) -> list[Stage]:
    """One stage per model (name -> digest)."""
    return [
        Stage(f"annotate.{dataset}", VERSION, (dataset,), NoOptions(), _compute(name, digest, dataset, snapshot))
        for name, digest in sorted(models.items())
        for dataset in [family(name, digest)]
    ]


def score_unit(
    lake: Lake, unit: Unit, models: Mapping[str, str], snapshot: str, documents: Any, language: FileEntry
) -> list[UnitResult]:
    """The score families of one documents file (`documents`: spark_jobs.families.Documents), from its records when
    there are some. `language`: its file of that family. Raises ModelError."""
    found = []
    for stage, (name, digest) in zip(stages(models, snapshot), sorted(models.items()), strict=True):
        inputs = {"documents": documents.entry.sha256, "language": language.sha256}
        if load(lake, name, digest).kind == "outside":
            # Equal files of two snapshots have documents of the same ids and other scores.
            inputs["snapshot"] = snapshot
        own = Unit(unit.key, inputs, {"documents": documents, "language": language}, unit.weight)
        found.append(run_unit(lake, stage, own))
    return found


def _compute(name: str, digest: str, dataset: str, snapshot: str) -> Callable[[Lake, Unit, NoOptions], UnitOutput]:
    def compute(lake: Lake, unit: Unit, config: NoOptions) -> UnitOutput:
        model, documents = load(lake, name, digest), unit.payload["documents"]
        spoken = lake.read_file(unit.payload["language"], ["language"]).column("language").to_pylist()
        parts, row = [declared(dataset).empty_table()], 0
        for batch in documents.batches:
            mine = spoken[row : row + batch.num_rows]
            parts.append(scored(model, dataset, batch["doc_id"], batch["text"], mine, snapshot))
            row += batch.num_rows
        table = pa.concat_tables(parts)
        account = Account(documents.entry.rows, table.num_rows, other=_nulls(table, name))
        return UnitOutput({dataset: table}, {dataset: account})

    return compute


def scored(
    model: Model, dataset: str, doc_id: pa.Array, text: pa.Array, languages: Sequence[str | None], snapshot: str
) -> pa.Table:
    """The family's rows of n documents."""
    if model.kind == "outside":
        values, features = outside.score(model, doc_id, snapshot), np.zeros(len(text), np.int64)
        languages = languages if outside.ANY not in model.reference else [outside.ANY] * len(languages)
    else:
        values, features = OF_TEXT[model.kind](model, text, languages)
    percentile = percentiles(model, values, languages)
    place = buckets(percentile)
    names = pa.array(BUCKETS, pa.string()).take(pa.array(place, mask=place < 0))
    columns = [
        doc_id, pa.array(as_stored(np.nan_to_num(values)), mask=np.isnan(values)),
        pa.array(np.nan_to_num(percentile).round(6).astype(np.float32), mask=np.isnan(percentile)), names,
        pa.array(features.astype(np.int32)),
    ]  # fmt: skip
    return pa.table(columns, schema=declared(dataset))


def _nulls(table: pa.Table, name: str) -> dict[str, int]:
    """How many documents have no score, and how many no percentile, where there are any."""
    counts = {"no_score": table.column(f"{name}_score").null_count,
              "no_percentile": table.column(f"{name}_percentile").null_count}  # fmt: skip
    return {kind: count for kind, count in counts.items() if count}
