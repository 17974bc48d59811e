"""Repeated n-grams: the published counts as oracle, over words that join to the same characters too."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_jobs.text.grams import covered_repeats, number_words, room, top_grams
from spark_jobs.text.scans import scanned_repeats
from spark_jobs.text.word_rules import word_hash
from tests.spark_jobs.text.filters_oracle import covered, scanned, top_gram, top_gram_rpv2

words = st.one_of(
    st.lists(st.sampled_from(["a", "b"]), max_size=40),
    st.lists(st.sampled_from(["a", "aa", "ab", "b"]), max_size=40),
    st.lists(st.sampled_from(["x", "yy", "z" * 70, "w"]), max_size=40),
)


@settings(max_examples=300, deadline=None)
@given(words, st.integers(0, 40))
def test_repeated_ngrams_are_counted_as_published(some: list[str], again: int) -> None:
    text = some + some[:again]
    points = [np.array([ord(c) for c in word], np.int32) for word in text]
    hashes = np.array([word_hash(p, 0, len(p)) for p in points], np.uint64)
    lengths = np.array([len(p) for p in points], np.int32)
    space, top, repeated = room(len(text)), np.zeros(3), np.zeros(6)
    joined = "".join(text).encode()
    windows = np.frombuffer(joined + bytes(32), np.uint8)
    number_words(hashes, lengths, len(text), space)
    assert len({int(i) for i in space.owner[: len(text)]}) == len(set(text))
    more = top_grams(len(text), space, False, top)
    assert top.tolist() == [top_gram_rpv2(text, n) for n in (2, 3, 4)]
    covered_repeats(more, space, repeated)
    assert repeated.tolist() == [covered(text, n) for n in range(5, 11)]
    number_words(hashes, lengths, len(text), space)
    top_grams(len(text), space, True, top)
    assert [None if np.isnan(x) else x for x in top] == [top_gram(text, n) for n in (2, 3, 4)]
    scanned_repeats(hashes, len(text), windows, space, repeated)
    assert repeated.tolist() == [scanned(text, n) for n in range(5, 11)]


def test_the_table_has_room_for_as_many_words_as_asked() -> None:
    space = room(1000)
    assert len(space.keys) >= 2000
    assert len(space.gram) == pytest.approx(1001)
