"""Labelled Parquet: what a row makes of it, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from training.objectives.base import IGNORED, Specials
from training.objectives.supervised import LabelError

Make = Callable[..., Any]
MASK = Specials(300).mask


def write(path: Path, **columns: list[Any]) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def test_a_label_takes_the_place_behind_its_document(make: Make, tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", tokens=[[5, 6, 7], [8], list(range(1, 99))], label=[2, 0, 1], other=[1, 2, 3])
    objective = make(name="classification", data=path, classes=3)
    texts = objective.documents(8)
    assert [text.tolist() for text in texts] == [[5, 6, 7, 2], [8, 0], [1, 2, 3, 4, 5, 6, 7, 1]]
    row = objective.row(texts[:2], 8, np.random.default_rng())
    assert row.tokens.tolist() == [5, 6, 7, MASK, 8, MASK]
    assert row.targets.tolist() == [IGNORED, IGNORED, IGNORED, 2, IGNORED, 0]
    assert row.segments.tolist() == [1, 1, 1, 1, 2, 2]
    assert row.visible.all()
    assert objective.capacity(8) == 8


def test_tags_go_with_their_tokens(make: Make, tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", tokens=[[5, 6, 7], [8], [9] * 9], labels=[[1, -100, 0], [1], [0] * 9])
    objective = make(name="tagging", data=path, classes=2)
    texts = objective.documents(4)
    assert [len(text) for text in texts] == [6, 2, 8]
    row = objective.row(texts[:2], 4, np.random.default_rng())
    assert row.tokens.tolist() == [5, 6, 7, 8]
    assert row.targets.tolist() == [1, IGNORED, 0, 1]
    assert row.segments.tolist() == [1, 1, 1, 2]
    assert sum(map(len, texts[:2])) <= objective.capacity(4)


@pytest.mark.parametrize(
    ("entry", "columns", "message"),
    [
        ({"name": "classification"}, {"tokens": [[1]], "label": [3]}, "labels are 3 to 3, but classes is 3; number"),
        ({"name": "classification"}, {"tokens": [[1], None], "label": [0, 0]}, "rows without tokens or label"),
        ({"name": "classification"}, {"tokens": [[1]], "labels": [0]}, "cannot be read as Parquet with columns"),
        ({"name": "classification"}, {"tokens": ["a b"], "label": [0]}, "tokens must be lists of whole numbers"),
        ({"name": "classification"}, {"tokens": [[1]], "label": [0.5]}, "label must be whole numbers"),
        ({"name": "classification"}, {"tokens": [[300]], "label": [0]}, "token 300, but the tokenizer has 300"),
        ({"name": "tagging"}, {"tokens": [[1, 2]], "labels": [[1]]}, "2 tokens have 1 labels; give each token one"),
        ({"name": "tagging"}, {"tokens": [[1, 2]], "labels": [[1, -1]]}, "labels are -1 to 1"),
    ],
)  # fmt: skip
def test_labels_that_cannot_be_learned_say_why(
    make: Make, tmp_path: Path, entry: dict[str, Any], columns: dict[str, list[Any]], message: str
) -> None:
    path = write(tmp_path / "a.parquet", **columns)
    with pytest.raises(LabelError, match=message):
        make(**entry, data=path, classes=3).documents(8)


def test_a_file_that_is_absent_or_empty_is_refused(make: Make, tmp_path: Path) -> None:
    with pytest.raises(LabelError, match="cannot be read as Parquet"):
        make(name="tagging", data=tmp_path / "no.parquet", classes=3).documents(8)
    empty = tmp_path / "empty.parquet"
    pq.write_table(pa.table({"tokens": pa.array([], pa.list_(pa.int64())), "label": pa.array([], pa.int64())}), empty)
    with pytest.raises(LabelError, match="has no rows"):
        make(name="classification", data=empty, classes=3).documents(8)
