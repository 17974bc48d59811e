"""Heuristic signals: golden figures counted by hand, and a naive implementation as oracle."""

from __future__ import annotations

import unicodedata
from collections import Counter
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.schemas import RATIOS, SCHEMAS
from spark_jobs.text.heuristics import BULLETS, TERMINAL, heuristics
from spark_jobs.text.stopwords import STOP_WORDS


def measure(*texts: str, language: str = "en") -> list[dict[str, Any]]:
    table = heuristics(
        pa.array(range(len(texts)), pa.int64()), pa.array(texts, pa.string()), pa.array([language] * len(texts))
    )
    assert table.schema.equals(SCHEMAS["heuristics"], check_metadata=True)
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def test_figures_counted_by_hand() -> None:
    text = "The cat and the dog.\n\n- the cat and the dog...\nRun #1 — Wait…\nThe cat and the dog.\n"
    (row,) = measure(text)
    exact = {
        "bytes": 87, "chars": 83, "lines": 4, "words": 18, "stop_words": 2, "script": "Latin", "words_measurable": True,
    }  # fmt: skip
    assert {name: row[name] for name in exact} == exact
    ratios = {
        "mean_word_length": (16 + 18 + 10 + 16) / 18,  # per line
        "symbol_ratio": 3 / 18,  # "...", "#", "…"
        "end_punctuation_ratio": 4 / 4,
        "bullet_ratio": 1 / 4,
        "ellipsis_ratio": 2 / 4,
        "short_line_ratio": 4 / 4,
        "stop_word_ratio": 7 / 18,  # "The" is not "the"
        "duplicate_line_ratio": 1 / 4,
        "duplicate_line_char_ratio": 20 / 83,
        "top_2gram_ratio": 3 * 7 / 83,  # "cat and", three times
        "top_3gram_ratio": 3 * 11 / 83,  # "cat and the"
        "top_4gram_ratio": 2 * 16 / 83,  # "cat and the dog."
        "digit_ratio": 1 / 62,
        "upper_ratio": 4 / 52,
        "alpha_ratio": 52 / 62,
    }
    assert {name: row[name] for name in ratios} == pytest.approx(ratios, abs=1e-6)


def test_text_without_spaces_is_not_measured_in_words_but_in_characters() -> None:
    han, thai, korean = measure(
        "今天天气很好。我们去公园散步。", "ภาษาไทยไม่มีช่องว่าง", "오늘은 날씨가 좋다", language="ko"
    )
    assert [han["script"], thai["script"], korean["script"]] == ["Han", "Thai", "Hangul"]
    assert [han["words_measurable"], thai["words_measurable"], korean["words_measurable"]] == [False, False, True]
    assert han["stop_words"] is None
    assert han["stop_word_ratio"] is None
    assert han["end_punctuation_ratio"] == 1
    assert (han["chars"], han["bytes"]) == (15, 45)
    assert thai["alpha_ratio"] == 1, "vowel signs and tone marks count as text"


def test_a_page_of_japanese_with_some_english_is_still_without_spaces() -> None:
    (row,) = measure("Apache は、世界で最も使われている HTTP サーバーです。設定ファイルを編集してください。")
    assert row["words_measurable"] is False


def test_stop_words_are_unknown_without_a_list_for_the_language() -> None:
    known, unknown = measure("the cat and the dog"), measure("the cat and the dog", language="fi")
    assert known[0]["stop_words"] == 2
    assert unknown[0]["stop_words"] is None
    assert unknown[0]["words"] == 5


def test_stop_words_are_those_of_the_language_of_the_row() -> None:
    texts = pa.array(["the und of der", "the und of der", "the und of der"], pa.string())
    table = heuristics(pa.array([1, 2, 3], pa.int64()), texts, pa.array(["en", "de", None]))
    assert table.column("stop_words").to_pylist() == [2, 2, None]
    assert table.column("stop_word_ratio").to_pylist() == [0.5, 0.5, None]


def test_empty_and_blank_texts_have_signals_of_zero() -> None:
    for row in measure("", " \n\t\u3000\n"):
        assert row["words"] == row["lines"] == 0
        assert all(row[name] == 0 for name in RATIOS)


def test_no_document_gives_no_row() -> None:
    assert measure() == []


vocabulary = [
    "the", "be", "The", "word", "wörd", "слово", "मान", "123", "٣٤", "#tag", "...", "…", "-", "•", "it.", "end!",
    "漢字", "かな", "한국어", "عربي", "🙂", "a\u0301", "x....", "\U000e0041", "\u0378",
]  # fmt: skip
separators = [" ", "  ", "\n", "\n\n", "\t", "\u3000", "\r\n", ", "]
texts = st.lists(
    st.one_of(st.sampled_from(vocabulary), st.sampled_from(separators), st.text(max_size=4)), max_size=60
).map("".join)


@settings(max_examples=150)
@given(st.lists(texts, min_size=1, max_size=4))
def test_signals_are_those_of_a_naive_implementation(documents: list[str]) -> None:
    for row, text in zip(measure(*documents), documents, strict=True):
        wanted = naive(text)
        assert {name: row[name] for name in wanted} == pytest.approx(wanted, abs=2e-6)


def naive(text: str) -> dict[str, float]:
    """The definitions of the module, one look at a time."""
    words = [w for w in text.split() if any(unicodedata.category(c)[0] not in "PS" for c in w)]
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    visible = [c for c in text if not c.isspace()]
    letters = [c for c in visible if unicodedata.category(c)[0] == "L"]
    stops = [w for w in words if w in STOP_WORDS["en"].split()]
    repeated = Counter(lines)
    result: dict[str, float] = {
        "bytes": len(text.encode()),
        "chars": len(text),
        "words": len(words),
        "lines": len(lines),
        "mean_word_length": share(sum(map(len, words)), words),
        "symbol_ratio": (text.count("#") + text.count("…") + text.count("...")) / max(1, len(words)),
        "end_punctuation_ratio": share(sum(line[-1] in TERMINAL for line in lines), lines),
        "bullet_ratio": share(sum(line[0] in BULLETS for line in lines), lines),
        "ellipsis_ratio": share(sum(line.endswith(("...", "…")) for line in lines), lines),
        "short_line_ratio": share(sum(len(line) <= 30 for line in lines), lines),
        "duplicate_line_ratio": share(sum(n - 1 for n in repeated.values()), lines),
        "duplicate_line_char_ratio": share(sum(len(line) * (n - 1) for line, n in repeated.items()), text),
        "digit_ratio": share(sum(unicodedata.category(c) == "Nd" for c in visible), visible),
    }
    if not any("\u0e00" <= c <= "\u109f" or "\u0f00" <= c <= "\u0fff" or "\u1780" <= c <= "\u17ff" for c in text):
        # Marks of scripts without spaces count as letters; that has a test of its own.
        result["alpha_ratio"] = share(len(letters), visible)
        result["upper_ratio"] = share(sum(unicodedata.category(c) in ("Lu", "Lt") for c in letters), letters)
    for n in (2, 3, 4):
        grams = Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))
        covered = [count * len(" ".join(gram)) for gram, count in grams.items() if count > 1]
        result[f"top_{n}gram_ratio"] = share(max(covered, default=0), text)
    if row_has_spaces(text):
        result["stop_words"] = len(set(stops))
        result["stop_word_ratio"] = share(len(stops), words)
    return result


def share(part: float, whole: list[Any] | list[str] | str) -> float:
    return part / len(whole) if whole else 0.0


def row_has_spaces(text: str) -> bool:
    return all(ord(c) < 0x0700 for c in text)
