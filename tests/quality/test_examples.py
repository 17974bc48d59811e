"""Examples of removed documents: from both ends of a rule's values, with the right text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from quality.examples import PER_RULE, documents_of, examples

Mills = Callable[..., Any]


def test_examples_are_the_least_the_middle_and_the_greatest_of_each_rule(mills: Mills) -> None:
    many = {chr(ord("f") + i): (f"https://x/{i}", "t", f"text {i}", "en", "rule", None, None) for i in range(9)}
    mill = mills(many)
    offsets = {100 * (5 + i): float((i * 4) % 9) for i in range(9)}
    mill.edit("decisions", lambda row: row.update(value=offsets.get(row["doc_id"] & 0xFFFF, row["value"])))
    found = examples(mill.lake, mill.digests["decisions"], mill.digests["documents"])
    assert [(rule["reason"], rule["count"]) for rule in found] == [
        ("rule", 9), ("exact_duplicate", 1), ("near_duplicate", 1), ("too_short", 1),
    ]  # fmt: skip
    shown = found[0]["documents"]
    assert len(shown) == PER_RULE
    assert [document["value"] for document in shown] == [0, 4, 8]
    assert [document["text"] for document in shown] == ["text 0", "text 1", "text 2"]
    assert [document["url"] for document in shown] == ["https://x/0", "https://x/1", "https://x/2"]


def test_a_long_text_is_shown_by_its_head(mills: Mills) -> None:
    mill = mills({"e": ("u", "t", "長い" * 5000, "ja", "too_long", None, None)})
    [rule] = [r for r in examples(mill.lake, mill.digests["decisions"], mill.digests["documents"]) if r["count"] == 1
              and r["reason"] == "too_long"]  # fmt: skip
    assert rule["documents"][0]["text"] == "長い" * 200


def test_each_file_that_holds_an_example_is_read_once(mill: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    whole = mill.lake.read_file

    def counting(entry: Any, columns: Any = None) -> Any:
        read.append(entry.path)
        return whole(entry, columns)

    monkeypatch.setattr(mill.lake, "read_file", counting)
    found = documents_of(mill.lake, mill.digests["documents"], [0, 100, 1 << 40 | 200], ["url"])
    assert found == {
        0: {"url": "https://one.example/a"}, 100: {"url": "https://one.example/b"},
        1 << 40 | 200: {"url": "https://two.example/c"},
    }  # fmt: skip
    assert len(read) == len(set(read)) == 2
