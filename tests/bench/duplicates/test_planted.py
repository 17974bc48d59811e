"""Edits aim at a similarity; what they reach is measured."""

from __future__ import annotations

from random import Random

import pytest

from bench.duplicates.curve import BINS, WIDTH
from bench.duplicates.plain import folded_words, plain_jaccard
from bench.duplicates.planted import NotFilled, plant
from bench.duplicates.texts import EDITS, window, words_of


def test_words_are_those_of_the_folding() -> None:
    text = "Two words, 中文字 mixed\n\nwith  日本語です and 한국어 낱말"
    words = words_of(text)
    assert "".join(words).split() == text.split()
    assert [folded_words(word) for word in words] == [[word] for word in folded_words(text)]
    assert folded_words("".join(reversed(words))) == list(reversed(folded_words(text)))


@pytest.mark.parametrize("code", ["en", "zh"])
@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_comes_near_its_aim(edit: str, code: str, pools: dict[str, list[str]]) -> None:
    rng = Random(5)
    for aim in (0.55, 0.75, 0.95):
        found = []
        for _ in range(10):
            words = window(pools[code], 300, rng)
            found.append(plain_jaccard("".join(words), "".join(EDITS[edit](words, pools[code], aim, rng))))
        assert abs(sum(found) / len(found) - aim) < 0.1, (edit, aim, found)


def test_bins_are_filled_with_pairs_of_their_similarity(pools: dict[str, list[str]]) -> None:
    planted = plant(pools, 6, seed=2)
    assert planted == plant(pools, 6, seed=2)
    assert planted != plant(pools, 6, seed=3)
    for low, pairs in zip(BINS, planted, strict=True):
        assert len(pairs) == 6
        for pair in pairs:
            assert low <= pair.jaccard < low + WIDTH + 1e-9
            assert plain_jaccard(pair.left, pair.right) == pytest.approx(pair.jaccard, abs=1e-6)
    assert {pair.language for pairs in planted for pair in pairs} == {"en", "zh"}
    assert {pair.edit for pairs in planted for pair in pairs} == set(EDITS)


def test_texts_that_reach_no_similarity_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.duplicates.planted.ROUNDS", 2)
    with pytest.raises(NotFilled, match="give longer or more texts"):
        plant({"en": ["same "] * 2000}, 2, seed=1)
