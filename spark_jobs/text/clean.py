"""The edits of `curate`: canonical Unicode, no control characters, even white space. Idempotent."""

from __future__ import annotations

import unicodedata

import pyarrow as pa
import pyarrow.compute as pc

_INVISIBLE = (
    r"[\x00-\x08\x0e-\x1f\x7f-\x{9f}\x{ad}\x{200b}\x{200e}\x{200f}\x{202a}-\x{202e}"
    r"\x{2060}-\x{2069}\x{feff}\x{fffd}]"
)
"""Control characters, soft hyphens, zero-width and bidirectional marks, byte order marks, replacement characters."""

_CHARACTERS = (
    (r"\r\n?|[\x0b\x0c\x{85}\x{2028}\x{2029}]", "\n"),
    (_INVISIBLE, ""),
)
_SPACES = (
    (r"[\t \x{a0}\x{1680}\x{2000}-\x{200a}\x{202f}\x{205f}\x{3000}]+", " "),
    (r" ?\n ?", "\n"),
    (r"\n{3,}", "\n\n"),
)


def clean(text: pa.Array) -> pa.Array:
    """Cleaned texts, in order; a null becomes an empty string."""
    text = _replace(pc.fill_null(text, ""), _CHARACTERS)
    # After the invisible characters are gone: they part letters from their accents.
    text = pa.array([unicodedata.normalize("NFC", t) for t in text.to_pylist()], pa.string())
    return pc.utf8_trim_whitespace(_replace(text, _SPACES))


def _replace(text: pa.Array, edits: tuple[tuple[str, str], ...]) -> pa.Array:
    for pattern, replacement in edits:
        text = pc.replace_substring_regex(text, pattern, replacement)
    return text
