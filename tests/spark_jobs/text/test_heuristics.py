"""Heuristic signals: figures counted by hand, and the published filters as oracle."""

from __future__ import annotations

import string
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gristmill.signals.heuristics import HEURISTICS
from spark_jobs.text.heuristics import heuristics
from spark_jobs.text.stoplists import frequent_lists, short_lists
from tests.spark_jobs.text import filters_oracle as oracle
from tests.spark_jobs.text.filters_oracle import tokens_of


def measure(*texts: str, language: str | None = "en") -> list[dict[str, Any]]:
    languages = pa.array([language] * len(texts), pa.string())
    table = heuristics(pa.array(range(len(texts)), pa.int64()), pa.array(texts, pa.string()), languages)
    assert table.schema.names == ["doc_id", *(signal.name for signal in HEURISTICS)]
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def test_figures_counted_by_hand() -> None:
    text = "The cat and the dog.\n\n- the cat and the dog...\nRun #1 — Wait…\nThe cat and the dog.\n"
    (row,) = measure(text)
    exact = {
        "bytes": 87, "chars": 83, "lines": 4, "words": 18, "tokens": 25, "script": "Latin", "words_measurable": True,
        "stop_words_distinct": 2, "lines_c4": 4, "tokens_c4": 25,
    }  # fmt: skip
    assert {name: row[name] for name in exact} == exact
    ratios = {
        "hashes_per_token_datatrove": 1 / 25,
        "bullet_line_share_datatrove": 1 / 5,
        "bullet_line_share_dclm": 1 / 4,
        "dup_line_share_datatrove": 1 / 5,  # four lines and the empty piece after the last \n
        "dup_line_share_dclm": 2 / 4,
        "end_mark_line_share_fineweb": 3 / 4,
        "end_mark_line_share_rpv2": 3 / 4,
        "newlines_per_token_fineweb_c4": 3 / 25,
        "top_2gram_char_share_datatrove": 3 * 7 / 83,  # "cat and"
        "digit_char_share": 1 / 62,
        "uppercase_letter_share": 4 / 52,
    }
    assert {name: row[name] for name in ratios} == pytest.approx(ratios, abs=1e-6)


def test_one_ngram_is_enough_for_gopher_as_in_datatrove() -> None:
    (row,) = measure("four words of text")
    assert row["top_4gram_char_share_datatrove"] == 1
    assert row["top_4gram_char_share_rpv2"] == 0


def test_what_has_no_meaning_is_null() -> None:
    han, thai, empty, unknown = (
        measure("今天天气很好。我们去公园散步。", language="zh")[0],
        measure("ภาษาไทยไม่มีช่องว่าง", language="th")[0],
        measure("")[0],
        measure("the cat", language="xx")[0],
    )
    assert (han["script"], han["words_measurable"], thai["script"]) == ("Han", False, "Thai")
    for name in ("uppercase_letter_share", "all_caps_word_share_rpv2", "no_alpha_word_share_rpv2", "sentences_rpv2"):
        assert han[name] is None
    assert han["end_mark_line_share_fineweb"] == 1
    assert thai["stop_words_distinct"] == 1
    assert unknown["stop_words_distinct"] is None
    nullable = {signal.name for signal in HEURISTICS if signal.null != "never"}
    kept = {"stop_words_distinct", "stop_words_dclm", "sentences_rpv2"}
    assert {name for name, value in empty.items() if value is None} == nullable - kept


def test_stop_words_are_those_of_the_language_of_the_row() -> None:
    texts = pa.array(["the und of der", "the und of der", "the und of der"], pa.string())
    table = heuristics(pa.array([1, 2, 3], pa.int64()), texts, pa.array(["en", "de", None]))
    assert table.column("stop_words_distinct").to_pylist() == [2, 2, None]
    assert measure("The THE the", language="en")[0]["stop_words_distinct"] == 1, "case-sensitive, distinct"
    assert measure("我是中国人的", language="zh")[0]["stop_words_distinct"] == 4, "是 中 人 的, at any place"
    assert len(short_lists()["zh"]) == 22
    assert {"zh", "ja", "ko", "fr", "de", "es", "ru", "ar", "th", "hi"} <= set(short_lists())
    assert len(frequent_lists()) > 60


def test_sentences_are_counted_after_the_edits() -> None:
    (row,) = measure("One here now. Two here now! [1]\nshort\nA line that ends with nothing at all\nThree? Four.")
    assert row["sentences_c4_datatrove"] == 3
    assert row["sentences_c4_original"] == 0, "the first ends in a blank once its marker is gone; the last is short"


words = st.sampled_from(
    ["the", "be", "The", "word", "wörd", "слово", "123", "#tag", "...", "…", "-", "•", "it.", "end!", "it's", "Mr.",
     "http://a.bc", "漢字", "かな", "한국어", "عربي", "🙂", "a\u0301", "[1]", "[edit]", "javascript", "use cookies",
     "{", "lorem ipsum", "\U000e0041", "\0"]
)  # fmt: skip
separators = st.sampled_from([" ", " ", "  ", "\n", "\n\n", "\t", "\u3000", "\r\n", ", ", "\x85"])
texts = st.lists(st.one_of(words, separators, st.text(max_size=3)), max_size=60).map("".join)
some = st.sampled_from(["One line of words.", "two [1] here or there?", " ", "", "three.", "- a b c d e f g"])
lines = st.lists(some, max_size=12).map("\n".join)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(texts, lines), min_size=1, max_size=4))
def test_signals_are_those_of_the_published_filters(documents: list[str]) -> None:
    for row, text in zip(measure(*documents), documents, strict=True):
        tokens = tokens_of(text)[0]
        wanted = oracle.gopher(text, tokens) | oracle.repetition(text, tokens)
        wanted |= oracle.fineweb(text, len(tokens))
        edited = oracle.c4_edit(text, 3, end_mark=False)
        if edited == "\n".join(line for line in edited.split("\n") if line.strip()):
            wanted |= oracle.fineweb(edited, len(tokens_of(edited)[0]), "_c4")
        if all(ord(c) < 0x2E80 for c in text):
            table = str.maketrans("", "", string.punctuation)
            wanted |= oracle.rpv2([w for run in text.lower().split() if (w := run.translate(table))])
        assert {name: row[name] for name in wanted} == pytest.approx(wanted, abs=2e-6)


@settings(max_examples=30, deadline=None)
@given(st.lists(texts, min_size=2, max_size=6))
@example(["", "漢字 a\u0301かな\x1bÀ"])
def test_values_stay_in_their_ranges_and_do_not_depend_on_the_batch(documents: list[str]) -> None:
    together = measure(*documents)
    for row, text in zip(together, documents, strict=True):
        (alone,) = measure(text)
        assert {k: v for k, v in alone.items() if k != "doc_id"} == {k: v for k, v in row.items() if k != "doc_id"}
        for signal in HEURISTICS:
            value = row[signal.name]
            assert value is not None or signal.null != "never", signal.name
            if signal.numeric and value is not None:
                assert signal.low is None or value >= signal.low, signal.name
                assert signal.high is None or value <= signal.high, signal.name


def test_a_long_line_and_no_document() -> None:
    (row,) = measure("ab " * 500_000)
    assert row["words"] == 500_000
    assert measure() == []
