"""Cleaning: what it edits, and that once is enough."""

from __future__ import annotations

import unicodedata

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_jobs.text.clean import clean


def one(text: str | None) -> str:
    result: str = clean(pa.array([text], pa.string())).to_pylist()[0]
    return result


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("e\u0301", "é"),
        ("e\u200b\u0301", "é"),
        ("a\r\nb\rc\u2028d\u0085e\x0cf", "a\nb\nc\nd\ne\nf"),
        ("a \t\u3000b\xa0", "a b"),
        (" a \n b ", "a\nb"),
        ("a\n\n \n\nb", "a\n\nb"),
        ("in\xadter\x00na\ufefftional\ufffd", "international"),
        ("میخواهم", "میخواهم"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("👩\u200d💻", "👩\u200d💻"),
        ("\u200b\n\u3000", ""),
        (None, ""),
    ],
)
def test_edits(text: str | None, cleaned: str) -> None:
    assert one(text) == cleaned


tricky = st.text(
    st.sampled_from(
        "ae\u0301\u0327\u0344\u1100\u1161\u11a8\u212b\u2000\u2001 \t\n\r\x0b\x0c\u2028\u0085\u200b\xad\ufeff\u3000\x00"
    ),
    max_size=30,
)


@given(st.lists(tricky | st.text(), max_size=4))
def test_a_cleaned_text_is_not_changed_by_cleaning(texts: list[str]) -> None:
    once = clean(pa.array(texts, pa.string()))
    assert clean(once).equals(once)
    for text in once.to_pylist():
        assert unicodedata.is_normalized("NFC", text)
        assert text == text.strip()
        assert "\n\n\n" not in text
        assert "  " not in text


@given(st.text())
def test_visible_characters_survive_in_order(text: str) -> None:
    def visible(of: str) -> str:
        return "".join(
            c for c in unicodedata.normalize("NFC", of) if unicodedata.category(c)[0] in "LNPSM" and c != "\ufffd"
        )

    if all(unicodedata.category(c)[0] in "LNPSMZ" for c in text):
        assert visible(one(text)) == visible(text)
