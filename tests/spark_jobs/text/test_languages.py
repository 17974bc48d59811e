"""The language family: paragraphs in several languages, scripts, and what is null."""

from __future__ import annotations

import pyarrow as pa
import pytest

from gristmill.signals.language import LANGUAGE
from spark_jobs.text.languages import PARAGRAPHS, languages

ENGLISH = "This is a paragraph about nothing in particular, written in plain English for a test."
GERMAN = "Dies ist ein Absatz über nichts Besonderes, der auf Deutsch für einen Test geschrieben wurde."
CHINESE = (
    "这是一个用中文写的段落，没什么特别的，只是为了测试语言识别而写的，希望它足够长，可以被模型正确地识别出来，谢谢。"
)


def test_paragraphs_have_languages_of_their_own() -> None:
    texts = pa.array([f"{ENGLISH}\n" * 5 + GERMAN, f"{CHINESE}\nshort", "", "12 34"])
    table = languages(pa.array(range(4), pa.int64()), texts)
    assert table.schema.names == ["doc_id", *(signal.name for signal in LANGUAGE)]
    mixed, chinese, empty, digits = table.to_pylist()
    assert mixed["language"] == "en"
    assert mixed["paragraphs_identified"] == 6
    assert [found["language"] for found in mixed["paragraph_languages"]] == ["en", "de"]
    assert mixed["main_language_share"] == pytest.approx(mixed["paragraph_languages"][0]["share"], abs=1e-6)
    assert sum(found["share"] for found in mixed["paragraph_languages"]) == pytest.approx(1, abs=1e-5)
    assert (chinese["language"], chinese["paragraphs_identified"]) == ("zh", 1)
    assert [found["script"] for found in chinese["scripts"]] == ["Han", "Latin"]
    for row in (empty, digits):
        assert (row["language"], row["scripts"], row["main_script_share"]) == ("und", [], None)
        assert (row["paragraphs_identified"], row["main_language_share"]) == (0, None)


def test_of_many_paragraphs_evenly_spaced_ones_are_read() -> None:
    text = "\n".join([ENGLISH] * 30 + [GERMAN] * 30)
    (row,) = languages(pa.array([1], pa.int64()), pa.array([text])).to_pylist()
    assert row["paragraphs_identified"] == PARAGRAPHS
    assert {found["language"] for found in row["paragraph_languages"]} == {"en", "de"}
    assert 0.4 < row["main_language_share"] < 0.6


def test_long_and_sliced_and_no_documents() -> None:
    texts = pa.array(["x", ENGLISH + " word" * 100_000, CHINESE]).slice(1)
    rows = languages(pa.array([1, 2], pa.int64()), texts).to_pylist()
    assert [row["language"] for row in rows] == ["en", "zh"]
    assert languages(pa.array([], pa.int64()), pa.array([], pa.string())).num_rows == 0
