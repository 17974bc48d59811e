"""Untrusted text stays one line that cannot steer a terminal or a log."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.printable import printable


@given(st.text())
def test_a_log_line_stays_one_line_without_control_characters(text: str) -> None:
    line = printable(text)
    assert not [c for c in line if (ord(c) < 32 and c != "\t") or c in "\x7f\u202e\u2066\u2028"]
    assert not line.startswith("::")
    assert len(line) <= 4000


@pytest.mark.parametrize("mark", "\u061c\u200e\u200f\u202a\u202e\u2066\u2069")
def test_every_direction_mark_is_escaped(mark: str) -> None:
    assert printable(f"a{mark}b") == f"a\\x{ord(mark):02x}b"
