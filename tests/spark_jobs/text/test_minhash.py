"""Tokens and MinHash signatures: what they are equal over, and how well they estimate similarity."""

from __future__ import annotations

import random
import unicodedata
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gristmill.schemas import BANDS, ROWS_PER_BAND, SCHEMAS
from spark_jobs.clusters.signatures import BAND_COLUMNS, signature_rows
from spark_jobs.text.minhash import minhash
from spark_jobs.text.similarity import estimates


def sign(*texts: str) -> list[dict[str, Any]]:
    table = minhash(pa.array(range(len(texts)), pa.int64()), pa.array(texts, pa.string()))
    assert table.schema.equals(SCHEMAS["minhash"], check_metadata=True)
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def signatures(texts: list[str]) -> NDArray[np.uint16]:
    return signature_rows(minhash(pa.array(range(len(texts)), pa.int64()), pa.array(texts, pa.string())))


def estimated(left: list[str], right: list[str]) -> NDArray[np.float32]:
    places = np.stack([np.arange(len(left))] * 2, axis=1)
    return estimates(signatures(left), signatures(right), places)


def sets_with_jaccard(wanted: float, size: int, seed: int) -> tuple[str, str, float]:
    """Two texts of random words and the exact Jaccard similarity of their word 5-grams, by brute force."""
    draw = random.Random(seed)
    left = [f"w{draw.randrange(10**6)}x" for _ in range(size)]
    # Replacing one stretch of k words removes k + 4 shingles from each side: J = (n - k) / (n + k).
    cut = round(size * (1 - wanted) / (1 + wanted))
    right = [*left[:-cut], *(f"v{draw.randrange(10**6)}y" for _ in range(cut))] if cut else left
    # Digits fold to 0, so the words are told apart by letters.
    sides = [[word.translate(str.maketrans("0123456789", "abcdefghij")) for word in words] for words in (left, right)]
    a, b = ({tuple(words[i : i + 5]) for i in range(len(words) - 4)} for words in sides)
    return " ".join(sides[0]), " ".join(sides[1]), len(a & b) / len(a | b)


@pytest.mark.parametrize("wanted", [0.2, 0.5, 0.7, 0.8, 0.9, 0.97])
def test_the_estimate_is_unbiased_and_as_exact_as_112_hashes_can_be(wanted: float) -> None:
    pairs = [sets_with_jaccard(wanted, 300, seed) for seed in range(120)]
    found = estimated([p[0] for p in pairs], [p[1] for p in pairs])
    error = found - np.array([p[2] for p in pairs])
    deviation = np.sqrt(wanted * (1 - wanted) / 112)
    assert abs(error.mean()) < 4 * deviation / np.sqrt(len(pairs))
    assert 0.7 * deviation < error.std() < 1.3 * deviation


@pytest.mark.parametrize(("wanted", "candidates"), [(0.5, 0.053), (0.7, 0.565), (0.8, 0.924), (0.9, 1.0)])
def test_bands_find_pairs_as_often_as_the_published_curve_says(wanted: float, candidates: float) -> None:
    pairs = [sets_with_jaccard(wanted, 300, 1000 + seed) for seed in range(200)]
    sides = [sign(*(pair[side] for pair in pairs)) for side in (0, 1)]
    shared = [any(a[c] == b[c] for c in BAND_COLUMNS) for a, b in zip(*sides, strict=True)]
    margin = 4 * np.sqrt(candidates * (1 - candidates) / len(pairs)) + 0.02
    assert abs(np.mean(shared) - candidates) < margin


def test_unrelated_texts_share_no_band_and_nothing_is_estimated() -> None:
    texts = [sets_with_jaccard(1.0, 50, seed)[0] for seed in range(400)]
    rows = sign(*texts)
    for band in BAND_COLUMNS:
        assert len({row[band] for row in rows}) == len(rows)
    assert estimated(texts[:-1], texts[1:]).max() < 0.05


def test_bands_do_not_share_keys_with_each_other() -> None:
    (row,) = sign("one two three four five")
    assert len({row[band] for band in BAND_COLUMNS}) == BANDS
    assert {len(row[band]) for band in BAND_COLUMNS} == {2 * ROWS_PER_BAND}


few_tokens = st.lists(st.sampled_from(["a", "b", "c!", "漢", "?"]), max_size=4).map(" ".join)


