"""Exact and estimated Jaccard similarity."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.schemas import HASHES
from spark_jobs.text.similarity import estimates, exact_jaccard, shingle_sets

words = st.lists(st.sampled_from(["ash", "bee", "cow", "dog"]), max_size=25)


@given(words, words)
def test_exact_similarity_is_that_of_the_sets_of_five_words(left: list[str], right: list[str]) -> None:
    a, b = ({tuple(side[i : i + 5]) for i in range(len(side) - 4)} for side in (left, right))
    wanted = len(a & b) / len(a | b) if a | b else 0.0
    assert exact_jaccard(" ".join(left), " ".join(right)) == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("text", ["", "...", "only four words here", "漢字かな"])
def test_texts_without_a_shingle_are_similar_to_nothing(text: str) -> None:
    assert len(shingle_sets(pa.array([text]))[0]) == 0
    assert exact_jaccard(text, text) == 0.0
    assert exact_jaccard(text, "now these are five words") == 0.0


def test_an_estimate_is_corrected_for_agreement_by_chance_and_stays_within_bounds() -> None:
    left = np.arange(HASHES, dtype=np.uint16)
    half = np.where(np.arange(HASHES) % 2, left, left + 1).astype(np.uint16)
    others = np.stack([left, half, left + np.uint16(1)])
    found = estimates(left.reshape(1, -1), others, np.array([[0, 0], [0, 1], [0, 2]]))
    assert found[0] == 1.0
    assert found[1] == pytest.approx(0.5, abs=1e-4)
    assert found[2] == 0.0
