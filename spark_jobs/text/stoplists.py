"""Stop words per language: short lists whose distinct members are counted, and the 200 most frequent words.

Short lists: English has the eight of Gopher (Rae et al. 2021, A1.1), Chinese the 22 of FineWeb-2; some are our own;
else they are the first of the frequent ones (data/stoplists, from jusText). In languages without spaces a listed
word is looked for anywhere in the text.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gristmill.profile import PROJECT
from spark_jobs.text.decode import mix
from spark_jobs.text.kernel import inner
from spark_jobs.text.stopwords import STOP_WORDS
from spark_jobs.text.word_rules import word_hash

FOLDER = PROJECT / "data" / "stoplists"
SHORT_LENGTH = 20
LONGEST = 12
WITHOUT_SPACES: dict[str, str] = {
    "zh": "的 年 在 月 是 和 日 了 於 · 為 有 被 人 中 为 他 與 後 也 而 由",
    "ja": "の に は を た が で て と し れ さ あ る も",
    "th": "ที่ และ ใน ของ เป็น มี การ ได้",
    "lo": "ທີ່ ແລະ ໃນ ຂອງ ເປັນ ມີ ການ ໄດ້",
    "km": "និង នៅ ជា ដែល ក្នុង បាน មាន ការ",
    "my": "သည် ၏ နှင့် တွင် များ ကို ဖြစ် မှ",
}
"""Han, Kana and the scripts of South East Asia; the Chinese list mixes simplified and traditional characters."""

SPACED: dict[str, str] = {
    **STOP_WORDS,
    "ko": "이 그 수 있는 있다 등 및 한 할 것 것이다 대한 위해 하는 있습니다 합니다 더 또는 그리고 때 중",
}


@lru_cache(maxsize=1)
def short_lists() -> dict[str, tuple[str, ...]]:
    """Language -> the words whose distinct occurrences `stop_words_distinct` counts."""
    frequent = {language: words[:SHORT_LENGTH] for language, words in frequent_lists().items()}
    return frequent | {language: tuple(words.split()) for language, words in (SPACED | WITHOUT_SPACES).items()}


@lru_cache(maxsize=1)
def frequent_lists() -> dict[str, tuple[str, ...]]:
    """Language (ISO 639) -> up to 200 frequent words, lower case."""
    return {path.stem: tuple(path.read_text("utf-8").split()) for path in sorted(FOLDER.glob("*.txt"))
            if path.stem != "SOURCE"}  # fmt: skip


class StopTable(NamedTuple):
    """Hash tables of words of all languages one after the other: keys, first slot and mask of each language.

    `longest`: characters of its longest word; `opens`: whether one starts with a character of these low 8 bits.
    """

    keys: NDArray[np.uint64]
    start: NDArray[np.int64]
    mask: NDArray[np.int64]
    longest: NDArray[np.int64]
    opens: NDArray[np.bool_]


def table_of_words(lists: Iterable[Iterable[str]]) -> StopTable:
    """The tables of lists of words, in their order."""
    parts, starts, masks, longest = [np.zeros(1, np.uint64)], [], [], []
    opens = []
    for words in map(tuple, lists):
        longest.append(max(map(len, words), default=0))
        opens.append([any(ord(word[0]) & 255 == low for word in words) for low in range(256)])
        keys = {int(mix(np.uint64(word_hash(points, 0, len(points))))) for points in map(_points, words)}
        slots = 4 << len(keys).bit_length()
        table = np.zeros(slots, np.uint64)
        for key in sorted(keys):
            slot = key & (slots - 1)
            while table[slot]:
                slot = (slot + 1) & (slots - 1)
            table[slot] = key
        starts.append(sum(map(len, parts)))
        masks.append(slots - 1)
        parts.append(table)
    return StopTable(
        np.concatenate(parts), np.array(starts, np.int64), np.array(masks, np.int64), np.array(longest, np.int64),
        np.array(opens, np.bool_).ravel(),
    )  # fmt: skip


def _points(word: str) -> NDArray[np.int32]:
    return np.array([ord(c) for c in word], np.int32)


def _normal(word: str) -> str:
    """A listed word as a normalised word is written: without ASCII punctuation."""
    return "".join(c for c in word if not (c.isascii() and not c.isalnum()))


@lru_cache(maxsize=1)
def stop_tables() -> tuple[StopTable, StopTable]:
    """(short lists, frequent words as normalised), in the order of their languages."""
    frequent = [filter(None, map(_normal, words)) for words in frequent_lists().values()]
    return table_of_words(short_lists().values()), table_of_words(frequent)


@inner
def stop_slot(value: np.uint64, which: int, table: StopTable) -> int:
    """The slot of a word's hash in a language's list, -1 where it is not listed."""
    key = mix(value)
    start, mask = table.start[which], table.mask[which]
    slot = int(np.int64(key & np.uint64(mask)))
    while table.keys[start + slot] != 0:
        if table.keys[start + slot] == key:
            return int(start) + slot
        slot = (slot + 1) & int(mask)
    return -1
