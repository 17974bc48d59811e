"""The default engine: a compiled reader of HTML and small models that choose its blocks.

Three models say what kind of page it is. One judges each block by itself, its place and the page's kind; the last also
by what that one says of the block's surroundings. The chosen set is the one with the largest expected F1.
scripts/train_blocks.py makes the models.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spark_jobs.web.dom.context import chosen, context
from spark_jobs.web.dom.echoes import echoes
from spark_jobs.web.dom.facts import facts_of
from spark_jobs.web.dom.features import features
from spark_jobs.web.dom.kinds import page_row
from spark_jobs.web.dom.layout import Floats
from spark_jobs.web.dom.metadata import published_of, title_of
from spark_jobs.web.dom.page import BLOCKS, NODES, SPACED_WORDS, UNSPACED, Page
from spark_jobs.web.dom.parse import parse
from spark_jobs.web.dom.render import render
from spark_jobs.web.dom.text import Bytes, Ints
from spark_jobs.web.dom.titles import title_words
from spark_jobs.web.dom.trees import Trees, chances
from spark_jobs.web.engines.content import Content, ExtractionError

MODEL = Path(__file__).with_name("blocks.npz")


ARTICLE_LIKE = 0.75
FLOOR = 0.75
"""A page that is an article with more than the first chance keeps no block of less than the second, except its best."""
AGAIN = 0.7
AGAIN_WORDS = 100
"""A kept block of so many words is dropped if more than this share of it is in kept blocks before it."""


class Models(NamedTuple):
    """The first three read a page's row; `alone` features and kinds, `together` context, features and kinds."""

    article: Trees
    forum: Trees
    shop: Trees
    alone: Trees
    together: Trees


class LearnedEngine:
    """Never refuses a page for its depth or size: what is beyond the reader's bounds is read as flat text."""

    name = "gristmill"
    version = 2

    def __init__(self, models: Models | None = None) -> None:
        self._models = models or stored_models()

    def extract(self, html: str) -> Content:
        source, page = parse(html)
        blocks = page.blocks[: page.state[BLOCKS]]
        if not len(blocks):
            raise ExtractionError("no_text")
        nodes = page.nodes[: page.state[NODES]]
        found, above = measured(source, html, page)
        kinds = kinds_of(page_row(found, blocks), self._models)
        chance = judged(with_kinds(found, kinds), above, nodes, blocks, self._models)
        keep = once(page.text, blocks, chosen(chance, blocks, floor_of(kinds)))
        text = render(page.text, nodes, blocks, keep)
        title = title_of(source, page, len(blocks))
        return Content(text.tobytes().decode(), title, published_of(source, html, page))


def measured(source: bytes, html: str, page: Page) -> tuple[Floats, Ints]:
    """Features and ancestors of the blocks of a parsed page."""
    nodes, blocks = page.nodes[: page.state[NODES]], page.blocks[: page.state[BLOCKS]]
    return features(nodes, blocks, page.text, title_words(source, page), facts_of(source, html, page))


def kinds_of(row: Floats, models: Models) -> Floats:
    """The chances of a page to be an article, a forum and a shop or list."""
    return np.concatenate([chances(row, *trees) for trees in (models.article, models.forum, models.shop)])


def with_kinds(found: Floats, kinds: Floats) -> Floats:
    """The features of blocks with those of their page's kind behind them."""
    return np.concatenate((found, np.tile(kinds, (len(found), 1))), axis=1)


def floor_of(kinds: Floats) -> float:
    """The chance below which a block is not kept for the sake of expected F1 alone."""
    return FLOOR if kinds[0] > ARTICLE_LIKE else 0.0


def once(text: Bytes, blocks: Ints, keep: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The choice without long blocks that say what kept blocks before them say: copies for other screens, quotes."""
    kept = np.flatnonzero(keep)
    long = blocks[kept, SPACED_WORDS] + 0.5 * blocks[kept, UNSPACED] >= AGAIN_WORDS
    left = keep.copy()
    left[kept[long & (echoes(text, blocks[kept])[:, 0] > AGAIN)]] = False
    return left


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
