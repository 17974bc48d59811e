"""Words and phrases of the LDNOOBW lists (data/blocklists/ldnoobw) in a text."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from gristmill.profile import PROJECT
from spark_jobs.text.classes import WORD
from spark_jobs.text.kernel import inner
from spark_jobs.text.stoplists import StopTable, stop_slot, table_of_words
from spark_jobs.text.unicode import TABLE_SIZE
from spark_jobs.text.word_rules import BASE

FOLDER = PROJECT / "data" / "blocklists" / "ldnoobw"
ANYWHERE = ("ja", "th", "zh")
"""Languages in which a listed word is looked for at any place, as mC4 does."""

ALLOWED = frozenset({"sm", "グロ", "女の子", "性"})
"""mC4's exceptions: parts of common words."""

LONGEST = 48
WORDS = 6
"""Longest listed phrase in characters and in words."""

_SAME = {"tl": "fil", "nn": "no", "nb": "no"}
_OTHER_FILES = ("LICENSE", "README", "SOURCE")


@lru_cache(maxsize=1)
def listed() -> dict[str, tuple[str, ...]]:
    """Language -> listed words and phrases, lower case."""
    found = {}
    for path in sorted(FOLDER.iterdir()):
        if path.stem not in _OTHER_FILES:
            words = {line.strip().lower() for line in path.read_text("utf-8").splitlines()}
            found[path.name] = tuple(sorted(word for word in words - ALLOWED if word and len(word) <= LONGEST))
    return found


def list_of(language: str | None) -> int:
    """Place of a language's list, -1 where there is none."""
    names = list(listed())
    code = _SAME.get(language or "", language or "")
    return names.index(code) if code in names else -1


@lru_cache(maxsize=1)
def listed_tables() -> tuple[StopTable, StopTable, NDArray[np.bool_]]:
    """(phrases, their first words or characters, whether to look anywhere), by place of the language."""
    lists = listed()
    first = [[_first(phrase, language in ANYWHERE) for phrase in phrases] for language, phrases in lists.items()]
    return table_of_words(lists.values()), table_of_words(first), np.array([name in ANYWHERE for name in lists])


def _first(phrase: str, anywhere: bool) -> str:
    """What a phrase starts with: its first word, or its first character where it is looked for anywhere."""
    end = 1
    while not anywhere and end < len(phrase) and _word(phrase[0]) and _word(phrase[end]):
        end += 1
    return phrase[:end]


def _word(char: str) -> bool:
    return char == "_" or char.isalnum()


@inner
def _low(point: np.int32, lower: NDArray[np.int32]) -> np.uint64:
    return np.uint64((lower[point] if point < TABLE_SIZE else point) + 1)


@inner
def _in_word(points: NDArray[np.int32], at: int, chars: int, table: NDArray[np.uint32]) -> bool:
    return 0 <= at < chars and points[at] < TABLE_SIZE and table[points[at]] & np.uint32(WORD) != 0


@inner
def count_listed(
    points: NDArray[np.int32], chars: int, table: NDArray[np.uint32], lower: NDArray[np.int32], which: int,
    phrases: StopTable, first: StopTable, anywhere: bool, seen: NDArray[np.bool_],
) -> tuple[int, int]:  # fmt: skip
    """(occurrences, distinct ones) of a language's list; of phrases that start at one place the longest counts."""
    start, slots = phrases.start[which], phrases.mask[which] + 1
    for slot in range(start, start + slots):
        seen[slot] = False
    found = i = 0
    while i < chars:
        if not anywhere and _in_word(points, i, chars, table) and _in_word(points, i - 1, chars, table):
            i += 1
            continue
        value = _low(points[i], lower)
        end = i + 1
        while not anywhere and _in_word(points, i, chars, table) and _in_word(points, end, chars, table):
            value = value * BASE + _low(points[end], lower)
            end += 1
        slot = -1
        if end - i <= LONGEST and stop_slot(value, which, first) >= 0:
            slot = _longest(points, i, end, chars, table, lower, which, phrases, anywhere, value)
        if slot >= 0:
            seen[slot] = True
            found += 1
        i = end
    distinct = 0
    for slot in range(start, start + slots):
        distinct += seen[slot]
    return found, distinct


@inner
def _longest(
    points: NDArray[np.int32], start: int, end: int, chars: int, table: NDArray[np.uint32], lower: NDArray[np.int32],
    which: int, phrases: StopTable, anywhere: bool, value: np.uint64,
) -> int:  # fmt: skip
    """Slot of the longest phrase that starts with points[start:end], whose hash is `value`; -1 for none."""
    best = -1
    while True:
        if anywhere or not (_in_word(points, end - 1, chars, table) and _in_word(points, end, chars, table)):
            slot = stop_slot(value, which, phrases)
            best = slot if slot >= 0 else best
        if end >= chars or end - start >= LONGEST:
            return best
        value = value * BASE + _low(points[end], lower)
        end += 1
