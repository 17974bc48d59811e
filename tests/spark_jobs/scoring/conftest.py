"""Recipes and labelled texts for the scores."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from spark_jobs.scoring.recipe import Recipe, load_recipe

COMMON, GOOD, BAD = (words.split() for words in (
    "the of and to that with have be page time value name when from this which",
    "river history method evidence because therefore study chapter measured theory",
    "click subscribe cookie cart login share newsletter menu checkout deals",
))  # fmt: skip


def texts(kind: Sequence[str], count: int, seed: int, words: int = 60) -> list[dict[str, Any]]:
    """English-looking rows: of four words one is of `kind`; two rows a group."""
    draw = random.Random(seed)
    pool = [*COMMON, *kind]
    weights = [3 / len(COMMON)] * len(COMMON) + [1 / len(kind)] * len(kind)
    return [
        {"text": " ".join(draw.choices(pool, weights, k=words)).capitalize() + ".", "language": "en",
         "group": f"{seed}-{number // 2}.example"}
        for number in range(count)
    ]  # fmt: skip


@dataclass(frozen=True)
class Desk:
    """A folder with sets of texts and recipes over them."""

    folder: Path

    def write(self, name: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
        """A JSONL file of rows; the source that names it."""
        lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
        (self.folder / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
        return {"name": name, "path": f"{name}.jsonl"}

    def rows(self, name: str) -> list[dict[str, Any]]:
        """What was written."""
        return [json.loads(line) for line in (self.folder / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]

    def texts(self, kind: str, count: int, seed: int) -> list[dict[str, Any]]:
        """Rows of the `good` or the `bad` kind."""
        return texts(GOOD if kind == "good" else BAD, count, seed)

    def recipe(self, name: str, **keys: Any) -> Recipe:
        """A recipe as a user writes one; numbers as small as the sets."""
        path = self.folder / f"{name}.yaml"
        small = {"min_labels": 20, "min_reference": 10, "min_tokens": 500}
        path.write_text(yaml.safe_dump({"name": name, **small, **keys}))
        return load_recipe(path)

    def classifier(self, name: str = "prose", **keys: Any) -> Recipe:
        """One that tells GOOD from BAD."""
        keys = {"reference": [self.write("crawl", [*texts(GOOD, 40, 5), *texts(BAD, 40, 6)])]} | keys
        good, bad = self.write("good", texts(GOOD, 240, 1)), self.write("bad", texts(BAD, 240, 2))
        return self.recipe(name, kind="classifier", positive=[good], negative=[bad], **keys)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    folder = tmp_path / "desk"
    folder.mkdir()
    return Desk(folder)
