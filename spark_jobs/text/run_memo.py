"""A memory of the runs of visible characters that a call has seen, since words come again and again.

A run's bytes choose one slot of a table of fixed size, and its facts are taken from there if the bytes in the slot
are the same; else they are computed, and take the slot over. So the memory can save time but not change a result.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spark_jobs.text.characters import FACTS, MIXED, NORMALISED, SCRIPT, TOKENS
from spark_jobs.text.kernel import inlined
from spark_jobs.text.words import Tokens

SLOTS = 8192
"""One megabyte: half of the second-level cache of a server's core."""
LONGEST = 32
_MOST_TOKENS = 3

_RUN, _WORD, _TOKEN = 4, 5, 6
"""Places of hashes in a slot, behind the bytes of the run: of the run, of its normalised word, of its tokens."""
_FACT, _BYTES, _WORD_LENGTH, _TOKEN_LENGTH, _KIND = 96, 120, 121, 122, 125
"""Places of single bytes in a slot: the facts, lengths and kinds."""
_SPREAD = (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB, 0xD6E8FEB86659FD93)


class Memo(NamedTuple):
    """Slots of 128 bytes, as numbers of 8 bytes and as bytes: the same memory."""

    wide: NDArray[np.uint64]
    narrow: NDArray[np.uint8]


def memo(slots: int = SLOTS) -> Memo:
    """An empty memory of `slots` (a power of two) runs."""
    wide = np.zeros((slots, 16), np.uint64)
    return Memo(wide, wide.view(np.uint8))


@inlined
def slot_of(first: np.uint64, second: np.uint64, third: np.uint64, fourth: np.uint64, memo: Memo) -> int:
    """The slot of a run whose bytes are packed in four numbers."""
    value = first * np.uint64(_SPREAD[0]) ^ second * np.uint64(_SPREAD[1])
    value ^= third * np.uint64(_SPREAD[2]) ^ fourth * np.uint64(_SPREAD[3])
    value = (value ^ (value >> np.uint64(32))) * np.uint64(_SPREAD[3])
    return int(np.int64(value >> np.uint64(40))) & (len(memo.wide) - 1)


@inlined
def holds(
    memo: Memo, slot: int, size: int, first: np.uint64, second: np.uint64, third: np.uint64, fourth: np.uint64
) -> bool:
    """Whether a slot has the facts of the run of `size` bytes."""
    wide = memo.wide[slot]
    same = wide[0] == first and wide[1] == second and wide[2] == third and wide[3] == fourth
    return bool(same and memo.narrow[slot, _BYTES] == size)


@inlined
def recall(
    memo: Memo, slot: int, tokens: Tokens, token: int, hashes: NDArray[np.uint64], lengths: NDArray[np.int32],
    word: int, facts: NDArray[np.int64],
) -> np.uint64:  # fmt: skip
    """The facts in a slot, written behind `token` tokens and `word` normalised words; the hash of the run.

    What is beyond the number of tokens or words is written too, and overwritten by the next ones.
    """
    wide, narrow = memo.wide[slot], memo.narrow[slot]
    for k in range(_MOST_TOKENS):
        tokens.hash[token + k], tokens.length[token + k] = wide[_TOKEN + k], narrow[_TOKEN_LENGTH + k]
        tokens.kind[token + k] = narrow[_KIND + k]
    hashes[word], lengths[word] = wide[_WORD], narrow[_WORD_LENGTH]
    for k in range(FACTS):
        facts[k] = narrow[_FACT + k]
    return np.uint64(wide[_RUN])


@inlined
def keep(
    memo: Memo, slot: int, run: np.uint64, tokens: Tokens, token: int, hashes: NDArray[np.uint64],
    lengths: NDArray[np.int32], word: int, facts: NDArray[np.int64],
) -> None:  # fmt: skip
    """Put the facts of a run into the slot that has its bytes, or empty the slot where they do not fit."""
    wide, narrow = memo.wide[slot], memo.narrow[slot]
    if facts[TOKENS] > _MOST_TOKENS or facts[NORMALISED] > 1 or facts[SCRIPT] == MIXED:
        narrow[_BYTES] = 0
        return
    wide[_RUN] = run
    for k in range(facts[TOKENS]):
        wide[_TOKEN + k], narrow[_TOKEN_LENGTH + k] = tokens.hash[token + k], tokens.length[token + k]
        narrow[_KIND + k] = tokens.kind[token + k]
    if facts[NORMALISED]:
        wide[_WORD], narrow[_WORD_LENGTH] = hashes[word], lengths[word]
    for k in range(FACTS):
        narrow[_FACT + k] = facts[k]


@inlined
def name(
    memo: Memo, slot: int, size: int, first: np.uint64, second: np.uint64, third: np.uint64, fourth: np.uint64
) -> None:
    """Give a slot to a run of at most LONGEST bytes; `keep` fills it."""
    wide = memo.wide[slot]
    wide[0], wide[1], wide[2], wide[3] = first, second, third, fourth
    memo.narrow[slot, _BYTES] = size
