"""The `minhash` family: content hash, band keys and signature, for deduplication."""

from __future__ import annotations

import pyarrow as pa

from gristmill.signals.signal import Signal

BANDS = 14
ROWS_PER_BAND = 8
HASHES = BANDS * ROWS_PER_BAND

_VIEW = "folded for shingling"
_FINEWEB = "FineWeb (Penedo et al. 2024): 14 bands of 8 rows over word 5-grams"
_NULL = "fewer than 5 tokens"

MINHASH: tuple[Signal, ...] = (
    Signal("content_hash", pa.binary(16), "128-bit hash", "equal for equal sequences of words and digits", "ours",
           _VIEW),
    Signal("shingles", pa.int32(), "shingles", "5-grams of tokens, repeated ones too; of characters where words are "
           "not spaced", _FINEWEB, _VIEW, low=0),
    *(Signal(f"band_{band:02d}", pa.uint64(), "64-bit key", f"key of band {band}: equal keys make a candidate pair",
             _FINEWEB, _VIEW, null=_NULL) for band in range(BANDS)),
    Signal("signature", pa.list_(pa.uint16(), HASHES), "16-bit hashes", "the least hash of each of 112 permutations",
           "b-bit minwise hashing (Li & Koenig 2010)", _VIEW, null=_NULL),
)  # fmt: skip
