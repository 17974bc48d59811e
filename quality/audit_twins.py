"""Kept documents that have a kept twin, found by their outward figures and proved by their texts.

Twins are nearly equal in length, in word length and in what share of them is letters, digits, marks and space, so a
kept document's nearest neighbours by these figures are read and compared. Nothing here knows of signatures or bands.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from gristmill.lake import Lake, Manifest
from quality.audit_sample import Ids, sample, values_of
from quality.audit_text import alike

TWIN = 0.95
"""Jaccard similarity from which two kept documents are twins. 14 bands of 8 rows overlook such a pair once in four
million times, (1 - 0.95^8)^14; at 0.8 they overlook 8 in 100, and a twin found there would accuse nobody."""

QUERIES = 1000
"""Kept documents whose twins are sought: if 3 in 1,000 have one that the search finds, one of those is sampled with a
probability of 95 percent (1 - 0.997^1000)."""

NEIGHBOURS = 5
"""Nearest kept documents that are read per query, of all hosts and again of its own host."""

POOL = 1_000_000
"""Kept documents among which neighbours are sought; of more, a seeded sample, and power falls by its share."""

FIGURES = (
    "chars", "bytes", "mean_word_chars", "alpha_char_share", "digit_char_share", "punctuation_char_share",
    "space_char_share",
)  # fmt: skip
_STEPS = np.array([0.1, 0.02, 0.1, 0.02, 0.02, 0.02, 0.02])
"""What counts as one step: of the logarithms of length and of bytes per character, then of the figures themselves.

Among 1,482 pages the search finds 99.6 percent or more of their planted twins: words replaced here and there, a
paragraph put in, the head cut off, or all in capitals. Among 200,000 figures like theirs it finds 95 percent or more.
"""

_FAR = 4.0
_APART = 1000.0
"""Steps beyond which no twin is sought, and steps from host to host."""


Pair = tuple[int, int]


@dataclass(frozen=True)
class Twins:
    """(document, twin) -> similarity, each pair once; `sampled` documents were asked for."""

    sampled: int
    unflagged: Mapping[Pair, float]
    flagged: Mapping[Pair, float]


def kept_twins(lake: Lake, digests: Mapping[str, str], kept: Ids, least: float, seed: int) -> Twins:
    """Twins among `kept` (unique, sorted), at least `least` alike. Flagged: `duplicates` has both in one cluster."""
    pool = np.sort(kept[sample(kept, POOL, seed)])
    queries = sample(pool, QUERIES, seed)
    pairs = _neighbours(pool, *_figures(lake, digests, pool), np.sort(queries))
    found = _twins(lake, lake.manifest(digests["documents"]), pairs, least)
    joined = sorted({doc_id for pair in found for doc_id in pair})
    clusters = lake.read(digests["duplicates"], ["doc_id", "cluster_id"])
    clusters = clusters.filter(pc.is_in(clusters.column("doc_id"), pa.array(joined, pa.int64())))
    cluster = {row["doc_id"]: row["cluster_id"] for row in clusters.to_pylist()}
    together = {p for p in found if cluster.get(p[0], p[0]) == cluster.get(p[1], p[1])}
    return Twins(
        len(queries),
        {pair: value for pair, value in found.items() if pair not in together},
        {pair: value for pair, value in found.items() if pair in together},
    )


def _figures(lake: Lake, digests: Mapping[str, str], pool: Ids) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """(points (n, 7), host numbers (n)) of the pool; a document that was not measured has zeros."""
    raw = np.zeros((len(pool), len(FIGURES)))
    for place, table in _tables(lake, digests["heuristics"], FIGURES, pool):
        columns = [table.column(name).to_numpy().astype(np.float64) for name in FIGURES]
        raw[place] = np.nan_to_num(np.stack(columns, axis=1))
    hosts = np.zeros(len(pool), np.int64)
    numbers: dict[str | None, int] = {}
    for place, table in _tables(lake, digests["documents"], ("host",), pool):
        hosts[place] = [numbers.setdefault(host, len(numbers)) for host in table.column("host").to_pylist()]
    raw[:, :2] = np.log1p(raw[:, :2])
    raw[:, 1] -= raw[:, 0]
    return np.round(raw / _STEPS, 6), hosts


def _tables(
    lake: Lake, digest: str, columns: tuple[str, ...], pool: Ids
) -> Iterator[tuple[NDArray[np.intp], pa.Table]]:
    """Per file: the places in `pool` of the rows that are in it, and these rows."""
    for entry in lake.manifest(digest).files:
        table = lake.read_file(entry, ["doc_id", *columns])
        ids = table.column("doc_id").to_numpy()
        place = np.searchsorted(pool, ids)
        mine = pool[np.minimum(place, len(pool) - 1)] == ids if len(pool) else np.zeros(len(ids), bool)
        yield place[mine], table.filter(pa.array(mine))


def _neighbours(
    pool: Ids, points: NDArray[np.float64], hosts: NDArray[np.int64], queries: NDArray[np.intp]
) -> list[Pair]:
    """(document, neighbour), sorted, each pair once, the lesser id first."""
    if not len(queries):
        return []
    pairs: set[Pair] = set()
    for space in (points, np.column_stack([points, hosts * _APART])):
        _, near = cKDTree(space).query(space[queries], NEIGHBOURS + 1, distance_upper_bound=_FAR)
        left, right = np.repeat(queries, NEIGHBOURS + 1), near.reshape(-1)
        there = (right < len(pool)) & (right != left)
        ids = np.stack([pool[left[there]], pool[right[there]]], axis=1)
        pairs.update((min(a, b), max(a, b)) for a, b in ids.tolist())
    return sorted(pairs)


def _twins(lake: Lake, documents: Manifest, pairs: list[Pair], least: float) -> dict[Pair, float]:
    """The pairs whose texts are at least `least` alike."""
    texts = values_of(lake, documents, np.array(pairs, np.int64).reshape(-1))
    there = [(left, right) for left, right in pairs if left in texts and right in texts]
    found = {(left, right): alike(texts[left], texts[right]) for left, right in there}
    return {pair: similarity for pair, similarity in found.items() if similarity >= least}
