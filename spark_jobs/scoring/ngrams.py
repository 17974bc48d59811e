"""n-gram language models: interpolated modified Kneser-Ney (Chen & Goodman 1998) over hashed n-grams, one per language.

As KenLM estimates them (Heafield et al. 2013): lower orders count different left neighbours, three discounts an order,
the least order interpolated with a uniform distribution over the vocabulary and one unknown word. All languages share
one table of open addressing, whose keys begin with the language.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spark_jobs.scoring.tokens import LINE_END, tokens

BEGIN, UNKNOWN = np.uint64(1), np.uint64(2)
"""Token hashes that stand for the begin of a line and for any word that training never saw. LINE_END is predicted."""
FALLBACK = (0.5, 1.0, 1.5)
"""Discounts of an order whose counts of counts give none, as KenLM's --discount_fallback."""
_ODD = np.uint64(0x9E3779B97F4A7C15)

Keys = NDArray[np.uint64]

ENTRY = np.dtype([("key", np.uint64), ("log_p", np.float32), ("backoff", np.float32)])
"""An n-gram: natural logarithms of its last word's probability after the others, and of its weight as a context."""


@dataclass(frozen=True)
class Order:
    """All different n-grams of one order: key, key without the first word, without the last, count."""

    key: Keys
    suffix: Keys
    context: Keys
    count: NDArray[np.int64]
    from_begin: NDArray[np.bool_]


def start_key(language: int) -> np.uint64:
    """Where the chain of keys begins for the language of this place."""
    return np.uint64(0xD6E8FEB86659FD93 * (language + 1) % (1 << 64))


def chain(key: Keys | np.uint64, token: Keys | np.uint64) -> Keys:
    """The key of an n-gram that is one word longer. `spark_jobs.scoring.perplexity` compiles the same."""
    with np.errstate(over="ignore"):
        value = (np.asarray(key, np.uint64) ^ token) * _ODD
        value = (value ^ (value >> np.uint64(32))) * _ODD
        return np.asarray(value ^ (value >> np.uint64(29)), np.uint64)


def estimate(text: pa.Array | pa.ChunkedArray, order: int, language: int) -> tuple[NDArray[np.void], int]:
    """(entries of all n-grams up to `order`, tokens predicted) of one language's texts."""
    words = _padded(tokens(text, lines=True).hashes)
    counted = [_ngrams(words, n, language) for n in range(1, order + 1)]
    orders = [_adjusted(counted[n], counted[n + 1]) for n in range(order - 1)] + [counted[-1]]
    orders[0] = _with_unknown(orders[0], language)
    probabilities, backoffs = _probabilities(orders)
    entries = []
    for n, each in enumerate(orders):
        entry = np.zeros(len(each.key), ENTRY)
        entry["key"] = each.key
        with np.errstate(divide="ignore"):
            entry["log_p"], entry["backoff"] = np.log(probabilities[n]), np.log(backoffs[n])
        entries.append(entry)
    return np.concatenate(entries), int((words != BEGIN).sum())


def _padded(hashes: Keys) -> Keys:
    """BEGIN before every line."""
    ends = np.flatnonzero(hashes == LINE_END)
    return np.insert(hashes, np.concatenate([[0], ends[:-1] + 1])[: len(ends)], BEGIN)


def _ngrams(words: Keys, n: int, language: int) -> Order:
    """The different n-grams within lines, with their occurrences."""
    count = max(0, len(words) - n + 1)
    first = start_key(language)
    key, suffix = np.full(count, first), np.full(count, first)
    context = key
    inside = np.ones(count, np.bool_)
    for k in range(n):
        word = words[k : k + count]
        context, key = key, chain(key, word)
        suffix = chain(suffix, word) if k else suffix
        inside &= (word != BEGIN) if k else True
    unique, at, counts = np.unique(key[inside], return_index=True, return_counts=True)
    begins: NDArray[np.bool_] = words[:count] == BEGIN
    return Order(unique, suffix[inside][at], context[inside][at], counts, begins[inside][at])


def _adjusted(own: Order, longer: Order) -> Order:
    """Counts of different left neighbours; n-grams at the begin of a line have none and keep their occurrences."""
    neighbours = np.zeros(len(own.key), np.int64)
    np.add.at(neighbours, np.searchsorted(own.key, longer.suffix), 1)
    return Order(own.key, own.suffix, own.context, np.where(own.from_begin, own.count, neighbours), own.from_begin)


def discounts(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """What is taken from a count of 0, 1, 2, and 3 or more."""
    times = np.bincount(np.minimum(counts, 5), minlength=6).astype(float)
    found = np.zeros(4)
    found[1:] = FALLBACK
    if (times[1:5] > 0).all():
        share = times[1] / (times[1] + 2 * times[2])
        wanted = [k - (k + 1) * share * times[k + 1] / times[k] for k in (1, 2, 3)]
        if all(0 < d <= k for k, d in enumerate(wanted, 1)):
            found[1:] = wanted
    return found


def _with_unknown(own: Order, language: int) -> Order:
    """The single words with UNKNOWN among them; BEGIN stays as a context and is never predicted: both count 0."""
    unknown = chain(start_key(language), UNKNOWN)
    at = int(np.searchsorted(own.key, unknown))
    counts = np.insert(np.where(own.from_begin, 0, own.count), at, 0)
    root = np.full(len(counts), start_key(language))
    return Order(np.insert(own.key, at, unknown), root, root, counts, np.insert(own.from_begin, at, False))


def _probabilities(orders: list[Order]) -> tuple[list[NDArray[np.float64]], list[NDArray[np.float64]]]:
    """(probability of each n-gram's last word, weight of each n-gram as a context), per order."""
    probabilities: list[NDArray[np.float64]] = []
    backoffs: list[NDArray[np.float64]] = []
    for n, each in enumerate(orders):
        taken = discounts(each.count)[np.minimum(each.count, 3)]
        contexts, place = np.unique(each.context, return_inverse=True)
        total = np.bincount(place, each.count)
        left = np.bincount(place, taken) / total
        if n == 0:
            # The words to choose from are all but BEGIN.
            below = np.where(each.from_begin, 0.0, 1 / (len(each.key) - 1))
        else:
            below = probabilities[n - 1][np.searchsorted(orders[n - 1].key, each.suffix)]
            backoffs[n - 1][np.searchsorted(orders[n - 1].key, contexts)] = left
        probabilities.append((each.count - taken) / total[place] + left[place] * below)
        backoffs.append(np.ones(len(each.key)))
    return probabilities, backoffs
