"""The edits of `curate`: canonical Unicode, no control characters, even white space. Idempotent."""

from __future__ import annotations

import unicodedata

import pyarrow as pa
import pyarrow.compute as pc

_EDITS = (
    (r"\r\n?|[\x{2028}\x{2029}\x{0085}]", "\n"),
    # Control characters, soft hyphens, zero-width and bidirectional marks, BOMs and replacement characters.
    (r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x{9f}\x{ad}\x{200b}\x{200e}\x{200f}\x{202a}-\x{202e}\x{2060}-\x{2069}\x{feff}\x{fffd}]", ""),
    (r"[\t \x{a0}\x{1680}\x{2000}-\x{200a}\x{202f}\x{205f}\x{3000}]+", " "),
    (r" ?\n ?", "\n"),
    (r"\n{3,}", "\n\n"),
)  # fmt: skip


def clean(text: pa.Array) -> pa.Array:
    """Cleaned texts, in order; a null becomes an empty string."""
    text = pc.fill_null(text, "")
    text = pa.array([t if unicodedata.is_normalized("NFC", t) else unicodedata.normalize("NFC", t)
                     for t in text.to_pylist()], pa.string())  # fmt: skip
    for pattern, replacement in _EDITS:
        text = pc.replace_substring_regex(text, pattern, replacement)
    return pc.utf8_trim_whitespace(text)
