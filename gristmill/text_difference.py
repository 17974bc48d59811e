"""How two texts differ, for a person: unified by lines, with the changed words marked and the rest folded.

Work and output are bounded whatever a crawled page holds: the comparison is quadratic at worst, so each piece that
is compared has a size limit, and what lies beyond it is counted in a note.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from gristmill.printable import printable

WORD_LEVEL_CHARACTERS = 200_000
"""A pair with a longer text is compared by lines only."""
COMPARED_LINES = 3_000
"""Lines of each text that are compared, after the common start and end."""
BLOCK_WORDS = 4_000
"""A changed block with more words and marks between them on either side has no marks inside its lines."""

_CONTEXT = 2
_LINE, _RUN = 1_000, 240
"""Characters shown of a line, and of a stretch of equal or changed words in it."""
_ALIKE = 0.4
"""Share of a block's words that must be equal; below it the marks would hide the text."""
_NO_SPACES = r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]"
# Scripts without spaces are compared by character, everything else by word; spaces go with what follows them.
_WORDS = re.compile(rf"\n|[^\S\n]*(?:{_NO_SPACES}|(?:(?!{_NO_SPACES})\w)+|[^\w\s])|[^\S\n]+")
_MARKS = {" ": ("", ""), "-": ("[-", "-]"), "+": ("{+", "+}")}
_COLOURS = {" ": ("", ""), "-": ("\x1b[31m", "\x1b[0m"), "+": ("\x1b[32m", "\x1b[0m")}

Sign = Literal[" ", "-", "+", "."]
Run = tuple[Sign, str]


@dataclass(frozen=True)
class Line:
    """A line of both texts (" "), of the first ("-"), of the second ("+"), or a note of ours (".").

    The signs of the runs say which words changed; a line that changed as a whole is one run " ".
    """

    sign: Sign
    runs: tuple[Run, ...]

    def render(self, colour: bool) -> str:
        """One line of a screen; nothing in the text can steer it."""
        text = "".join(_render_run(sign, text, colour) for sign, text in _cut(self.runs))
        if colour and self.sign in "-+" and all(sign == " " for sign, _ in self.runs):
            start, end = _COLOURS[self.sign]
            return f"{start}{self.sign} {text}{end}"
        return f"{' ' if self.sign == '.' else self.sign} {text}"


def difference(first: str, second: str, limit: int | None = None) -> Iterator[Line]:
    """The lines of a unified difference; at most `limit` of them, then a note that counts what is left out."""
    a, b = (text.split("\n") if text else [] for text in (first, second))
    start = _common(a, b)
    end = _common(a[: start - len(a) - 1 : -1], b[: start - len(b) - 1 : -1])
    middle_a, middle_b = a[start : len(a) - end], b[start : len(b) - end]
    if not middle_a and not middle_b:
        yield _note(f"the texts are the same, {len(a):,} lines")
        return
    by_words = max(len(first), len(second)) <= WORD_LEVEL_CHARACTERS
    whole = len(middle_a) <= COMPARED_LINES and len(middle_b) <= COMPARED_LINES
    matcher = SequenceMatcher(None, middle_a[:COMPARED_LINES], middle_b[:COMPARED_LINES])
    shown = _lines(a[:start], middle_a, middle_b, matcher.get_opcodes(), a[len(a) - end :] if whole else [], by_words)
    yield from _limited(shown, limit)
    if not by_words:
        yield _note(f"compared by lines only: a text has more than {WORD_LEVEL_CHARACTERS:,} characters")
    if not whole:
        left = [max(0, len(middle) - COMPARED_LINES) for middle in (middle_a, middle_b)]
        yield _note(f"not compared: the last {left[0]:,} and {left[1]:,} lines that differ or may, of the two texts, "
                    f"and {end:,} lines at the end that are the same")  # fmt: skip


def _lines(
    before: list[str], a: list[str], b: list[str], operations: Sequence[tuple[str, int, int, int, int]],
    after: list[str], by_words: bool,
) -> Iterator[Line]:  # fmt: skip
    """The common start and end belong to no operation."""
    yield from _fold(before, False, True)
    last = len(operations) - 1
    for number, (kind, a1, a2, b1, b2) in enumerate(operations):
        if kind == "equal":
            yield from _fold(a[a1:a2], number > 0 or bool(before), number < last or bool(after))
        else:
            yield from _changed(a[a1:a2], b[b1:b2], by_words)
    yield from _fold(after, True, False)


def _limited(lines: Iterator[Line], limit: int | None) -> Iterator[Line]:
    left = {"-": 0, "+": 0}
    for number, line in enumerate(lines):
        if limit is None or number < limit:
            yield line
        elif line.sign in left:
            left[line.sign] += 1
    if any(left.values()):
        yield _note(f"left out here: {left['-']:,} more lines of the first text and {left['+']:,} of the second")


