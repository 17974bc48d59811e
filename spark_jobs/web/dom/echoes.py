"""How much of a block's text the page says elsewhere too: teasers, copies for other screens, whole-text duplicates."""

from __future__ import annotations

import numpy as np
from numba import njit

from spark_jobs.web.dom.hashing import BASIS, fnv
from spark_jobs.web.dom.layout import Floats
from spark_jobs.web.dom.page import BEGIN, END
from spark_jobs.web.dom.text import Bytes, Ints

RUN = 24
"""Bytes of text, white space left out, that make a run; runs start where the hash of the bytes says so."""
STRIDE = 16
ECHO_FEATURES = 2
_FACTOR = 0x100000001B3


@njit(cache=True, nogil=True)
def echoes(text: Bytes, blocks: Ints) -> Floats:
    """blocks x ECHO_FEATURES: share of the block's runs that earlier blocks have, and that later ones have."""
    found = np.zeros((len(blocks), ECHO_FEATURES), np.float32)
    size = 16
    while size < (blocks[-1, END] // 4) + 16:
        size *= 2
    table, owner = np.zeros(size, np.int64), np.zeros(size, np.int32)
    for backward in range(2):
        table[:] = 0
        for k in range(len(blocks)):
            b = len(blocks) - 1 - k if backward else k
            found[b, backward] = _seen(text, blocks[b, BEGIN], blocks[b, END], b, table, owner)
    return found


@njit(cache=True, nogil=True)
def _seen(text: Bytes, begin: int, end: int, block: int, table: Ints, owner: Ints) -> float:
    """Share of the block's runs that are in the table of another block; puts those that are not there into it."""
    power = 1
    for _ in range(RUN):
        power *= _FACTOR
    ring = np.zeros(RUN, np.int64)
    rolling, count, runs, again = 0, 0, 0, 0
    for at in range(begin, end):
        byte = np.int64(text[at])
        if byte <= 32:
            continue
        rolling = rolling * _FACTOR + byte + 1 - power * ring[count % RUN]
        ring[count % RUN] = byte + 1
        count += 1
        if count < RUN:
            continue
        key = fnv(BASIS, rolling)
        if (key >> 40) & (STRIDE - 1):
            continue
        runs += 1
        slot, probes = (key >> 7) & (len(table) - 1), 0
        while table[slot] != 0 and table[slot] != key and probes < 64:
            slot, probes = (slot + 1) & (len(table) - 1), probes + 1
        if table[slot] == key:
            again += owner[slot] != block
        elif table[slot] == 0:
            table[slot], owner[slot] = key, block
    return again / runs if runs else 0.0
