"""Unicode tables, and string columns as buffers."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_jobs.text.unicode import ALPHA, DIGIT, PUNCTUATION, SCRIPTS, SPACE, UNSPACED, UPPER, tables, utf8_buffers


@pytest.mark.parametrize(
    ("char", "expected"),
    [
        ("a", ALPHA), ("É", ALPHA | UPPER), ("ǅ", ALPHA | UPPER), ("7", DIGIT), ("٣", DIGIT), (" ", SPACE),
        ("\u3000", SPACE), ("\u0085", SPACE), (".", PUNCTUATION), ("…", PUNCTUATION), ("€", PUNCTUATION),
        ("漢", ALPHA | UNSPACED), ("ー", ALPHA | UNSPACED), ("ก", ALPHA | UNSPACED), ("\u0e31", UNSPACED),
        ("ក", ALPHA | UNSPACED), ("한", ALPHA), ("א", ALPHA), ("\u200b", 0), ("½", 0),
    ],
)  # fmt: skip
def test_character_classes(char: str, expected: int) -> None:
    assert tables()[0][ord(char)] == expected


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("zß", "Latin"), ("漢㐀𠀀〆", "Han"), ("あアー", "Kana"), ("한ㄱ", "Hangul"),
        ("ж", "Cyrillic"), ("ع", "Arabic"), ("ไ", "Thai"), ("ω", "Greek"),
        ("א", "Hebrew"), ("ह", "Devanagari"), ("ა", "Other"), ("1", "Other"),
    ],
)  # fmt: skip
def test_scripts(text: str, script: str) -> None:
    assert {SCRIPTS[tables()[1][ord(char)]] for char in text} == {script}


@pytest.mark.parametrize(
    ("char", "folded"),
    [("É", "e"), ("İ", "i"), ("ё", "е"), ("٣", "0"), ("!", " "), ("\n", " "), ("한", "한"), ("漢", "漢"), ("が", "か")],
)
def test_folding_for_shingles(char: str, folded: str) -> None:
    assert chr(tables()[2][ord(char)]) == folded


def test_combining_marks_fold_to_nothing() -> None:
    assert tables()[2][0x0301] == 0


def read(column: pa.Array | pa.ChunkedArray) -> list[str]:
    offsets, data = utf8_buffers(column)
    return [data[offsets[i] : offsets[i + 1]].tobytes().decode() for i in range(len(offsets) - 1)]


@given(st.lists(st.none() | st.text(max_size=12), max_size=8), st.data())
def test_buffers_hold_the_column_whatever_its_layout(texts: list[str | None], data: st.DataObject) -> None:
    wanted = [text or "" for text in texts]
    assert read(pa.array(texts, pa.string())) == wanted
    assert read(pa.array(texts, pa.large_string())) == wanted
    low = data.draw(st.integers(0, len(texts)))
    assert read(pa.array(texts, pa.string()).slice(low)) == wanted[low:]
    chunks = pa.chunked_array([pa.array(texts[:low], pa.string()), pa.array(texts[low:], pa.string())])
    assert read(chunks) == wanted


def test_no_text_is_one_offset() -> None:
    offsets, data = utf8_buffers(pa.array([], pa.string()))
    assert offsets.tolist() == [0]
    assert data.dtype == np.uint8