def _fold(lines: list[str], follows: bool, precedes: bool) -> Iterator[Line]:
    """Unchanged lines; those far from a change become a number. `follows`, `precedes`: a change is at that side."""
    head, tail = _CONTEXT * follows, _CONTEXT * precedes
    if len(lines) <= head + tail + 1:
        head, tail = len(lines), 0
    yield from (Line(" ", ((" ", line),)) for line in lines[:head])
    if folded := len(lines) - head - tail:
        yield _note(f"... {folded:,} unchanged lines")
    yield from (Line(" ", ((" ", line),)) for line in lines[len(lines) - tail :])


def _changed(a: list[str], b: list[str], by_words: bool) -> Iterator[Line]:
    """The lines of a changed block, first text first."""
    marked = _by_words("\n".join(a), "\n".join(b)) if by_words and a and b else None
    sides = marked or ([((" ", line),) for line in a], [((" ", line),) for line in b])
    signs: tuple[Sign, Sign] = ("-", "+")
    for sign, lines in zip(signs, sides, strict=True):
        yield from (Line(sign, runs) for runs in lines)


def _by_words(a: str, b: str) -> tuple[list[tuple[Run, ...]], list[tuple[Run, ...]]] | None:
    """The runs of each line of both sides; None when the block is too long or its sides have too little in common."""
    words_a, words_b = _WORDS.findall(a), _WORDS.findall(b)
    # Spaces are shown, not compared: a line that is wrapped elsewhere has the same words.
    keys_a, keys_b = ([word.strip() or word for word in words] for words in (words_a, words_b))
    start = _common(keys_a, keys_b)
    end = _common(keys_a[: start - len(keys_a) - 1 : -1], keys_b[: start - len(keys_b) - 1 : -1])
    middle_a, middle_b = keys_a[start : len(keys_a) - end], keys_b[start : len(keys_b) - end]
    if max(len(middle_a), len(middle_b)) > BLOCK_WORDS:
        return None
    inner = SequenceMatcher(None, middle_a, middle_b).get_matching_blocks()
    equal = [(0, 0, start), *((x + start, y + start, size) for x, y, size in inner)]
    equal.append((len(keys_a) - end, len(keys_b) - end, end))
    if sum(size for _, _, size in equal) < _ALIKE * min(len(keys_a), len(keys_b)):
        return None
    return (_split(_runs(words_a, "-", [(x, size) for x, _, size in equal])),
            _split(_runs(words_b, "+", [(y, size) for _, y, size in equal])))  # fmt: skip


def _runs(words: list[str], sign: Sign, equal: list[tuple[int, int]]) -> list[Run]:
    """One side of a block; `equal` are the (start, count) of its words that the other side has too."""
    runs: list[Run] = []
    at = 0
    for start, count in equal:
        runs += [(sign, "".join(words[at:start])), (" ", "".join(words[start : start + count]))]
        at = start + count
    return runs


def _split(runs: list[Run]) -> list[tuple[Run, ...]]:
    """Runs over several lines -> the runs of each line."""
    lines: list[list[Run]] = [[]]
    for sign, text in runs:
        for number, part in enumerate(text.split("\n")):
            if number:
                lines.append([])
            if part:
                lines[-1].append((sign, part))
    return [tuple(line) for line in lines]


def _common(a: Sequence[str], b: Sequence[str]) -> int:
    """Length of the common start."""
    size = min(len(a), len(b))
    return next((i for i in range(size) if a[i] != b[i]), size)


def _cut(runs: Sequence[Run]) -> Iterator[Run]:
    """Long runs lose their middle, long lines their end, each with a count."""
    shown, total = 0, sum(len(text) for _, text in runs)
    seen = 0
    for sign, text in runs:
        if shown >= _LINE:
            yield ".", f" ... {total - seen:,} more characters"
            return
        half = _RUN // 2
        if len(text) > _RUN + 40:
            yield sign, text[:half]
            yield ".", f" ... {len(text) - 2 * half:,} characters ... "
            yield sign, text[-half:]
        else:
            yield sign, text
        seen, shown = seen + len(text), shown + min(len(text), _RUN)


def _render_run(sign: Sign, text: str, colour: bool) -> str:
    if sign == ".":
        return text
    start, end = (_COLOURS if colour else _MARKS)[sign]
    body = text.lstrip(" ") or text
    # The bars keep what `printable` drops or changes at the ends of a line.
    return f"{text[: len(text) - len(body)]}{start}{printable(f'|{body}|')[1:-1]}{end}"


def _note(text: str) -> Line:
    return Line(".", ((".", text),))
