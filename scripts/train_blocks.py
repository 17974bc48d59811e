"""Trains the page and block models of the default extraction engine on gold pages and writes them as one file.

Usage:

    python -m scripts.train_blocks GOLD_FOLDER [--out spark_jobs/web/engines/blocks.npz]

The folder holds article_extraction_benchmark and wcxb_dev_sample300. The same folder gives the same file.
bench/extraction.py measures what models learned this way do on pages that they have not seen.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from gristmill.process import run_main, say
from scripts.align import labels
from scripts.gold import ARTICLES, WCXB, GoldPage, fold_of, load_gold
from spark_jobs.web.dom.context import context
from spark_jobs.web.dom.kinds import page_row
from spark_jobs.web.dom.layout import Floats
from spark_jobs.web.dom.page import BEGIN, BLOCKS, END, NODES
from spark_jobs.web.dom.parse import parse
from spark_jobs.web.dom.text import Ints
from spark_jobs.web.dom.trees import Trees, chances
from spark_jobs.web.engines.learned import MODEL, Models, measured, save_models, with_kinds

INNER_FOLDS = 3
BINS = 64
BAG = 2
"""Models that differ in the features that each tree may use; their mean errs less than each."""
SAMPLE = 0.45
"""A row of mean weight is kept with this chance; it keeps most rows of long text and few of the many short ones."""
PAGE_POWER = 0.85
"""A page of n words weighs n ** (1 - PAGE_POWER): between the same for each page and the same for each word."""
SET_WEIGHT = {ARTICLES: 3.0, WCXB: 1.0}
"""Articles are most of what a crawl is read for, and the sets differ on what belongs to one."""
SETTINGS = {"max_iter": 70, "max_leaf_nodes": 16, "learning_rate": 0.12, "l2_regularization": 5.0,
            "min_samples_leaf": 30, "max_features": 0.3, "early_stopping": False}  # fmt: skip
KIND_SETTINGS = {"max_iter": 60, "max_leaf_nodes": 8, "learning_rate": 0.1, "l2_regularization": 5.0,
                 "min_samples_leaf": 8, "max_features": 0.2, "early_stopping": False}  # fmt: skip
KINDS = (("article",), ("forum",), ("product", "collection", "listing"))
"""Page types of the gold sets that each of the first three models tells from all others."""


@dataclass(frozen=True)
class Sample:
    """A parsed gold page; `share` is how much of each block is gold, `words` how many words it has."""

    page: GoldPage
    nodes: Ints
    blocks: Ints
    texts: list[str]
    found: Floats
    above: Ints
    share: NDArray[np.float64]
    words: Ints


def sample_of(page: GoldPage) -> Sample | None:
    """None: a page without text."""
    source, parsed = parse(page.html)
    blocks, nodes = parsed.blocks[: parsed.state[BLOCKS]].copy(), parsed.nodes[: parsed.state[NODES]].copy()
    if not len(blocks):
        return None
    texts = [parsed.text[b[BEGIN] : b[END]].tobytes().decode() for b in blocks]
    share, words = labels(texts, page.text)
    return Sample(page, nodes, blocks, texts, *measured(source, page.html, parsed), share, words)


def fit_models(samples: Sequence[Sample]) -> Models:
    """All models. Each learns from what the ones before it say of pages that they have not seen."""
    inner = np.array([fold_of("inner " + s.page.site, INNER_FOLDS) for s in samples])
    rows = np.concatenate([page_row(s.found, s.blocks) for s in samples])
    answers = [np.array([s.page.kind in kinds for s in samples]) for kinds in KINDS]
    kinds = np.zeros((len(samples), len(KINDS)), np.float32)
    for fold, (k, answer) in product(range(INNER_FOLDS), enumerate(answers)):
        seen = inner != fold
        kinds[~seen, k] = chances(rows[~seen], *fit_kind(rows[seen], answer[seen]))
    known = [replace(s, found=with_kinds(s.found, k)) for s, k in zip(samples, kinds, strict=True)]
    both: list[Floats] = [s.found for s in known]
    for fold in range(INNER_FOLDS):
        seen_pages = [s for s, f in zip(known, inner, strict=True) if f != fold]
        model = fit_trees([s.found for s in seen_pages], seen_pages)
        for k in np.flatnonzero(inner == fold):
            both[k] = with_context(known[k], model)
    article, forum, shop = (fit_kind(rows, answer) for answer in answers)
    alone, together = fit_trees([s.found for s in known], known), fit_trees(both, known)
    return Models(article, forum, shop, alone, together)


def fit_kind(rows: Floats, answers: NDArray[np.bool_]) -> Trees:
    """Trees that tell one kind of page from the others."""
    edges = [_edges(column) for column in rows.T]
    model = HistGradientBoostingClassifier(**KIND_SETTINGS, random_state=0)
    return flat_trees(model.fit(_codes(rows, edges), answers), edges)


def with_context(sample: Sample, alone: Trees) -> Floats:
    """What the second model reads."""
    around = context(chances(sample.found, *alone), sample.nodes, sample.blocks, sample.above)
    return np.concatenate((around, sample.found), axis=1)


def fit_trees(tables: Sequence[Floats], samples: Sequence[Sample]) -> Trees:
    """Boosted trees for the share of a block that is gold; its parts in and out of gold are two weighted examples."""
    rows, share, weight = np.concatenate(tables), np.concatenate([s.share for s in samples]), _weights(samples)
    # Few short blocks matter, but pages have many: fewer of them, weighing more, teach the same.
    chance = np.minimum(1, SAMPLE * np.sqrt(weight))
    kept = np.random.default_rng(1).random(len(rows)) < chance
    rows, share, weight = rows[kept], share[kept], weight[kept] / chance[kept]
    edges = [_edges(column) for column in rows.T]
    codes = _codes(rows, edges)
    split = (share > 0.02) & (share < 0.98)
    in_gold = share > 0.5
    certain = np.where(in_gold, share, 1 - share)
    examples = np.concatenate((codes, codes[split]))
    answers = np.concatenate((in_gold, ~in_gold[split]))
    weights = np.concatenate((np.where(split, certain, 1) * weight, ((1 - certain) * weight)[split]))
    bag = []
    for seed in range(BAG):
        model = HistGradientBoostingClassifier(**SETTINGS, random_state=seed)
        bag.append(flat_trees(model.fit(examples, answers, sample_weight=weights), edges))
    return mean_of(bag)


def mean_of(bag: Sequence[Trees]) -> Trees:
    """Trees whose sum is the mean of the sums of several."""
    starts = np.cumsum([0, *(len(t.feature) for t in bag[:-1])])
    return Trees(
        np.concatenate([t.feature for t in bag]),
        np.concatenate([np.where(t.feature < 0, t.value / len(bag), t.value) for t in bag]).astype(np.float32),
        np.concatenate([t.right + start for t, start in zip(bag, starts, strict=True)]).astype(np.int32),
        np.concatenate([t.roots + start for t, start in zip(bag, starts, strict=True)]).astype(np.int32),
        np.mean([t.base for t in bag], axis=0),
    )


def _weights(samples: Sequence[Sample]) -> NDArray[np.float64]:
    weights = [
        SET_WEIGHT[s.page.source] * np.maximum(s.words, 0.5) / max(30, s.words.sum()) ** PAGE_POWER for s in samples
    ]
    joined: NDArray[np.float64] = np.concatenate(weights)
    return joined / float(joined.mean())


def _edges(column: Floats) -> Floats:
    """Upper edges of bins: few values make for fast and equal training everywhere."""
    edges: Floats = np.unique(np.quantile(column, np.linspace(0, 1, BINS + 1)[1:-1], method="lower"))
    return edges


def _codes(rows: Floats, edges: Sequence[Floats]) -> Floats:
    """The bin of each number."""
    return np.stack([np.searchsorted(e, c) for e, c in zip(edges, rows.T, strict=True)], axis=1).astype(np.float32)


def flat_trees(model: HistGradientBoostingClassifier, edges: Sequence[Floats]) -> Trees:
    """The model's trees in depth-first order, thresholds on bins turned into thresholds on features."""
    feature: list[int] = []
    value: list[float] = []
    right: list[int] = []
    roots: list[int] = []
    for (tree,) in model._predictors:
        roots.append(len(feature))
        waiting: list[tuple[int, int]] = [(0, -1)]
        while waiting:
            node, parent = waiting.pop()
            here, row = len(feature), tree.nodes[node]
            if parent >= 0:
                right[parent] = here
            leaf = bool(row["is_leaf"])
            column = int(row["feature_idx"])
            feature.append(-1 if leaf else column)
            value.append(float(row["value"]) if leaf else float(edges[column][int(row["num_threshold"])]))
            right.append(0)
            if not leaf:
                waiting += [(int(row["right"]), here), (int(row["left"]), -1)]
    return Trees(np.array(feature, np.int16), np.array(value, np.float32), np.array(right, np.int32),
                 np.array(roots, np.int32), np.array([model._baseline_prediction.item()]))  # fmt: skip


def main(argv: Sequence[str] | None = None) -> None:
    """Command line; see the module's text."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gold", type=Path, help="folder with both gold sets")
    parser.add_argument("--out", type=Path, default=MODEL, help="file to write (default: %(default)s)")
    args = parser.parse_args(argv)
    samples = [s for page in load_gold(args.gold) if (s := sample_of(page))]
    say(f"{len(samples)} pages, {sum(len(s.blocks) for s in samples)} blocks")
    save_models(fit_models(samples), args.out)
    say(f"wrote {args.out}")


if __name__ == "__main__":
    run_main(main)
