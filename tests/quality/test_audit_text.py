"""The audit's own folding and similarity, by examples that a person can check."""

from __future__ import annotations

import random
import unicodedata

import pytest

from quality.audit_text import PERMUTATIONS, alike, estimated, same, shingles, words


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Grün, ÉTÉ and naïve!", ["grun", "ete", "and", "naive"]),
        ("3.14 1,234,567 v2.0 ٣٫٥", ["0", "0", "0", "v0", "0"]),
        ("it's e-mail_me (now)…", ["it", "s", "e", "mail", "me", "now"]),
        ("漢字と ไทย mixed中text", ["漢", "字", "と", "ไ", "ท", "ย", "mixed", "中", "text"]),
        ("Привет\u00a0МИР\n\tй", ["привет", "мир", "и"]),
        ("한국어 문서", ["한국어", "문서"]),
        ("— … \u200b", []),
    ],
)  # fmt: skip
def test_words_are_folded_as_the_rule_says(text: str, folded: list[str]) -> None:
    assert words(text) == [unicodedata.normalize("NFD", word) for word in folded]


def test_a_shingle_is_five_words_and_counts_once() -> None:
    assert shingles("a b c d") == frozenset()
    assert shingles("A b, c d e f") == {"a b c d e", "b c d e f"}
    assert len(shingles("a b c d e " * 9)) == 5


@pytest.mark.parametrize(
    ("left", "right", "similarity"),
    [
        ("a b c d e f", "A B C D E F!", 1.0),
        ("a b c d e f", "a b c d e g", 1 / 3),
        ("a b c d e", "f g h i j", 0.0),
        ("room 1 on floor 22", "room 305 on floor 4", 1.0),
        ("天地玄黄宇宙", "天地玄黄宇洪", 1 / 3),
        ("home", "Home.", 1.0),
        ("home", "away", 0.0),
        ("home", "a b c d e", 0.0),
    ],
)
def test_similarity_is_that_of_the_shingle_sets(left: str, right: str, similarity: float) -> None:
    assert alike(left, right) == alike(right, left) == pytest.approx(similarity)


def test_same_is_stricter_than_alike() -> None:
    assert same("Room 7, floor ٣", "room 7 floor 3")
    assert not same("room 7 floor 3", "room 8 floor 3")
    assert not same("room 3.5", "room 35")
    assert not same("a b c d e f", "f e d c b a")
    assert same("…", "…")
    assert not same("…", "...")


@pytest.mark.parametrize("shared", [0, 50, 200, 800])
def test_datasketch_estimates_what_is_counted_exactly(shared: int) -> None:
    rng = random.Random(shared)

    def prose(count: int) -> str:
        return " ".join("".join(rng.choices("abcdefgh", k=8)) for _ in range(count))

    common = prose(shared)
    left, right = f"{common} {prose(200)}", f"{common} {prose(200)}"
    exact = alike(left, right)
    assert abs(estimated(left, right) - exact) <= 5 * (max(exact * (1 - exact), 0.01) / PERMUTATIONS) ** 0.5
