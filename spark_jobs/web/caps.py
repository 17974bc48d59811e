"""What one record may cost."""

from __future__ import annotations

from dataclasses import dataclass

FREE_BYTES = 1 << 20
"""Inflated bytes up to which no ratio is too high: a small page of one repeated letter is harmless."""


@dataclass(frozen=True)
class Caps:
    """Limits on one record.

    `max_record_bytes`: header and block, inflated; also the body without its content encodings.
    `max_ratio`: inflated over stored bytes. Deflate can reach 1032; records of real crawls stay below 13.
    """

    max_record_bytes: int = 16 << 20
    max_ratio: float = 200.0

    def is_bomb(self, inflated: int, stored: int) -> bool:
        """Whether so many bytes from so few are no ordinary compression."""
        return inflated > FREE_BYTES and inflated > self.max_ratio * stored
