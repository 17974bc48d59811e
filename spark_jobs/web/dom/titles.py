"""Which blocks of a page repeat its title: the main text follows one of them."""

from __future__ import annotations

import re

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spark_jobs.text.kernel import inner
from spark_jobs.web.dom.hashing import BASIS, fnv, hash_of
from spark_jobs.web.dom.layout import Floats
from spark_jobs.web.dom.metadata import span_of
from spark_jobs.web.dom.page import BEGIN, END, TITLE_SPAN, Page
from spark_jobs.web.dom.text import Bytes, Ints
from spark_jobs.web.dom.vocabulary import METAS

TITLE_FEATURES = 3
MATCHED = 0.6
LONGEST = 64
"""Words of a title that are looked for; a block of more words than twice as many is no title."""
_WORD = re.compile(r"[a-z0-9]+|[^\x00-\x7f]")


def title_words(source: bytes, page: Page) -> NDArray[np.int64]:
    """Hashes of the words of og:title, or else of the title element; a character beyond ASCII is a word."""
    text = span_of(source, page, METAS["og:title"]) or span_of(source, page, TITLE_SPAN)
    words = dict.fromkeys(_WORD.findall(text.lower()))
    return np.array([hash_of(w) for w in list(words)[:LONGEST]], np.int64)


@njit(cache=True, nogil=True)
def title_features(text: Bytes, blocks: Ints, title: Ints) -> Floats:
    """blocks x TITLE_FEATURES: the share of the title's words in the block, blocks since the last one
    that has MATCHED of them, and blocks until the next; -1 where there is none."""
    found, last = np.zeros((len(blocks), TITLE_FEATURES), np.float32), -1
    for b in range(len(blocks)):
        if len(title) and blocks[b, END] - blocks[b, BEGIN] < 12 * LONGEST:
            found[b, 0] = _shared(text, blocks[b, BEGIN], blocks[b, END], title)
        if found[b, 0] >= MATCHED:
            last = b
        found[b, 1] = min(99, b - last) if last >= 0 else -1
    ahead = -1
    for b in range(len(blocks) - 1, -1, -1):
        found[b, 2] = min(99, ahead - b) if ahead >= 0 else -1
        if found[b, 0] >= MATCHED:
            ahead = b
    return found


@njit(cache=True, nogil=True)
def _shared(text: Bytes, at: int, end: int, title: Ints) -> float:
    seen, state, length, words = np.zeros(len(title), np.bool_), BASIS, 0, 0
    while at <= end and words <= 2 * LONGEST:
        byte = int(np.int64(text[at])) if at < end else 32
        point, size = byte, 1
        if byte >= 0xC0:
            size = 2 if byte < 0xE0 else (3 if byte < 0xF0 else 4)
            point = byte & (0xFF >> (size + 1))
            for k in range(1, size):
                point = point << 6 | (int(np.int64(text[at + k])) & 63)
        folded = point | 0x20 if 65 <= point <= 90 else point
        plain = 97 <= folded <= 122 or 48 <= folded <= 57
        if not plain and length:
            _mark(seen, title, state)
            state, length, words = BASIS, 0, words + 1
        if plain:
            state, length = fnv(state, folded), length + 1
        elif point > 127:
            _mark(seen, title, fnv(BASIS, point))
            words += 1
        at += size
    return float(seen.sum() / len(title))


@inner
def _mark(seen: NDArray[np.bool_], title: Ints, word: int) -> None:
    for k in range(len(title)):
        if title[k] == word:
            seen[k] = True
