"""Examples of removed documents: from both ends of a rule's values, with the right text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from quality.examples import PER_RULE, documents_of, examples
from tests.quality.conftest import doc_id

Mills = Callable[..., Any]


def found_in(mill: Any, pii: bool = True) -> list[dict[str, Any]]:
    digests = mill.digests
    return examples(mill.lake, digests["decisions"], digests["documents"], digests["pii"] if pii else None)


def test_examples_are_the_least_the_middle_and_the_greatest_of_each_rule(mills: Mills) -> None:
    many = {chr(ord("f") + i): (f"https://x/{i}", "t", f"text {i}", "en", "rule", None, None) for i in range(9)}
    mill = mills(many)
    offsets = {100 * (5 + i): float((i * 4) % 9) for i in range(9)}
    mill.edit("decisions", lambda row: row.update(value=offsets.get(row["doc_id"] & 0xFFFF, row["value"])))
    found = found_in(mill)
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
    [rule] = [r for r in found_in(mill) if r["count"] == 1
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


def test_personal_data_of_an_example_is_masked_also_where_the_head_ends(mills: Mills) -> None:
    text = "écrire à ann@one.org, " + "x" * 374 + " bob@two.org and more"
    mill = mills({"e": ("u", "t", text, "fr", "too_long", None, None)})
    spans = []
    for address in ("ann@one.org", "bob@two.org"):
        start = text.encode().index(address.encode())
        spans.append({"type": 0, "start": start, "end": start + len(address)})
    mill.edit("pii", lambda row: row.update(pii_spans=spans) if row["doc_id"] == doc_id("e") else None)
    [shown] = [d for rule in found_in(mill) if rule["reason"] == "too_long" for d in rule["documents"]]
    assert shown["text"].startswith("écrire à [email], xxx")
    assert not [part for part in ("ann@", "bob", "@") if part in shown["text"]]
    [unknown] = [d for rule in found_in(mill, pii=False) if rule["reason"] == "too_long" for d in rule["documents"]]
    assert unknown["text"] == "", "nobody looked for personal data in it"
