"""The language model against Kneser-Ney written out in plain Python, and against the laws of probability."""

from __future__ import annotations

import math
import random
from collections import Counter, defaultdict
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_jobs.scoring.model import Model
from spark_jobs.scoring.ngrams import BEGIN, FALLBACK, UNKNOWN, chain, discounts, estimate, start_key
from spark_jobs.scoring.perplexity import log_probability, score, table_of
from spark_jobs.scoring.tokens import LINE_END, tokens

WORDS = "the mill grinds corn and rye while water turns a wheel of old oak under grey skies again".split()  # noqa: SIM905
START, STOP, NEVER = "<s>", "</s>", "<unk>"


def sample(seed: int, lines: int) -> list[str]:
    """Lines of words, the first words the commonest."""
    pick = random.Random(seed)
    weights = [1 / (rank + 1) for rank in range(len(WORDS))]
    return [" ".join(pick.choices(WORDS, weights, k=pick.randint(1, 9))) for _ in range(lines)]


class KneserNey:
    """Interpolated modified Kneser-Ney, recursive, over tuples of words."""

    def __init__(self, lines: list[str], order: int) -> None:
        self.order = order
        padded = [[START, *line.split(), STOP] for line in lines if line.split()]
        self.words = [*sorted({word for line in padded for word in line} - {START}), NEVER]
        raw = [Counter(gram for line in padded for gram in self._grams(line, n)) for n in range(1, order + 1)]
        self.counts: list[dict[tuple[str, ...], int]] = []
        for n in range(1, order):
            left = Counter(gram[1:] for gram in raw[n])
            self.counts.append({g: c if g[0] == START else left[g] for g, c in raw[n - 1].items()})
        self.counts.append(dict(raw[order - 1]))
        self.counts[0] = {g: c for g, c in self.counts[0].items() if g != (START,)}
        self.taken = [self._discounts(list(c.values())) for c in self.counts]
        self.after: list[dict[tuple[str, ...], list[int]]] = []
        for counts in self.counts:
            found: dict[tuple[str, ...], list[int]] = defaultdict(list)
            for gram, count in counts.items():
                found[gram[:-1]].append(count)
            self.after.append(found)

    @staticmethod
    def _grams(line: list[str], n: int) -> Iterator[tuple[str, ...]]:
        return (tuple(line[i : i + n]) for i in range(len(line) - n + 1))

    @staticmethod
    def _discounts(counts: list[int]) -> list[float]:
        t = Counter(counts)
        if not all(t[k] for k in (1, 2, 3, 4)):
            return [0.0, *FALLBACK]
        y = t[1] / (t[1] + 2 * t[2])
        found = [k - (k + 1) * y * t[k + 1] / t[k] for k in (1, 2, 3)]
        return [0.0, *(found if all(0 < d <= k for k, d in enumerate(found, 1)) else FALLBACK)]

    def p(self, word: str, context: tuple[str, ...]) -> float:
        """Probability of a word after up to order - 1 others."""
        n = len(context)
        below = self.p(word, context[1:]) if n else 1 / len(self.words)
        counts, taken = self.after[n].get(context), self.taken[n]
        if not counts:
            return below
        mine = self.counts[n].get((*context, word), 0)
        total = sum(counts)
        left = sum(taken[min(c, 3)] for c in counts) / total
        return (mine - taken[min(mine, 3)]) / total + left * below


def hash_of(word: str) -> int:
    special = {START: BEGIN, STOP: LINE_END, NEVER: UNKNOWN}
    return int(special[word]) if word in special else int(tokens(pa.array([word])).hashes[0])


@pytest.mark.parametrize("order", [2, 3, 5])
@pytest.mark.parametrize("lines", [6, 300])
def test_probabilities_are_those_of_the_definition(order: int, lines: int) -> None:
    text = sample(order, lines)
    oracle = KneserNey(text, order)
    table = table_of(estimate(pa.array(["\n".join(text[:3]), "\n".join(text[3:])]), order, 0)[0])
    pick = random.Random(7)
    contexts: list[tuple[str, ...]] = [(START,)]
    for _ in range(150):
        words = [START, *pick.choice(text).split(), *(["straw"] if pick.random() < 0.2 else [])]
        end = pick.randint(1, len(words))
        contexts.append(tuple(words[max(0, end - order + 1) : end]))
    for context in contexts:
        for word in pick.sample(oracle.words, 5):
            known = tuple("<unk>" if w == "straw" else w for w in context)
            wanted = math.log(oracle.p(word, known))
            found = log_probability(table, [hash_of(w) for w in context], hash_of(word))
            assert found == pytest.approx(wanted, abs=2e-6), (context, word)


@given(st.integers(0, 10_000), st.integers(1, 60), st.integers(2, 4))
def test_probabilities_after_any_context_sum_to_one(seed: int, lines: int, order: int) -> None:
    text = sample(seed, lines)
    table = table_of(estimate(pa.array(text), order, 3)[0])
    words = [*{w for line in text for w in line.split()}, STOP, NEVER]
    context = [hash_of(w) for w in [START, *text[seed % lines].split()][: 1 + seed % 5]]
    total = sum(math.exp(log_probability(table, context, hash_of(word), 3)) for word in words)
    assert total == pytest.approx(1, abs=1e-5)


def test_a_documents_perplexity_is_that_of_its_lines() -> None:
    text = sample(1, 200)
    oracle = KneserNey(text, 3)
    table = table_of(estimate(pa.array(text), 3, 1)[0])
    model = Model("m", "perplexity", ("xx", "en"), {"table": table, "order": np.array([3])}, {}, False)
    document = "The mill, GRINDS corn!\n\n \nand straw turns\nrye"
    logs = []
    for line in ("the mill grinds corn", "and <unk> turns", "rye"):
        words = [START, *line.split(), STOP]
        logs += [math.log(oracle.p(w, tuple(words[max(0, i - 2) : i]))) for i, w in enumerate(words) if i]
    found, features = score(model, pa.array([document, "", "...", document]), ["en", "en", "en", "de"])
    assert found[0] == pytest.approx(math.exp(-sum(logs) / len(logs)), rel=1e-5)
    assert np.isnan(found[1:]).all()
    assert features.tolist() == [len(logs), 0, 0, len(logs)]


def test_discounts_of_a_known_distribution() -> None:
    # Ten of one, four of two, two of three, one of four: y = 10 / 18.
    counts = np.array([1] * 10 + [2] * 4 + [3] * 2 + [4])
    y = 10 / 18
    assert discounts(counts).tolist() == pytest.approx([0, 1 - 2 * y * 0.4, 2 - 3 * y * 0.5, 3 - 4 * y * 0.5])
    assert discounts(np.array([1, 1, 2])).tolist() == [0, *FALLBACK]


def test_languages_share_a_table_and_nothing_else() -> None:
    one, two = (estimate(pa.array(sample(seed, 50)), 2, seed)[0] for seed in (0, 1))
    both, alone = table_of(np.concatenate([one, two])), table_of(one)
    words = [hash_of(w) for w in WORDS]
    for word in words:
        assert log_probability(both, [int(BEGIN)], word, 0) == log_probability(alone, [int(BEGIN)], word, 0)
    assert not np.isin(
        chain(start_key(0), np.array(words, np.uint64)), chain(start_key(1), np.array(words, np.uint64))
    ).any()
