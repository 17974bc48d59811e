"""Line masks: the published line rules as oracle; the edit by a mask is that of datatrove's C4 filter."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gristmill.signals.lines import LINES
from spark_jobs.text.lines import MASKS, apply_line_mask, lines
from tests.spark_jobs.text.filters_oracle import CITATION, c4_edit, c4_reason


def measure(*texts: str) -> tuple[pa.Table, list[dict[str, Any]]]:
    ids = pa.array(range(len(texts)), pa.int64())
    table = lines(ids, pa.array(texts, pa.string()), pa.nulls(len(texts), pa.string()))
    assert table.schema.names == ["doc_id", *(signal.name for signal in LINES)]
    return table, table.to_pylist()


def dropped(mask: bytes, count: int) -> list[bool]:
    return [i // 8 < len(mask) and bool(mask[i // 8] >> i % 8 & 1) for i in range(count)]


@pytest.mark.parametrize(
    ("line", "counted"),
    [
        ("THIS IS ALL CAPS", "uppercase"), ("2 024", "numeric"), ("3 likes", "counter"), ("1.2K Views!", "counter"),
        ("word", "one_word"), ("Sign-In to see more", "boilerplate"), ("all about it Read more...", "boilerplate"),
        ("3 items in cart now", "boilerplate"), ("A plain line of text.", ""), ("一行没有空格的字", ""),
    ],
)  # fmt: skip
def test_dclm_drops_a_line_for_one_reason(line: str, counted: str) -> None:
    _, (row,) = measure(f"An ordinary line here.\n{line}\n\nAnd another one there.")
    reasons = ("uppercase", "numeric", "counter", "one_word", "boilerplate")
    assert {r: row[f"refinedweb_{r}_lines"] for r in reasons} == {r: int(r == counted) for r in reasons}
    assert row["refinedweb_dropped_lines"] == bool(counted)
    assert dropped(row["refinedweb"], 4) == [False, bool(counted), False, False]


def test_page_flags_look_at_lines_that_the_rules_before_left() -> None:
    _, rows = measure("{ a", "{ a b c d e.", "{ javascript is here.", "Lorem Ipsum is here now.", "lorem ipsum")
    assert [row["c4_datatrove_curly_bracket"] for row in rows] == [False, True, False, False, False]
    assert [row["c4_datatrove_lorem_ipsum"] for row in rows] == [False, False, False, True, False]
    assert [row["c4_original_lorem_ipsum"] for row in rows] == [False, False, False, True, False]


pieces = st.sampled_from(
    ["word", "Two words", "a b c", "one two three four five.", "ends!", '"quoted"', "dots...", "[1]", "[12].", "[edit]",
     "[citation needed]", "[", "]", "JavaScript", "Terms of Use", "use cookies", "uses cookie", "lorem ipsum", "{",
     "3 likes", "SHOUT", "漢字を書く", "é\u2028", " ", "  ", "\n", "\r\n", "\r", "\x0b", "\x85", "\t", "\0",
     "🙂", "x" * 1001]
)  # fmt: skip
texts = st.lists(st.one_of(pieces, st.just(" "), st.text(max_size=3)), max_size=30).map("".join)


@settings(max_examples=200, deadline=None)
@given(st.lists(texts, min_size=1, max_size=3))
@example(["dots...[12].", "dots.[1].[edit].", "ends![01234567890123456789]", "ends! ]"])
def test_masks_and_edits_are_those_of_the_published_filters(documents: list[str]) -> None:
    table, rows = measure(*documents)
    edited = apply_line_mask(pa.array(documents, pa.string()), table["c4_datatrove"], True).to_pylist()
    assert edited == [c4_edit(text, 3, end_mark=False) for text in documents]
    for row, text in zip(rows, documents, strict=True):
        split = text.splitlines()
        assert row["split_lines"] == len(split)
        for mask, words, end_mark in (("c4_datatrove", 3, False), ("c4_original", 5, True)):
            reasons = [c4_reason(line, words, end_mark) for line in split]
            assert dropped(row[mask], len(split)) == [bool(reason) for reason in reasons]
            for reason in ("long_word", "few_word", "javascript", "policy"):
                assert row[f"{mask}_{reason}_lines"] == reasons.count(reason)
        kept = [line for line in split if not c4_reason(line, 3, False)]
        assert row["citations"] == sum(len(CITATION.findall(line.strip())) for line in kept)


@settings(max_examples=50, deadline=None)
@given(st.lists(texts, min_size=2, max_size=5))
def test_values_stay_in_their_ranges_and_do_not_depend_on_the_batch(documents: list[str]) -> None:
    table, rows = measure(*documents)
    assert pa.concat_tables([measure(text)[0] for text in documents]).drop("doc_id").equals(table.drop("doc_id"))
    for row in rows:
        for signal in LINES:
            value = row[signal.name]
            assert value is not None or signal.null != "never", signal.name
            if signal.numeric and value is not None:
                assert (signal.low or 0) <= value <= (signal.high or 1e9), signal.name
        assert all(not row[name] or row[name][-1] for name in MASKS), "no trailing zero byte"


def test_no_mask_drops_no_line_and_slices_are_read_from_their_offset() -> None:
    texts = pa.array(["skip", " a \r\n\x85b [1]\n", "c\n\nd"])
    unmasked = pa.nulls(3, pa.binary())
    assert apply_line_mask(texts, unmasked, False).to_pylist() == ["skip", "a\n\nb [1]", "c\n\nd"]
    masks = pa.array([b"", b"\x01", b"\x06"], pa.binary())
    assert apply_line_mask(texts.slice(1), masks.slice(1), False).to_pylist() == ["b [1]", "c"]
    assert apply_line_mask(pa.array([], pa.string()), pa.array([], pa.binary()), True).to_pylist() == []
