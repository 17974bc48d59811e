"""Values of lines: equal where the folded lines are, with their length; the lines are those of str.splitlines."""

from __future__ import annotations

import re

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_jobs.text.line_hashes import LONGEST, line_hashes
from spark_jobs.text.unicode import TABLE_SIZE

pieces = st.sampled_from(
    ["Word", "word", "WORD", "É", "é", "漢字", "ไทย", "🙂", "12", "3456", "٣", "１２", " ", "  ", "\t", "\u3000",
     "\xa0", "\n", "\r\n", "\r", "\x0b", "\x1c", "\x85", "\u2028", "\0", "\U000323b0", "\U0010ffff", "İ", "ß", "-", "."]
)  # fmt: skip
texts = st.lists(st.one_of(pieces, st.text(max_size=3)), max_size=20).map("".join)


def folded(line: str) -> str:
    def lower(char: str) -> str:
        return char.lower()[0] if ord(char) < TABLE_SIZE else char

    return re.sub(r"\d+", "0", " ".join("".join(map(lower, line)).split()))


def hashed(*documents: str) -> list[list[int]]:
    found: list[list[int]] = line_hashes(pa.array(documents, pa.string())).to_pylist()
    return found


@settings(max_examples=300)
@given(st.lists(texts, min_size=1, max_size=4))
def test_lines_are_equal_where_their_folded_texts_are(documents: list[str]) -> None:
    values = hashed(*documents)
    lines = [folded(line) for text in documents for line in text.splitlines()]
    assert [len(row) for row in values] == [len(text.splitlines()) for text in documents]
    flat = [value for row in values for value in row]
    assert [value & LONGEST for value in flat] == [len(line.encode()) for line in lines]
    assert [value == 0 for value in flat] == [not line for line in lines]
    assert len(set(zip(flat, lines, strict=True))) == len(set(flat)) == len(set(lines))


def test_a_text_has_the_same_values_in_any_batch() -> None:
    documents = ["One line.\nAnother 1 of 12.", "", "漢字だけの行\n\n第 3 行"]
    assert hashed(*documents) == [hashed(text)[0] for text in documents]
    sliced = pa.array(["before\n", *documents, "after"]).slice(1, 3)
    assert line_hashes(sliced).to_pylist() == hashed(*documents)


def test_very_many_and_very_long_lines() -> None:
    (values,) = hashed("the same line\n" * 100_000 + "x" * 70_000)
    assert len(values) == 100_001
    assert len(set(values)) == 2
    assert values[-1] & LONGEST == LONGEST
    assert hashed("\n" * 1000) == [[0] * 1000]
    assert line_hashes(pa.array([], pa.string())).type == pa.list_(pa.uint64())
