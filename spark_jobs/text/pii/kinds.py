"""Codes and placeholders of the types, and the bytes that detectors look at, as compiled kernels read them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gristmill.signals.pii import PII_TYPES
from spark_jobs.text.kernel import leaf

EMAIL, PHONE, IPV4, IPV6, CARD, IBAN, RESIDENT_ID, SSN, API_KEY, PRIVATE_KEY = range(len(PII_TYPES))
NONE = -1

PLACEHOLDERS = tuple(f"[{kind.upper()}]" for kind in PII_TYPES)
"""In square brackets, which no HTML parser takes for a tag; no detector finds anything in them."""

ANCHOR_DIGIT, ANCHOR_OPEN, ANCHOR_AT, ANCHOR_COLON, ANCHOR_KEY, ANCHOR_EQUALS = range(1, 7)


def _table(chars: str, value: int = 1) -> NDArray[np.uint8]:
    table = np.zeros(256, np.uint8)
    table[[ord(c) for c in chars]] = value
    return table


_DIGITS = "0123456789"
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

ANCHOR = (
    _table(_DIGITS, ANCHOR_DIGIT) + _table("+(", ANCHOR_OPEN) + _table("@", ANCHOR_AT) + _table(":", ANCHOR_COLON)
    + _table("_-JKz", ANCHOR_KEY) + _table("=", ANCHOR_EQUALS)
)  # fmt: skip
"""What the scan stops at: the rarest byte that every example of a type has."""

DIGIT = _table(_DIGITS)
ALPHA = _table(_LETTERS)
ALNUM = _table(_DIGITS + _LETTERS)
WORD = _table(_DIGITS + _LETTERS + "_")
HEX = _table(_DIGITS + "abcdefABCDEF")
LOCAL = _table(_DIGITS + _LETTERS + "._%+-")
"""Of an address before its @; quotes and other rare characters that RFC 5321 allows are left out."""


@leaf
def signed(byte: int) -> int:
    """The byte as a signed number: compiled, a sum of signed and unsigned numbers is a float."""
    return byte + 0


@leaf
def hex_value(byte: int) -> int:
    """Value of one hexadecimal digit."""
    return byte - 48 if byte < 58 else (byte | 32) - 87


@leaf
def matches(data: NDArray[np.uint8], at: int, hi: int, word: NDArray[np.uint8]) -> bool:
    """Whether data[at:hi] begins with `word`."""
    if at + len(word) > hi:
        return False
    for k in range(len(word)):  # noqa: SIM110 - numba compiles no generator
        if data[at + k] != word[k]:
            return False
    return True


def ascii_bytes(text: str) -> NDArray[np.uint8]:
    """The bytes of `text`, for `matches`."""
    return np.frombuffer(text.encode(), np.uint8)
