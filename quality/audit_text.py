"""How alike two texts are, by plain Python and by datasketch: written apart from the kernels whose work is audited.

Text is folded as FineWeb does it (datatrove 0.10.1): a number of any script, with one decimal part, is a 0; lower
case; punctuation and symbols are spaces; accents are dropped. Letters of scripts without spaces are words of their own.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

import numpy as np
import xxhash
from datasketch import MinHash
from numpy.typing import NDArray

SHINGLE = 5
"""Words of a shingle."""

PERMUTATIONS = 256
BATCH = 256
"""Shingles that are sketched at once; few enough for a processor's cache."""

_NUMBER = re.compile(r"\d+(?:[.,،٫⎖⎗⎘]\d+)?")
_UNSPACED = ("CJK", "IDEOGRAPHIC", "HIRAGANA", "KATAKANA", "HALFWIDTH", "THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN")
"""First words of the names of letters that stand in no word with others."""


class _Folding(dict[int, str]):
    """Code point -> what it becomes; filled as text asks."""

    def __missing__(self, code: int) -> str:
        self[code] = folded = _fold(chr(code))
        return folded


def _fold(char: str) -> str:
    category = unicodedata.category(char)
    if category[0] in "PSZC":
        return " "
    kept = "".join(c for c in unicodedata.normalize("NFD", char.lower()) if unicodedata.category(c) != "Mn")
    return f" {kept} " if unicodedata.name(char, "").startswith(_UNSPACED) else kept


_FOLDING = _Folding()


def words(text: str) -> list[str]:
    """The folded words of a text."""
    return _NUMBER.sub("0", text).translate(_FOLDING).split()


def same(left: str, right: str) -> bool:
    """Whether two texts have equal sequences of words and of numbers; without any word, equal characters."""
    if left == right:
        return True
    ours = words(left)
    return bool(ours) and ours == words(right) and _numbers(left) == _numbers(right)


def _numbers(text: str) -> list[str]:
    found = _NUMBER.findall(text)
    return ["".join(str(unicodedata.digit(c)) if c.isdecimal() else c for c in number) for number in found]


@lru_cache(maxsize=16)
def shingles(text: str) -> frozenset[str]:
    """The different runs of 5 words; none for fewer words."""
    found = words(text)
    return frozenset(map(" ".join, zip(*(found[i:] for i in range(SHINGLE)), strict=False)))


def alike(left: str, right: str) -> float:
    """Exact Jaccard similarity of two texts' shingles; of texts too short for one, 1 when they are the same, else 0."""
    ours, theirs = shingles(left), shingles(right)
    if not ours and not theirs:
        return float(same(left, right))
    both = len(ours & theirs)
    return both / (len(ours) + len(theirs) - both)


def estimated(left: str, right: str) -> float:
    """datasketch's estimate of the same from 256 permutations; standard error sqrt(J (1 - J) / 256)."""
    return float(_sketch(shingles(left)).jaccard(_sketch(shingles(right))))


def _sketch(found: frozenset[str]) -> MinHash:
    hashed = [xxhash.xxh32_intdigest(shingle.encode()) for shingle in found]
    sketch = MinHash(PERMUTATIONS, hashfunc=int, permutations=_permutations(), scheme="affine32")
    for start in range(0, len(hashed), BATCH):
        sketch.update_batch(hashed[start : start + BATCH])
    return sketch


@lru_cache(maxsize=1)
def _permutations() -> NDArray[np.uint32]:
    permutations: NDArray[np.uint32] = MinHash(PERMUTATIONS, scheme="affine32").permutations
    return permutations
