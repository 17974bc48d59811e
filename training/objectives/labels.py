"""Labelled documents from Parquet."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from gristmill.errors import UserError

Ints = NDArray[np.int64]


class LabelError(UserError):
    """Labelled data that cannot be learned from."""


def read_labelled(path: Path, column: str, vocabulary: int) -> tuple[list[Ints], Any]:
    """(tokens of each document, what `column` holds of each: a number or an array). Raises LabelError."""
    try:
        table = pq.read_table(path, columns=["tokens", column])
        tokens, labels = (table.column(name).combine_chunks() for name in ("tokens", column))
    except (OSError, KeyError, pa.ArrowException) as error:
        raise LabelError(f"{path} cannot be read as Parquet with columns tokens and {column}: {error}") from None
    if tokens.null_count or labels.null_count or not table.num_rows:
        raise LabelError(f"{path} has no rows, or rows without tokens or {column}; take those out")
    texts = _lists(tokens, "tokens", path)
    whole = np.concatenate(texts)
    wrong = whole[(whole < 0) | (whole >= vocabulary)]
    if len(wrong):
        raise LabelError(f"{path} holds token {wrong[0]}, but the tokenizer has {vocabulary}; encode the text with it")
    return texts, _lists(labels, column, path) if column == "labels" else _numbers(labels, column, path)


def check_labels(labels: Ints, classes: int, path: Path) -> None:
    """Raises LabelError for a label that is none of the classes."""
    if len(labels) and (labels.min() < 0 or labels.max() >= classes):
        raise LabelError(
            f"{path}: labels are {labels.min()} to {labels.max()}, but classes is {classes}; number the labels from "
            f"0 to {classes - 1}"
        )


def _lists(column: Any, name: str, path: Path) -> list[Ints]:
    if not (pa.types.is_list(column.type) or pa.types.is_large_list(column.type)):
        raise LabelError(f"{path}: {name} must be lists of whole numbers, not {column.type}")
    values = _numbers(column.values, name, path)
    return [values[a:b] for a, b in pairwise(column.offsets.to_numpy())]


def _numbers(column: Any, name: str, path: Path) -> Ints:
    if not pa.types.is_integer(column.type) or column.null_count:
        raise LabelError(f"{path}: {name} must be whole numbers, not {column.type} with {column.null_count} nulls")
    return np.asarray(column.to_numpy(zero_copy_only=False), np.int64)
