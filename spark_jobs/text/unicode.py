"""Unicode as flat tables that compiled kernels can read: one look-up per code point."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

TABLE_SIZE = 0x32400
"""Up to the end of CJK extension H; beyond are private use, tags and unassigned."""

ALPHA, DIGIT, UPPER, SPACE, PUNCTUATION, UNSPACED = 1, 2, 4, 8, 16, 32

SCRIPTS = (
    "Other", "Latin", "Han", "Kana", "Hangul", "Cyrillic", "Arabic", "Thai", "Greek", "Hebrew", "Devanagari",
)  # fmt: skip
UNSPACED_SCRIPTS = ("Han", "Kana", "Thai")
"""Scripts written without spaces between words: each character is its own token."""

_NAMES = {
    "LATIN": "Latin", "CJK": "Han", "HIRAGANA": "Kana", "KATAKANA": "Kana", "HANGUL": "Hangul",
    "CYRILLIC": "Cyrillic", "ARABIC": "Arabic", "THAI": "Thai", "GREEK": "Greek", "HEBREW": "Hebrew",
    "DEVANAGARI": "Devanagari", "IDEOGRAPHIC": "Han", "HALFWIDTH": "Kana",
}  # fmt: skip
_UNSPACED_NAMES = ("LAO", "KHMER", "MYANMAR", "TIBETAN")


@lru_cache(maxsize=1)
def tables() -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.int32]]:
    """(flags, script, fold), each of TABLE_SIZE.

    `fold` is for shingling: lower case, canonical base letter, any digit '0', punctuation and symbols a
    space, combining marks 0 (dropped).
    """
    flags = np.zeros(TABLE_SIZE, np.uint8)
    script = np.zeros(TABLE_SIZE, np.uint8)
    fold = np.arange(TABLE_SIZE, dtype=np.int32)
    for code in range(TABLE_SIZE):
        char = chr(code)
        category = unicodedata.category(char)
        if category in ("Cn", "Co", "Cs"):
            continue
        # Names cost most of the time that this takes, and only those of letters and marks are looked at.
        name = unicodedata.name(char, "") if category[0] in "LM" else ""
        owner = _script_of(name)
        flags[code] = _flags(char, category, name, owner)
        script[code] = SCRIPTS.index(owner) if category[0] == "L" else 0
        fold[code] = _fold(char, category, owner)
    return flags, script, fold


@lru_cache(maxsize=1)
def exact_fold() -> NDArray[np.int32]:
    """`fold` that tells digits apart, of whatever script: for equal content instead of similar content."""
    flags, _, fold = tables()
    exact = fold.copy()
    for code in np.flatnonzero(flags & DIGIT):
        exact[code] = ord("0") + unicodedata.digit(chr(code))
    return exact


def _flags(char: str, category: str, name: str, owner: str) -> int:
    flags = ALPHA * (category[0] == "L") | DIGIT * (category == "Nd") | UPPER * (category in ("Lu", "Lt"))
    flags |= SPACE * char.isspace() | PUNCTUATION * (category[0] in "PS")
    if owner in UNSPACED_SCRIPTS or name.startswith(_UNSPACED_NAMES):
        flags |= UNSPACED
    return flags


def _script_of(name: str) -> str:
    return _NAMES.get(name.split(" ", 1)[0].split("-", 1)[0], "Other")


def _fold(char: str, category: str, owner: str) -> int:
    if category == "Nd":
        return ord("0")
    if category[0] in "PSZC" or char.isspace():
        return ord(" ")
    if category == "Mn":
        return 0
    # A Hangul syllable is decomposed into its letters, which is more than accents.
    return ord(char) if owner == "Hangul" else ord(unicodedata.normalize("NFD", char.lower()[0])[0])


def utf8_buffers(text: pa.Array | pa.ChunkedArray) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """(offsets (n + 1), bytes) of a string column; nulls are empty."""
    if isinstance(text, pa.ChunkedArray):
        text = text.combine_chunks()
    if text.null_count:
        text = text.fill_null("")
    if not len(text):
        return np.zeros(1, np.int64), np.empty(0, np.uint8)
    width = np.int64 if pa.types.is_large_string(text.type) else np.int32
    _, offsets, data = text.buffers()
    bounds = np.frombuffer(offsets, width)[text.offset : text.offset + len(text) + 1].astype(np.int64)
    content = np.frombuffer(data, np.uint8) if data is not None else np.empty(0, np.uint8)
    return bounds, content
