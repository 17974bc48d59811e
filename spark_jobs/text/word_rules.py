"""The look-up of exceptions and units, by hashes of code points."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from spark_jobs.text.decode import mix
from spark_jobs.text.english import exceptions
from spark_jobs.text.kernel import leaf

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


@lru_cache(maxsize=1)
def rules() -> tuple[NDArray[np.uint64], NDArray[np.uint32]]:
    """(keys, lengths of the parts, a byte each): an open-addressing table of exceptions; units have 0 parts.

    256 entries of bits follow in the second: the lengths of exceptions by the low 7 bits of their first character,
    then of their last.
    """
    keys, cuts = np.zeros(_SLOTS, np.uint64), np.zeros(_SLOTS + 256, np.uint32)
    entries = {unit + "\0": 0 for unit in _UNITS.split()}
    entries |= {word: sum(len(p) << 8 * i for i, p in enumerate(parts)) for word, parts in exceptions().items()}
    for word, cut in entries.items():
        points = np.array([ord(c) for c in word], np.int32)
        key = np.uint64(mix(np.uint64(word_hash(points, 0, len(points)))))
        slot = int(key) & (_SLOTS - 1)
        while keys[slot]:
            slot = (slot + 1) & (_SLOTS - 1)
        keys[slot], cuts[slot] = key, cut
        cuts[_SLOTS + (points[0] & 127)] |= 1 << len(points)
        cuts[_SLOTS + 128 + (points[-1] & 127)] |= 1 << len(points)
    return keys, cuts


@leaf
def find(key: np.uint64, keys: NDArray[np.uint64]) -> int:
    """Slot of a key, -1 where there is none."""
    slot = int(np.int64(key & np.uint64(_SLOTS - 1)))
    while keys[slot] != 0:
        if keys[slot] == key:
            return slot
        slot = (slot + 1) & (_SLOTS - 1)
    return -1


@leaf
def exception(
    points: NDArray[np.int32], start: int, end: int, keys: NDArray[np.uint64], cuts: NDArray[np.uint32]
) -> np.uint32:
    """Lengths of the parts of an exception, 0 where it is none."""
    if end - start > LONGEST_EXCEPTION or end <= start:
        return np.uint32(0)
    lengths = cuts[_SLOTS + (points[start] & 127)] & cuts[_SLOTS + 128 + (points[end - 1] & 127)]
    if not lengths & np.uint32(1 << (end - start)):
        return np.uint32(0)
    slot = find(mix(word_hash(points, start, end)), keys)
    return cuts[slot] if slot >= 0 else np.uint32(0)
