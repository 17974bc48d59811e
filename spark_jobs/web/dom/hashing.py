"""Words as hashes: look-up tables that compiled kernels read. All integers are signed, as mixed ones become floats."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spark_jobs.text.kernel import inner

BASIS = 0xCBF29CE484222325 - (1 << 64)
PRIME = 0x100000001B3


@inner
def fnv(state: int, value: int) -> int:
    """One step of FNV-1a over 64 bits; `value` may be wider than a byte."""
    return (state ^ value) * PRIME


def hash_of(word: str) -> int:
    """The hash of a word's code points that `fnv` builds."""
    state = BASIS
    for char in word:
        state = ((state ^ ord(char)) * PRIME + (1 << 63)) % (1 << 64) - (1 << 63)
    return state


def table_of(values: Mapping[str, int]) -> NDArray[np.int64]:
    """A table for `look_up`: open addressing, keys (0 is free) and then values, at most half full."""
    size = 16
    while size < 2 * len(values):
        size *= 2
    table = np.zeros(2 * size, np.int64)
    for word, value in values.items():
        key = hash_of(word)
        slot = key & (size - 1)
        while table[slot] != 0:
            slot = (slot + 1) & (size - 1)
        table[slot], table[size + slot] = key, value
    return table


@inner
def look_up(tables: NDArray[np.integer[Any]], at: int, size: int, key: int) -> int:
    """The value of a hashed word in the table of 2 x size numbers at tables[at]; 0 where it is not there."""
    slot = key & (size - 1)
    while tables[at + slot] != 0:
        if tables[at + slot] == key:
            return int(tables[at + size + slot])
        slot = (slot + 1) & (size - 1)
    return 0
