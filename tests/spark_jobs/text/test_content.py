"""Content signals: small texts counted by hand, naive counters as oracle."""

from __future__ import annotations

import re
from collections import Counter
from math import log2
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.signals.content import CONTENT
from spark_jobs.text.content import content
from spark_jobs.text.listed import ANYWHERE, listed


def measure(*texts: str, language: str | None = "en") -> list[dict[str, Any]]:
    languages = pa.array([language] * len(texts), pa.string())
    table = content(pa.array(range(len(texts)), pa.int64()), pa.array(texts, pa.string()), languages)
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def test_listed_words_are_counted_whole_and_phrases_too() -> None:
    (row,) = measure("Shit, shitake and a BLOW JOB; shit!")
    assert (row["ldnoobw_words"], row["ldnoobw_distinct"]) == (3, 2)
    assert measure("shit", language="xx")[0]["ldnoobw_words"] is None
    assert measure("他们性交了", language="zh")[0]["ldnoobw_words"] == 1, "anywhere, without spaces"
    assert measure("性格", language="zh")[0]["ldnoobw_words"] == 0, "allowed by mC4"
    assert len(listed()) == 28


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_text_has_listed_words_where_the_rule_of_mc4_finds_one(data: st.DataObject) -> None:
    language = data.draw(st.sampled_from(["en", "de", "ja", "zh", "ru"]))
    phrases = listed()[language]
    parts = data.draw(st.lists(st.one_of(st.sampled_from(phrases), st.sampled_from([" ", "-", "x", "語", "_", "."])),
                               max_size=8))  # fmt: skip
    text = "".join(parts)
    pattern = "|".join(map(re.escape, phrases))
    flanked = pattern if language in ANYWHERE else rf"(?<!\w)(?:{pattern})(?!\w)"
    (row,) = measure(text, language=language)
    edges = all(re.match(r"\w", phrase[0]) and re.match(r"\w", phrase[-1]) for phrase in parts if phrase in phrases)
    if edges:
        assert (row["ldnoobw_words"] > 0) == bool(re.search(flanked, text))
    assert row["ldnoobw_distinct"] <= row["ldnoobw_words"]


def test_damage_is_told_from_text() -> None:
    damaged, good = measure("Ã©tÃ© â€™ \ufffd \x92 \x00", "«Voilà» Spaß – été ’ “Ö”")
    assert (damaged["mojibake_pairs"], damaged["replacement_chars"]) == (3, 1)
    assert (damaged["c1_controls"], damaged["control_chars"]) == (1, 1)
    assert damaged["encoding_damage_share"] == pytest.approx((1 + 2 * 3 + 1 + 1) / 15, abs=1e-6)
    assert good["encoding_damage_share"] == 0
    assert measure("abc\u202edef\u2066")[0]["bidi_controls"] == 2


def test_addresses_code_and_place_holders() -> None:
    text = "See https://a.b/c?d (www.e.f)\nfoo(bar);\nLorem ipsum, JavaScript {x}\n"
    (row,) = measure(text)
    assert (row["urls"], row["lorem_ipsum"], row["javascript"], row["curly_brackets"]) == (2, 1, 1, 2)
    assert row["url_char_share"] == pytest.approx((15 + 7) / len(text), abs=1e-6)
    assert row["code_line_share"] == pytest.approx(1 / 3, abs=1e-6)


def test_repetition_compresses_and_noise_does_not() -> None:
    repeated, noise, short = measure(
        "the same again " * 200, "".join(chr(33 + i * i * 7 % 90) for i in range(3000)), "ab"
    )
    assert repeated["compression_ratio"] < 0.03
    assert short["compression_ratio"] == 1
    assert repeated["compression_ratio"] < noise["compression_ratio"] <= 1


pieces = st.sampled_from(["{", "}", "javascript", "JAVAScript", "lorem ipsum", "http://", "www.", " ", "\n", "\ufffd",
                          "\x85", "\x9d", "漢", "🙂", "\0", "a"])  # fmt: skip
texts = st.lists(st.one_of(pieces, st.text(max_size=4)), max_size=30).map("".join)


@settings(max_examples=150, deadline=None)
@given(st.lists(texts, min_size=1, max_size=4))
def test_counts_are_those_of_naive_counters(documents: list[str]) -> None:
    rows = measure(*documents)
    for row, text in zip(rows, documents, strict=True):
        assert row["curly_brackets"] == text.count("{") + text.count("}")
        assert row["replacement_chars"] == text.count("\ufffd")
        assert row["c1_controls"] == sum("\x80" <= c <= "\x9f" and c != "\x85" for c in text)
        counts = Counter(ord(c) & 0xFFFF for c in text)
        entropy = -sum(n / len(text) * log2(n / len(text)) for n in counts.values()) if text else None
        assert row["char_entropy"] == pytest.approx(entropy, abs=2e-6)
        (alone,) = measure(text)
        assert alone | {"doc_id": 0} == row | {"doc_id": 0}
        for signal in CONTENT:
            value = row[signal.name]
            assert value is not None or signal.null != "never", signal.name
            assert value is None or (signal.low or 0) <= value <= (signal.high or 1e9), signal.name
