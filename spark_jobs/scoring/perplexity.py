"""Perplexity of a text under the language model of its language, as CCNet measures it (Wenzek et al. 2020).

Per line, begin and end of line included; unknown words count with the probability of the unknown word.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit
from numpy.typing import NDArray

from spark_jobs.scoring.model import Arrays, Model
from spark_jobs.scoring.ngrams import BEGIN, ENTRY, UNKNOWN, estimate, start_key
from spark_jobs.scoring.recipe import Recipe
from spark_jobs.scoring.tokens import LINE_END, in_slices
from spark_jobs.text.kernel import inlined

LOAD = 1.6
"""Places per entry at least; the table's size is the next power of two."""
ABSENT = np.int64(-1)
_ODD = np.uint64(0x9E3779B97F4A7C15)


def score(
    model: Model, text: pa.Array, languages: Sequence[str | None]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """(perplexity, predicted words and line ends) of n texts; NaN where the language had too little text."""
    table, rows = model.arrays["table"], model.rows(languages)
    order = int(model.arrays["order"][0])
    keys = np.array([start_key(row) for row in range(len(model.languages))], np.uint64)
    perplexity, features = np.full(len(text), np.nan), np.zeros(len(text), np.int64)
    for row, found in in_slices(text, lines=True):
        end = row + len(found.bounds) - 1
        _score(found.bounds, found.hashes, table, keys, rows[row:end], order, perplexity[row:end], features[row:end])
    return perplexity, features


def train(recipe: Recipe, text: pa.Table) -> tuple[tuple[str, ...], Arrays, dict[str, Any]]:
    """(languages, arrays, what the card says): one model for each language with `min_tokens` predicted tokens."""
    spoken = sorted(set(text.column("language").to_pylist()) - {None})
    languages: list[str] = []
    parts: list[NDArray[np.void]] = [np.zeros(0, ENTRY)]
    sizes: dict[str, dict[str, int]] = {}
    little: dict[str, int] = {}
    for code in spoken:
        mine = text.filter(pc.equal(text.column("language"), code)).column("text")
        entries, predicted = estimate(mine, recipe.order, len(languages))
        if predicted < recipe.min_tokens:
            little[code] = predicted
            continue
        languages.append(code)
        parts.append(entries)
        sizes[code] = {"tokens": predicted, "ngrams": len(entries)}
    card = {"sizes": sizes, "too_little_text": little, "unit": "perplexity per word",
            "training": {"order": recipe.order, "smoothing": "interpolated modified Kneser-Ney"}}  # fmt: skip
    arrays = {"table": table_of(np.concatenate(parts)), "order": np.array([recipe.order], np.int64)}
    return tuple(languages), arrays, card


def table_of(entries: NDArray[np.void]) -> NDArray[np.void]:
    """Entries in a table of open addressing, found from the high bits of their keys on; key 0 is an empty place."""
    size = 1 << max(4, int(np.ceil(np.log2(max(1, len(entries)) * LOAD))))
    table = np.zeros(size, ENTRY)
    _insert(np.sort(entries, order="key"), table)
    return table


def log_probability(table: NDArray[np.void], context: list[int], word: int, language: int = 0) -> float:
    """Natural logarithm of the probability of a token hash after others; for tests and for a look by hand."""
    hashes = np.array([*context, word], np.uint64)
    backoffs, keys = np.zeros(len(hashes) + 1), np.zeros(len(hashes) + 1, np.uint64)
    result, matched = 0.0, 0
    for each in hashes:
        result, matched = _next(table, start_key(language), each, len(hashes), matched, keys, backoffs)
    return float(result)


@inlined
def _chain(key: np.uint64, token: np.uint64) -> np.uint64:
    value = (key ^ token) * _ODD
    value = (value ^ (value >> np.uint64(32))) * _ODD
    return value ^ (value >> np.uint64(29))


@inlined
def _find(table: NDArray[np.void], key: np.uint64) -> np.int64:
    """The place of a key, or ABSENT."""
    mask = np.uint64(len(table) - 1)
    place = (key >> np.uint64(20)) & mask
    while True:
        there = table[place]["key"]
        if there == key:
            return np.int64(place)
        if there == np.uint64(0):
            return ABSENT
        place = (place + np.uint64(1)) & mask


@njit(cache=True, nogil=True)
def _insert(entries: NDArray[np.void], table: NDArray[np.void]) -> None:
    mask = np.uint64(len(table) - 1)
    for i in range(len(entries)):
        place = (entries[i]["key"] >> np.uint64(20)) & mask
        while table[place]["key"] != np.uint64(0):
            place = (place + np.uint64(1)) & mask
        table[place] = entries[i]


@njit(cache=True, nogil=True)
def _next(
    table: NDArray[np.void], root: np.uint64, word: np.uint64, order: int, matched: int, keys: NDArray[np.uint64],
    backoffs: NDArray[np.float64],
) -> tuple[float, int]:  # fmt: skip
    """(log probability of `word` after what came before, words of the longest n-gram that ends with it).

    `keys` and `backoffs` hold, for each n up to `matched`, the key and the weight of the n-gram that ended with the
    word before; they are renewed. Because every suffix of a known n-gram is known, the search ends at the first miss.
    """
    key = _chain(root, word)
    place = _find(table, key)
    if place == ABSENT:
        key = _chain(root, UNKNOWN)
        place = _find(table, key)
    found = 0
    log_p = 0.0
    # What is read of n - 1 is overwritten by n only after it was read.
    last_key, last_backoff = np.uint64(0), 0.0
    while place != ABSENT:
        found += 1
        log_p = np.float64(table[place]["log_p"])
        next_key, next_backoff = keys[found], backoffs[found]
        keys[found], backoffs[found] = key, np.float64(table[place]["backoff"])
        last_key, last_backoff = next_key, next_backoff
        if found >= order or found > matched:
            break
        key = _chain(last_key, word)
        place = _find(table, key)
    # The contexts that were longer than what was found weigh what is left for shorter ones.
    if found <= matched and found < order:
        log_p += last_backoff
        for n in range(found + 1, min(matched, order - 1) + 1):
            log_p += backoffs[n]
    return log_p, found


@njit(cache=True, nogil=True)
def _score(
    bounds: NDArray[np.int64], hashes: NDArray[np.uint64], table: NDArray[np.void], roots: NDArray[np.uint64],
    rows: NDArray[np.int64], order: int, perplexity: NDArray[np.float64], features: NDArray[np.int64],
) -> None:  # fmt: skip
    keys, backoffs = np.zeros(order + 1, np.uint64), np.zeros(order + 1)
    for row in range(len(bounds) - 1):
        start, end = bounds[row], bounds[row + 1]
        features[row] = end - start
        if rows[row] < 0 or start == end:
            continue
        root = roots[rows[row]]
        total = 0.0
        fresh = True
        matched = 0
        for i in range(start, end):
            if fresh:
                _, matched = _next(table, root, BEGIN, order, 0, keys, backoffs)
            log_p, matched = _next(table, root, hashes[i], order, matched, keys, backoffs)
            total += log_p
            fresh = hashes[i] == LINE_END
        perplexity[row] = np.exp(-total / (end - start))
