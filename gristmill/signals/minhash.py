"""The `minhash` family: content hash and signature, for deduplication.

The signature lies in 14 columns of 8 values, so that a band is read alone; other shapes of at most 112 hashes are cut
from the same values.
"""

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
    *(Signal(f"band_{band:02d}", pa.binary(2 * ROWS_PER_BAND), "8 hashes of 16 bits",
             f"least hashes of 8 permutations, from number {band * ROWS_PER_BAND} on; equal ones make a candidate pair",
             f"{_FINEWEB}; b-bit minwise hashing (Li & Koenig 2010)", _VIEW, null=_NULL)
      for band in range(BANDS)),
)  # fmt: skip
