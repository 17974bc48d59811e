"""Scores of an outside model, joined by snapshot and doc_id: a Parquet file of theirs, kept whole in ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from gristmill.catalogue import Catalogue
from gristmill.errors import UserError
from gristmill.lake import Lake, hash_file
from gristmill.printable import printable
from gristmill.settings import nearest
from spark_jobs.scoring.model import Arrays, Model
from spark_jobs.scoring.recipe import Recipe
from spark_jobs.scoring.reference import references

ANY = "*"
"""The language of reference scores where the file does not say languages."""


class OutsideError(UserError):
    """A file of scores that cannot be joined; the message says what is wrong with it."""


def score(model: Model, doc_id: pa.Array, snapshot: str) -> NDArray[np.float64]:
    """The score of each document of a snapshot; NaN for one that the file does not name."""
    names: list[str] = model.card["snapshots"]
    found = np.full(len(doc_id), np.nan)
    if snapshot not in names:
        return found
    low, high = model.arrays["bounds"][names.index(snapshot) :][:2]
    ids, values = model.arrays["ids"][low:high], model.arrays["values"][low:high]
    wanted = doc_id.to_numpy(zero_copy_only=False)
    place = np.minimum(np.searchsorted(ids, wanted), max(0, len(ids) - 1))
    there = ids[place] == wanted if len(ids) else np.zeros(len(wanted), np.bool_)
    found[there] = values[place[there]]
    return found


def train(lake: Lake, recipe: Recipe) -> tuple[Arrays, Arrays, dict[str, Any]]:
    """(arrays, reference, what the card says) of the recipe's file.

    Raises OutsideError for a file that cannot be joined: also for one without a row, or with a snapshot that the
    lake's catalogue does not have.
    """
    assert recipe.scores is not None
    table = _read(recipe.scores, recipe.snapshot)
    snapshots = sorted(set(table.column("snapshot").to_pylist()))
    _check_known(recipe.scores, snapshots, list(Catalogue(lake).dates()))
    table = table.sort_by([("snapshot", "ascending"), ("doc_id", "ascending")])
    spoken, ids = table.column("snapshot").to_pylist(), table.column("doc_id").to_numpy()
    named = np.array(spoken)
    if ((named[1:] == named[:-1]) & (ids[1:] == ids[:-1])).any():
        raise OutsideError(f"{recipe.scores}: a document has two scores; keep one row for each snapshot and doc_id")
    values = table.column("score").to_numpy()
    if not np.isfinite(values).all():
        raise OutsideError(f"{recipe.scores}: a score is null or no finite number; leave such documents out")
    bounds = np.searchsorted(named, [*snapshots, "\U0010ffff"]).astype(np.int64)
    reference = references(values, table.column("language").to_pylist(), recipe.min_reference)
    card = {
        "scores": {"file": recipe.scores.name, "sha256": hash_file(recipe.scores), "rows": table.num_rows},
        "snapshots": snapshots, "unit": "as the outside model gives it", "status": "uncalibrated",
    }  # fmt: skip
    return {"ids": ids, "values": values, "bounds": bounds}, reference, card


def _check_known(path: Path, snapshots: list[str], known: list[str]) -> None:
    if not snapshots:
        raise OutsideError(f"{path} has no row; give a file with a row for each document that has a score")
    if unknown := [name for name in snapshots if name not in known]:
        raise OutsideError(
            f"{path}: there is no snapshot '{printable(unknown[0])[:64]}'{nearest(unknown[0], known)}; correct it, "
            "or add it with `gristmill snapshot add`"
        )


def _read(path: Path, snapshot: str | None) -> pa.Table:
    """snapshot, doc_id, score and language of each row."""
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise OutsideError(f"{path} cannot be read as Parquet: {error}") from None
    if lacking := [name for name in ("doc_id", "score") if name not in table.column_names]:
        raise OutsideError(f"{path} has no column '{lacking[0]}'; it needs doc_id and score")
    if ("snapshot" in table.column_names) == (snapshot is not None):
        raise OutsideError(f"{path}: a doc_id belongs to a snapshot; give either a column 'snapshot' or 'snapshot: ID'")
    rows = table.num_rows
    named = table["snapshot"] if snapshot is None else pa.array([snapshot] * rows, pa.string())
    language = table["language"] if "language" in table.column_names else pa.array([ANY] * rows, pa.string())
    columns = [named, table["doc_id"], table["score"], language]
    schema = pa.schema([("snapshot", pa.string()), ("doc_id", pa.int64()), ("score", pa.float64()),
                        ("language", pa.string())])  # fmt: skip
    try:
        found = pa.table(columns, names=schema.names).cast(schema)
    except (pa.ArrowException, ValueError) as error:
        raise OutsideError(f"{path}: the columns do not fit ({error}); doc_id is int64, score a number") from None
    if sum(found.column(name).null_count for name in ("snapshot", "doc_id", "score")):
        raise OutsideError(f"{path}: a snapshot, doc_id or score is null; leave such rows out")
    return found
