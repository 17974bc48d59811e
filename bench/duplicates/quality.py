"""What deduplication finds, per bin of similarity, against what its shape promises; and how much of it is right."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.duplicates.curve import BINS, WIDTH, bin_of, interval
from bench.duplicates.plain import plain_jaccard
from bench.duplicates.planted import Pair, plant, similarities
from bench.duplicates.search import Corpus
from bench.duplicates.texts import by_language, read_texts
from gristmill.process import say
from spark_jobs.clusters.shape import Shape
from spark_jobs.clusters.signatures import Ids

CHECKED_SHARE = 0.02
"""Of the planted pairs, those measured a second time without our kernels."""
MEASURED_PAIRS = 200_000
"""Verified pairs whose exact similarity is looked up, at most; a seeded sample of more."""
THRESHOLDS = (0.7, 0.8)


def quality(source: Path, folder: Path, per_bin: int, seed: int) -> dict[str, Any]:
    """All measurements; `folder` is empty and holds two small lakes afterwards."""
    texts = read_texts(source)
    planted = plant(by_language(texts), per_bin, seed)
    say(f"{per_bin} pairs in each of {len(BINS)} bins planted")
    return {"planted": planted_quality(planted, folder / "planted", seed), "gold": gold_quality(source, texts, folder)}


def planted_quality(planted: Sequence[Sequence[Pair]], folder: Path, seed: int) -> dict[str, Any]:
    """Bins, languages, edits, the second measurement and precision over planted pairs."""
    pairs = [pair for bin_pairs in planted for pair in bin_pairs]
    corpus = Corpus.write(folder, [text for pair in pairs for text in (pair.left, pair.right)])
    places = np.arange(2 * len(pairs)).reshape(-1, 2)
    jaccard = np.array([pair.jaccard for pair in pairs])
    shared = corpus.share_a_band(places, Shape())
    sample = Random(seed).sample(pairs, max(1, round(len(pairs) * CHECKED_SHARE)))  # noqa: S311
    apart = [abs(plain_jaccard(pair.left, pair.right) - pair.jaccard) for pair in sample]
    return {
        "bins": bins(jaccard, shared),
        "languages": _shares([p.language for p in pairs], jaccard, shared),
        "edits": _shares([p.edit for p in pairs], jaccard, shared),
        "measured_twice": {"pairs": len(sample), "largest_difference": round(max(apart), 7)},
        "verified": [verified(corpus, each, places, jaccard, shared, seed) for each in THRESHOLDS],
    }


def bins(jaccard: NDArray[np.float64], found: NDArray[np.bool_]) -> list[dict[str, Any]]:
    """Per bin: pairs, found, expected, and the range that chance allows with 99 percent."""
    rows = []
    number = bin_of(jaccard)
    for i, low in enumerate(BINS):
        own = number == i
        chances = curve(jaccard[own])
        least, most = interval(chances)
        count = int(found[own].sum())
        rows.append({"from": low, "to": round(low + WIDTH, 2), "pairs": int(own.sum()), "found": count,
                     "expected": round(float(chances.sum()), 2), "least": least, "most": most,
                     "inside": least <= count <= most})  # fmt: skip
    return rows


def curve(jaccard: NDArray[np.float64]) -> NDArray[np.float64]:
    """The default shape's probability at each similarity."""
    shape = Shape()
    return np.array([shape.probability(float(j)) for j in jaccard])


def _shares(kinds: Sequence[str], jaccard: NDArray[np.float64], found: NDArray[np.bool_]) -> dict[str, Any]:
    """Found and expected by kind."""
    expected = curve(jaccard)
    rows = {}
    for kind, count in sorted(Counter(kinds).items()):
        own = np.array([each == kind for each in kinds])
        error = float(np.sqrt((expected[own] * (1 - expected[own])).sum()))
        rows[kind] = {"pairs": count, "found": int(found[own].sum()), "expected": round(float(expected[own].sum()), 1),
                      "standard_error": round(error, 1)}  # fmt: skip
    return rows


def verified(
    corpus: Corpus, threshold: float, planted: Ids, jaccard: NDArray[np.float64], shared: NDArray[np.bool_], seed: int
) -> dict[str, Any]:
    """The search at one threshold: precision over all that it verifies, passages of one text included, and how many
    of the planted pairs it lost that share a band and are similar enough."""
    pairs = corpus.verified(threshold)
    exact = exact_of(corpus, pairs, seed)
    known = {tuple(pair) for pair in pairs.tolist()}
    representatives = np.sort(corpus.exact[planted], axis=1)
    wanted = shared & (jaccard >= threshold)
    lost = sum(a != b and (a, b) not in known for a, b in representatives[wanted].tolist())
    return {"threshold": threshold, "verified": len(pairs), "measured": len(exact),
            "precision": round(float((exact >= threshold - 5e-7).mean()), 6) if len(exact) else None,
            "least_similar": round(float(exact.min()), 6) if len(exact) else None,
            "planted_that_share_a_band": int(wanted.sum()), "lost": int(lost)}  # fmt: skip


def exact_of(corpus: Corpus, pairs: Ids, seed: int) -> NDArray[np.float64]:
    """Exact similarity of the pairs, or of MEASURED_PAIRS of them."""
    if len(pairs) > MEASURED_PAIRS:
        rng = np.random.default_rng(seed)
        pairs = pairs[np.sort(rng.choice(len(pairs), MEASURED_PAIRS, replace=False))]
    texts = [corpus.lake.read_file(entry, ["text"]).column("text").to_pylist() for entry in corpus.documents]
    flat = [text for part in texts for text in part]
    return similarities([flat[a] for a in pairs[:, 0]], [flat[b] for b in pairs[:, 1]])


def gold_quality(source: Path, texts: Sequence[str], folder: Path) -> dict[str, Any]:
    """The same over every pair of a real crawl that brute force found elsewhere, by its exact similarity.

    Most are identical or of a few families of pages, so the range of chance says less here.
    """
    with gzip.open(source / "pairs.tsv.gz", "rt", encoding="utf-8") as lines:
        pairs = np.array([[int(cell) for cell in line.split("\t")[:2]] for line in list(lines)[1:]])
    corpus = Corpus.write(folder / "gold", texts)
    jaccard = similarities([texts[a] for a in pairs[:, 0]], [texts[b] for b in pairs[:, 1]])
    shared = corpus.share_a_band(pairs, Shape())
    identical = jaccard == 1
    checks = [verified(corpus, each, pairs, jaccard, shared, 0) for each in THRESHOLDS]
    return {"pairs": len(pairs), "identical": int(identical.sum()), "identical_found": int(shared[identical].sum()),
            "bins": bins(jaccard, shared), "verified": checks}  # fmt: skip
