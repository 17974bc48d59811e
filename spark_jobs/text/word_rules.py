"""The look-up of exceptions and units, by hashes of code points."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spark_jobs.text.decode import mix
from spark_jobs.text.english import exceptions
from spark_jobs.text.kernel import inner, leaf

BASE = np.uint64(0x9E3779B97F4A7C15)
"""A token's hash is the polynomial of its code points + 1, so hashes of joined tokens follow from theirs."""

LONGEST_EXCEPTION = 12
_SLOTS = 4096
_UNITS = (
    "km km² km³ m m² m³ dm dm² dm³ cm cm² cm³ mm mm² mm³ ha µm nm yd in ft kg g mg µg t lb oz m/s km/h kmh mph hPa Pa "
    "mbar mb MB kb KB gb GB tb TB T G M K % км км² км³ м м² м³ дм дм² дм³ см см² см³ мм мм² мм³ нм кг г мг м/с км/ч "
    "кПа Па мбар Кб КБ кб Мб МБ мб Гб ГБ гб Тб ТБ тб كم كم² كم³ م م² م³ سم سم² سم³ مم مم² مم³ غرام جرام جم كغ ملغ كوب "
    "اكواب US$ C$ A$"
)


@leaf
def word_hash(points: NDArray[np.int32], start: int, end: int) -> np.uint64:
    """The polynomial hash of points[start:end]."""
    value = np.uint64(0)
    for i in range(start, end):
        value = value * BASE + np.uint64(points[i] + 1)
    return value


def _rules() -> tuple[NDArray[np.uint64], NDArray[np.uint32]]:
    """(keys, lengths of the parts, a byte each): an open-addressing table of exceptions; units have 0 parts.

    256 entries of bits follow in the second: the lengths of exceptions by the low 7 bits of their first character,
    then of their last.
    """
    keys, cuts = np.zeros(_SLOTS, np.uint64), np.zeros(_SLOTS + 256, np.uint32)
    entries = {unit + "\0": 0 for unit in _UNITS.split()}
    entries |= {word: sum(len(p) << 8 * i for i, p in enumerate(parts)) for word, parts in exceptions().items()}
    for word, cut in entries.items():
        key = _key(word)
        slot = key & (_SLOTS - 1)
        while keys[slot]:
            slot = (slot + 1) & (_SLOTS - 1)
        keys[slot], cuts[slot] = key, cut
        cuts[_SLOTS + (ord(word[0]) & 127)] |= 1 << len(word)
        cuts[_SLOTS + 128 + (ord(word[-1]) & 127)] |= 1 << len(word)
    return keys, cuts


def _key(word: str) -> int:
    """`mix` of the `word_hash` of a word, without compiling either for the import of this module."""
    value = 0
    for char in word:
        value = (value * int(BASE) + ord(char) + 1) % 2**64
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    value = (value ^ (value >> 27)) * 0x94D049BB133111EB % 2**64
    return value ^ (value >> 31)


KEYS, CUTS = _rules()
"""Compiled in, since arrays that are handed from call to call cost more than a look-up does."""


@inner
def find(key: np.uint64) -> int:
    """Slot of a key, -1 where there is none."""
    slot = int(np.int64(key & np.uint64(_SLOTS - 1)))
    while KEYS[slot] != 0:
        if KEYS[slot] == key:
            return slot
        slot = (slot + 1) & (_SLOTS - 1)
    return -1


@inner
def may_be_exception(points: NDArray[np.int32], start: int, end: int) -> bool:
    """Whether an exception or a unit has this length, first and last character; at most LONGEST_EXCEPTION long."""
    lengths = CUTS[_SLOTS + (points[start] & 127)] & CUTS[_SLOTS + 128 + (points[end - 1] & 127)]
    return bool(lengths & np.uint32(1 << (end - start)))


@inner
def exception(points: NDArray[np.int32], start: int, end: int) -> np.uint32:
    """Lengths of the parts of an exception, 0 where it is none."""
    if end - start > LONGEST_EXCEPTION or end <= start:
        return np.uint32(0)
    if not may_be_exception(points, start, end):
        return np.uint32(0)
    slot = find(mix(word_hash(points, start, end)))
    return CUTS[slot] if slot >= 0 else np.uint32(0)
