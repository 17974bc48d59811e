"""Words and figures."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quality.views import words
from tests.quality.views.pages import INVISIBLE, PAYLOADS


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"), (3, "3"), (0, "0"), (1234.5, "1,234"), (1_000_000, "1,000,000"), (float("inf"), "inf"),
        (float("nan"), "nan"), ("text", "text"), (0.21, "0.21"), (0.123456, "0.1235"), (0.000012, "0.000012"),
        (-2.5, "-2.5"), (True, "True"),
    ],
)  # fmt: skip
def test_a_figure_is_shown_whatever_it_is(value: Any, shown: str) -> None:
    assert words.figure(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(None, "–"), (0.4, "40.0 %"), (0, "0.0 %"), (0.0001, "0.01 %"), (float("nan"), "–")]
)
def test_a_share_is_a_percentage(value: Any, shown: str) -> None:
    assert words.percent(value) == shown


def test_bytes_and_seconds_have_a_unit_of_their_size() -> None:
    assert [words.size(n) for n in (0, 999, 1000, 2_500_000, 3e9, 5e15, None)] == [
        "0 bytes", "999 bytes", "1.0 kB", "2.5 MB", "3.0 GB", "5,000.0 TB", "–",
    ]  # fmt: skip
    assert [words.duration(s) for s in (1.25, 119, 600, 36_000, None)] == ["1.2 s", "119.0 s", "10 min", "10.0 h", "–"]


@pytest.mark.parametrize(
    ("bound", "shown"),
    [
        ({"max": 0}, "0 or less"), ({"min": 1}, "1 or more"), ({"min": 0.2, "max": 0.4}, "0.2 to 0.4"),
        ({"min": 1, "max": 1}, "1"), ({"max": 0, "strict": True}, "less than 0"), ({}, "–"),
        ({"min": 0, "strict": True}, "more than 0"),
    ],
)  # fmt: skip
def test_a_bound_reads_as_a_person_says_it(bound: dict[str, Any], shown: str) -> None:
    assert words.bounds(bound) == shown


@given(st.text(max_size=500), st.integers(1, 400))
def test_text_becomes_one_short_line_without_what_cannot_be_seen(text: str, length: int) -> None:
    found = words.safe(text, length)
    assert len(found) <= length
    assert found == " ".join(found.split())
    assert not [c for c in INVISIBLE if c in found]
    found.encode()


def test_letters_of_all_scripts_stay() -> None:
    for text in ("naïve", "日本語", "العربية", "हिन्दी", "ไทย", "emoji 🙂"):
        assert words.safe(text) == text
    for payload in PAYLOADS:
        assert len(words.safe(payload)) <= 300


@pytest.mark.parametrize(("rule", "said"), [
    ("exact_duplicate", "another document has the same text"),
    ("url_duplicate", "another document has the same address"),
    ("near_duplicate", "another document is like it: similarity 0.9, removed from 0.8 on"),
    ("short", "value 0.9, threshold 0.8"),
])  # fmt: skip
def test_a_decision_is_said_in_words(rule: str, said: str) -> None:
    assert words.decided(rule, 0.9, 0.8) == said


def test_differences_of_shares_are_points() -> None:
    assert (words.points(0.014), words.points(None)) == ("1.4 points", "–")
