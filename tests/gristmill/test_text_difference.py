"""Text differences: each side can be read back, marks stand where words changed, size and characters are bounded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill import text_difference
from gristmill.text_difference import Line, difference

WORDS = st.lists(
    st.sampled_from(["a", "b", " ", "\n", "夏", "\t", "word", "\x1b[2J", "\u202e", "\r", "::"]), max_size=60
)


def rendered(first: str, second: str, limit: int | None = None, colour: bool = False) -> list[str]:
    return [line.render(colour) for line in difference(first, second, limit)]


def side(lines: list[Line], own: str) -> list[str]:
    """One text's lines, read back from an unfolded difference."""
    return ["".join(text for _, text in line.runs) for line in lines if line.sign in (" ", own)]


@given(WORDS, WORDS)
def test_both_texts_are_read_back_from_what_is_not_folded(a: list[str], b: list[str]) -> None:
    first, second = "".join(a), "".join(b)
    lines = list(difference(first, second))
    if any(line.sign == "." for line in lines):
        return
    for text, sign in ((first, "-"), (second, "+")):
        assert side(lines, sign) == (text.split("\n") if text else [])


@given(WORDS, WORDS)
def test_marked_words_are_one_side_s_and_the_others_both_sides_(a: list[str], b: list[str]) -> None:
    lines = list(difference("".join(a), "".join(b)))
    for line in lines:
        assert {sign for sign, _ in line.runs} <= {" ", line.sign}
    common = [
        "".join("".join(text for sign, text in line.runs if sign == " ") for line in lines if line.sign == own)
        for own in "-+"
        if any(len(line.runs) > 1 for line in lines)
    ]
    marked = all(any(sign != " " for sign, _ in line.runs) for line in lines if line.sign in "-+")
    if marked and common:
        assert "".join(common[0].split()) == "".join(common[1].split())


@given(WORDS, WORDS, st.booleans())
def test_no_line_steers_a_terminal(a: list[str], b: list[str], colour: bool) -> None:
    for line in rendered("".join(a), "".join(b), colour=colour):
        for ours in ("\x1b[31m", "\x1b[32m", "\x1b[0m") if colour else ():
            line = line.replace(ours, "")
        assert not [c for c in line if (ord(c) < 32 and c != "\t") or c in "\x7f\u202e"]


def test_changed_words_are_marked_inside_their_lines() -> None:
    assert rendered("one\nthe quick brown fox\nend", "one\nthe slow brown fox\nend") == [
        "  one", "- the [-quick-] brown fox", "+ the {+slow+} brown fox", "  end",
    ]  # fmt: skip
    assert rendered("x the quick fox", "x the slow fox", colour=True)[0] == "- x the \x1b[31mquick\x1b[0m fox"
    assert rendered("the mill", "the the mill") == ["- the mill", "+ the {+the+} mill"]
    assert rendered("a\nz", "a\na\nz") == ["  a", "+ a", "  z"]
    assert rendered("", "all new", colour=True) == ["\x1b[32m+ all new\x1b[0m"]


def test_scripts_without_spaces_are_marked_by_character() -> None:
    assert rendered("东京的夏天很热", "东京的冬天很热") == ["- 东京的[-夏-]天很热", "+ 东京的{+冬+}天很热"]


def test_lines_with_nothing_in_common_have_no_marks() -> None:
    assert rendered("alpha beta gamma", "one two three") == ["- alpha beta gamma", "+ one two three"]


def test_unchanged_stretches_become_their_number_of_lines() -> None:
    first = [str(i) for i in range(100)]
    second = [*first[:50], "new", *first[50:]]
    assert rendered("\n".join(first), "\n".join(second)) == [
        "  ... 48 unchanged lines", "  48", "  49", "+ new", "  50", "  51", "  ... 48 unchanged lines",
    ]  # fmt: skip
    assert rendered("a\nb", "a\nb") == ["  the texts are the same, 2 lines"]


def test_what_the_limit_leaves_out_is_counted() -> None:
    first, second = ("\n".join(f"{side}{i}" for i in range(30)) for side in "xy")
    said = rendered(first, second, limit=10)
    assert len(said) == 11
    assert said[-1] == "  left out here: 20 more lines of the first text and 30 of the second"


def test_long_lines_and_runs_say_how_much_is_not_shown() -> None:
    (line,) = rendered("", "x" * 5_000)
    assert line == f"+ {'x' * 120} ... 4,760 characters ... {'x' * 120}"
    words = " ".join(f"w{i}" if i % 2 else "v" for i in range(1_000))
    said = rendered(words, words.replace("v", "u"))
    assert all(len(each) < 4_000 for each in said)
    assert said[0].endswith("more characters")


def test_large_texts_are_compared_by_lines_only_and_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_difference, "WORD_LEVEL_CHARACTERS", 30)
    said = rendered("the quick brown fox jumps over the dog", "the slow brown fox jumps over the dog")
    assert said[:2] == ["- the quick brown fox jumps over the dog", "+ the slow brown fox jumps over the dog"]
    assert "compared by lines only: a text has more than 30 characters" in said[2]
    monkeypatch.setattr(text_difference, "COMPARED_LINES", 2)
    said = rendered("a\n1\n2\n3\nz", "a\n4\n5\n6\n7\nz")
    assert said == ["  a", "- 1", "- 2", "+ 4", "+ 5",
                    "  not compared: the last 1 and 2 lines that differ or may, of the two texts, and 1 lines at the "
                    "end that are the same"]  # fmt: skip


def test_a_block_with_too_many_words_is_not_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = "a b c d e f g", "a B c d e F g"
    assert rendered(first, second)[0] == "- a [-b-] c d e [-f-] g"
    monkeypatch.setattr(text_difference, "BLOCK_WORDS", 4)
    assert rendered(first, second)[0] == "- a b c d e f g"
