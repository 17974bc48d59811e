"""MinHash signatures straight over an Arrow string buffer.

112 least hashes of word 5-grams (FineWeb, Penedo et al. 2024). Any number of shingles costs about 9 ns each, so long
documents are not sampled here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray

from gristmill.schemas import BANDS, HASHES, ROWS_PER_BAND, SCHEMAS
from spark_jobs.text.decode import mix
from spark_jobs.text.tokens import SHINGLE, folding, shingle, token_hashes
from spark_jobs.text.unicode import utf8_buffers

_SEEDS = np.random.default_rng(0x6772697374).integers(0, 2**32, size=(2, HASHES), dtype=np.uint32)
MULTIPLIERS = _SEEDS[0] | np.uint32(1)
ADDENDS = _SEEDS[1]
"""Hash i of a shingle x (mixed, 32 bits) is MULTIPLIERS[i] * x + ADDENDS[i] mod 2^32: a linear permutation (Broder et
al. 2000), of which a processor computes eight at once."""


def minhash(doc_id: pa.Array, text: pa.Array) -> pa.Table:
    """The `minhash` signals of n documents. Equal content hashes are equal words and digits; signatures look at words.

    Documents of fewer than 5 tokens have no shingle and null keys, so they never collide with each other.
    """
    offsets, data = utf8_buffers(text)
    rows = len(offsets) - 1
    content = np.zeros((rows, 2), np.uint64)
    shingles = np.zeros(rows, np.int32)
    signature = np.zeros((rows, BANDS, ROWS_PER_BAND), np.uint16)
    _signatures(offsets, data, folding(), MULTIPLIERS, ADDENDS, content, shingles, signature.reshape(rows, HASHES))
    valid = pa.array(shingles > 0).buffers()[1]
    bands = [_binaries(signature[:, band], valid) for band in range(BANDS)]
    return pa.table([doc_id, _binaries(content), pa.array(shingles), *bands], schema=SCHEMAS["minhash"])


def _binaries(values: NDArray[Any], valid: pa.Buffer | None = None) -> pa.Array:
    """n rows of 16 bytes; `valid` is a bitmap."""
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), len(values), [valid, pa.py_buffer(values.tobytes())])


@njit(cache=True, nogil=True)
def _signatures(
    offsets: NDArray[np.int64],
    data: NDArray[np.uint8],
    folding: NDArray[np.int32],
    multipliers: NDArray[np.uint32],
    addends: NDArray[np.uint32],
    content: NDArray[np.uint64],
    shingles: NDArray[np.int32],
    signature: NDArray[np.uint16],
) -> None:
    longest = 0
    for row in range(len(offsets) - 1):
        longest = max(longest, offsets[row + 1] - offsets[row])
    tokens = np.empty(longest, np.uint64)
    exact = np.empty(longest, np.uint64)
    least = np.empty(HASHES, np.uint32)
    for row in range(len(offsets) - 1):
        start, end = offsets[row], offsets[row + 1]
        count = token_hashes(data, start, end, folding, tokens, exact)
        for i in range(0 if count else end - start):
            # Without a token, equal content is equal bytes.
            exact[i] = np.uint64(data[start + i])
        content[row, 0], content[row, 1] = _content_hash(exact, count or end - start, count)
        if count < SHINGLE:
            continue
        shingles[row] = count - SHINGLE + 1
        _minima(tokens, shingles[row], multipliers, addends, least)
        for i in range(HASHES):
            # The least hash of many shingles is small, so its own low bits are mixed before they are kept.
            signature[row, i] = np.uint16(mix(np.uint64(least[i])) & np.uint64(0xFFFF))


@njit(cache=True, nogil=True)
def _minima(
    tokens: NDArray[np.uint64],
    shingles: int,
    multipliers: NDArray[np.uint32],
    addends: NDArray[np.uint32],
    least: NDArray[np.uint32],
) -> None:
    """The least hash of all shingles under each permutation. Four shingles at a time, so that each permutation is
    loaded once for all of them; the last ones may be taken twice, which changes no minimum."""
    least[:] = np.uint32(0xFFFFFFFF)
    for start in range(0, shingles, 4):
        a = np.uint32(shingle(tokens, start) >> np.uint64(32))
        b = np.uint32(shingle(tokens, min(start + 1, shingles - 1)) >> np.uint64(32))
        c = np.uint32(shingle(tokens, min(start + 2, shingles - 1)) >> np.uint64(32))
        d = np.uint32(shingle(tokens, min(start + 3, shingles - 1)) >> np.uint64(32))
        for i in range(HASHES):
            by, plus = multipliers[i], addends[i]
            one, two = np.uint32(a * by + plus), np.uint32(b * by + plus)
            three, four = np.uint32(c * by + plus), np.uint32(d * by + plus)
            least[i] = min(least[i], min(min(one, two), min(three, four)))


@njit(cache=True, nogil=True)
def _content_hash(tokens: NDArray[np.uint64], length: int, seed: int) -> tuple[np.uint64, np.uint64]:
    """128 bits over a sequence of mixed hashes: two chains with different constants."""
    low, high = np.uint64(seed), np.uint64(seed) ^ np.uint64(0x9E3779B97F4A7C15)
    for i in range(length):
        low = (low ^ tokens[i]) * np.uint64(0xD6E8FEB86659FD93)
        high = (high + tokens[i]) * np.uint64(0xC2B2AE3D27D4EB4F)
        high ^= high >> np.uint64(29)
    return mix(low), mix(high)
