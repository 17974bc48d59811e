"""Tokens against a second, plain implementation of the same folding."""

from __future__ import annotations

import re
import unicodedata

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from spark_jobs.text.tokens import folding, token_hashes
from spark_jobs.text.unicode import UNSPACED, tables

NUMBER = re.compile(r"\d+([.,،٫⎖⎗⎘]\d+)?")
FLAGS = tables()[0]


def alone(char: str) -> bool:
    return bool(FLAGS[ord(char)] & UNSPACED)


def plain(text: str) -> list[str]:
    """Lower case, numbers to 0, marks and symbols to spaces, accents off; letters of unspaced scripts alone."""
    text = NUMBER.sub("0", text.lower())
    text = "".join(" " if unicodedata.category(c)[0] in "PSZC" else c for c in text)
    text = "".join(c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn")
    return "".join(f" {c} " if alone(c) else c for c in text).split()


def hashed(text: str) -> tuple[list[int], list[int]]:
    data = np.frombuffer(text.encode(), np.uint8)
    similar, exact = np.zeros(len(data) + 1, np.uint64), np.zeros(len(data) + 1, np.uint64)
    count = token_hashes(data, 0, len(data), folding(), similar, exact)
    return similar[:count].tolist(), exact[:count].tolist()


pieces = st.text(st.sampled_from("abcxyzABCXYZ@[`{éÉñчЧ漢字ไทยか0123456789٣,.٫_-' \n\u00a0…😀"), max_size=20)
longer = st.lists(st.sampled_from(["abcdefgh", "ABCDEFGHI", "antidisestablishmentarianism", "Grün", "3.14", " "]))
texts = st.lists(st.one_of(pieces, longer.map("".join)), max_size=12).map("".join)


@given(st.lists(texts, min_size=1, max_size=8))
def test_equal_hashes_are_equal_words(several: list[str]) -> None:
    word_of: dict[int, str] = {}
    hash_of: dict[str, int] = {}
    for text in several:
        words, (hashes, _) = plain(text), hashed(text)
        assert len(hashes) == len(words), words
        for word, value in zip(words, hashes, strict=True):
            assert word_of.setdefault(value, word) == word
            assert hash_of.setdefault(word, value) == value


@given(texts, st.integers(0, 9))
def test_where_a_word_stands_in_the_buffer_does_not_change_its_hash(text: str, before: int) -> None:
    shifted = hashed("-" * before + text)
    if not text[:1].isdigit() or not before:
        assert shifted == hashed(text)


def test_numbers_are_alike_and_their_digits_are_told_apart() -> None:
    forms = ["7", "10", "3.14", "31.4", "1,234", "٣", "314"]
    rows = [hashed(f"about {form} times") for form in forms]
    assert len({tuple(similar) for similar, _ in rows}) == 1
    assert len({tuple(exact) for _, exact in rows}) == len(forms)
    assert len(hashed("1,234,567")[0]) == 2, "one decimal part"
    assert hashed("v2.0")[0] == hashed("V7")[0] != hashed("v")[0]
    assert hashed("٣٤")[1] == hashed("34")[1]
    assert hashed("1a23")[0] == hashed("12a3")[0]
    assert hashed("1a23")[1] != hashed("12a3")[1]
