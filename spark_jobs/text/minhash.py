"""MinHash signatures straight over an Arrow string buffer.

14 bands x 8 rows (FineWeb, Penedo et al. 2024): a pair of Jaccard similarity s becomes a candidate with
probability 1 - (1 - s^8)^14, which is 0.56 at 0.7, 0.92 at 0.8 and 1.00 at 0.9.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray

from gristmill.schemas import BANDS, HASHES, ROWS_PER_BAND, SCHEMAS
from spark_jobs.text.decode import decode, mix
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
    bands = np.zeros((rows, BANDS), np.uint64)
    signature = np.zeros((rows, HASHES), np.uint16)
    _signatures(offsets, data, folding(), MULTIPLIERS, ADDENDS, content, shingles, bands, signature)
    without = shingles == 0
    lists = pa.FixedSizeListArray.from_arrays(pa.array(signature.reshape(-1)), HASHES, mask=pa.array(without))
    hashes = pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), rows, [None, pa.py_buffer(content.tobytes())])
    keys = [pa.array(bands[:, band], mask=without) for band in range(BANDS)]
    return pa.table([doc_id, hashes, pa.array(shingles), *keys, lists], schema=SCHEMAS["minhash"])


@njit(cache=True, nogil=True)
def _signatures(
    offsets: NDArray[np.int64],
    data: NDArray[np.uint8],
    folding: NDArray[np.int32],
    multipliers: NDArray[np.uint32],
    addends: NDArray[np.uint32],
    content: NDArray[np.uint64],
    shingles: NDArray[np.int32],
    bands: NDArray[np.uint64],
    signature: NDArray[np.uint16],
) -> None:
    longest = 0
    for row in range(len(offsets) - 1):
        longest = max(longest, offsets[row + 1] - offsets[row])
    points = np.empty(longest, np.int32)
    tokens = np.empty(longest, np.uint64)
    exact = np.empty(longest, np.uint64)
    least = np.empty(HASHES, np.uint32)
    for row in range(len(offsets) - 1):
        chars = decode(data, offsets[row], offsets[row + 1], points)
        count = token_hashes(points, chars, folding, tokens, exact)
        for i in range(0 if count else chars):
            # Without a token, equal content is equal characters.
            exact[i] = np.uint64(points[i])
        content[row, 0], content[row, 1] = _content_hash(exact, count or chars, count)
        if count < SHINGLE:
            continue
        shingles[row] = count - SHINGLE + 1
        _minima(tokens, shingles[row], multipliers, addends, least)
        for band in range(BANDS):
            key = np.uint64(band)
            for i in range(band * ROWS_PER_BAND, (band + 1) * ROWS_PER_BAND):
                key = mix(key * np.uint64(0x9E3779B97F4A7C15) + np.uint64(least[i]))
            bands[row, band] = key
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
    """128 bits over a sequence: two chains with different constants."""
    low, high = np.uint64(seed), np.uint64(0x9E3779B97F4A7C15)
    for i in range(length):
        low = mix(low * np.uint64(0x9E3779B97F4A7C15) + tokens[i])
        high = mix((high ^ tokens[i]) * np.uint64(0xD6E8FEB86659FD93) + np.uint64(i))
    return low, high
