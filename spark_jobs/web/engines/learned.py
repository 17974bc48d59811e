"""The default engine: a compiled reader of HTML and two small models that choose its blocks.

The first model judges each block by itself and its place; the second also by what the first says of its surroundings.
The chosen set is the one with the largest expected F1. scripts/train_blocks.py makes the models.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from spark_jobs.web.dom.context import chosen, context
from spark_jobs.web.dom.facts import facts_of
from spark_jobs.web.dom.features import features
from spark_jobs.web.dom.layout import Floats
from spark_jobs.web.dom.metadata import published_of, title_of
from spark_jobs.web.dom.page import BLOCKS, NODES, Page
from spark_jobs.web.dom.parse import parse
from spark_jobs.web.dom.render import render
from spark_jobs.web.dom.text import Ints
from spark_jobs.web.dom.titles import title_words
from spark_jobs.web.dom.trees import Trees, chances
from spark_jobs.web.engines.content import Content, ExtractionError

MODEL = Path(__file__).with_name("blocks.npz")


class Models(NamedTuple):
    """`alone` reads features, `together` context and features side by side."""

    alone: Trees
    together: Trees


class LearnedEngine:
    """Never refuses a page for its depth or size: what is beyond the reader's bounds is read as flat text."""

    name = "gristmill"
    version = 1

    def __init__(self, models: Models | None = None) -> None:
        self._models = models or stored_models()

    def extract(self, html: str) -> Content:
        source, page = parse(html)
        blocks = page.blocks[: page.state[BLOCKS]]
        if not len(blocks):
            raise ExtractionError("no_text")
        nodes = page.nodes[: page.state[NODES]]
        chance = judged(*measured(source, html, page), nodes, blocks, self._models)
        text = render(page.text, nodes, blocks, chosen(chance, blocks))
        title = title_of(source, page, len(blocks))
        return Content(text.tobytes().decode(), title, published_of(source, html, page))


def measured(source: bytes, html: str, page: Page) -> tuple[Floats, Ints]:
    """Features and ancestors of the blocks of a parsed page."""
    nodes, blocks = page.nodes[: page.state[NODES]], page.blocks[: page.state[BLOCKS]]
    return features(nodes, blocks, page.text, title_words(source, page), facts_of(source, html, page))


def judged(found: Floats, above: Ints, nodes: Ints, blocks: Ints, models: Models) -> Floats:
    """The chance of each block to be main content."""
    around = context(chances(found, *models.alone), nodes, blocks, above)
    return chances(np.concatenate((around, found), axis=1), *models.together)


@lru_cache(maxsize=1)
def stored_models() -> Models:
    """The models of blocks.npz."""
    return load_models(MODEL)


def load_models(path: Path) -> Models:
    """Models that `save_models` wrote."""
    with np.load(path, allow_pickle=False) as file:
        return Models(*(Trees(*(file[f"{m}_{f}"] for f in Trees._fields)) for m in Models._fields))


def save_models(models: Models, path: Path) -> None:
    """Writes the models as compressed numpy arrays."""
    arrays = {f"{m}_{f}": getattr(getattr(models, m), f) for m in Models._fields for f in Trees._fields}
    np.savez_compressed(path, allow_pickle=False, **arrays)