@given(st.lists(few_tokens, min_size=2, max_size=12))
def test_documents_without_a_shingle_have_no_band_to_collide_in(texts: list[str]) -> None:
    for row in sign(*texts):
        assert row["shingles"] == 0
        assert all(row[band] is None for band in BAND_COLUMNS)


def test_documents_without_a_word_are_equal_only_when_their_characters_are() -> None:
    hashes = [row["content_hash"] for row in sign("!!!", "???", "!!!", "* * *", "", "...")]
    assert hashes[0] == hashes[2]
    assert len(set(hashes)) == 5


sentences = st.lists(
    st.sampled_from(["Grün", "ÉTÉ", "slow", "Число", "한국어", "中文", "か゚な", "don't", "v2.0", "naïve"]),
    min_size=1, max_size=14,
)  # fmt: skip


@given(sentences, st.sampled_from([" ", "  ", "\n", "\t", "\u3000", " - ", ", ", "… "]), st.randoms())
def test_case_punctuation_space_and_accents_do_not_tell_documents_apart(
    words: list[str], separator: str, draw: random.Random
) -> None:
    plain = " ".join(words)
    varied = separator.join(draw.choice([str.upper, str.lower, str])(word) for word in words)
    # Hangul syllables are letters of their own, not letters with accents.
    decomposed = plain if "한국어" in words else unicodedata.normalize("NFD", plain)
    forms = [plain, f"  {varied}!", decomposed]
    rows = sign(*forms)
    for row in rows[1:]:
        assert {**row, "doc_id": 0} == {**rows[0], "doc_id": 0}


def test_shingles_take_any_digit_for_any_other_and_content_does_not() -> None:
    rows = sign(
        "page 12 of 30 pages now", "page 98 of 76 pages now", "page ٣٤ of ٠١ pages now", "page 1 of 3 pages now"
    )
    bands = [[row[band] for band in BAND_COLUMNS] for row in rows]
    assert bands[0] == bands[1] == bands[2] == bands[3], "a number of any length is one 0"
    assert len({row["content_hash"] for row in rows}) == 4
    arabic, latin = sign("page ٣٤ of ٠١ pages now", "Page 34 of 01: pages now")
    assert {**arabic, "doc_id": 1} == latin


@given(st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=9), st.data())
def test_other_words_or_another_order_are_another_content(words: list[str], data: st.DataObject) -> None:
    other = data.draw(st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=9))
    first, second = sign(" ".join(words), " ".join(other))
    assert (first["content_hash"] == second["content_hash"]) == (words == other)


def test_characters_are_the_tokens_of_scripts_without_spaces() -> None:
    chinese, spaced, thai, korean, mixed = sign(
        "今天天气很好", "今 天 天 气 很 好", "ภาษา", "오늘은 날씨가 좋다", "Apache设定a b"
    )
    assert chinese["shingles"] == 2
    assert chinese["content_hash"] == spaced["content_hash"]
    assert thai["shingles"] == 0, "four letters are four tokens"
    assert korean["shingles"] == 0, "three words"
    assert mixed["shingles"] == 1, "Apache, 设, 定, a, b"


def test_a_small_edit_of_a_chinese_text_is_found() -> None:
    text = "".join(chr(0x4E00 + i * 37 % 5000) for i in range(300))
    left, right = sign(text, text.replace(text[150], "龘"))
    assert any(left[band] == right[band] for band in BAND_COLUMNS)


@settings(max_examples=40)
@given(st.lists(st.text(max_size=60), max_size=6))
def test_a_signature_does_not_depend_on_the_batch(texts: list[str]) -> None:
    together = sign(*texts)
    alone = [sign(text)[0] for text in texts]
    assert [{**row, "doc_id": 0} for row in together] == alone


def test_signatures_never_change_unnoticed() -> None:
    """Stored segments are compared with new ones for years: another hash is another stage version."""
    (row,) = sign("The quick brown fox jumps over the lazy dog. 敏捷的棕色狐狸")
    assert row["shingles"] == 12
    assert row["content_hash"].hex() == "dcd9ea2ce306c1f32057b0aeb8f4730b"
    assert row["band_00"].hex() == "15fa95dc476cf7da807a5c637f26ba64"
    assert row["band_13"].hex() == "bab0fb3684b0d4be0f1326f79c7c85df"
