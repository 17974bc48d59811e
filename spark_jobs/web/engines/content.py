"""What an engine is: decoded HTML in, main text with title and publication date out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Protocol


@dataclass(frozen=True)
class Content:
    """`text` is never empty and free of control characters; paragraphs are separated by an empty line."""

    text: str
    title: str | None = None
    published: date | None = None


class ExtractionError(ValueError):
    """A page without usable text; `reason` is the reject's: too_deep, bad_html or no_text."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Engine(Protocol):
    """One way to the main content. `version` changes whenever the same page may give other text."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> int: ...

    def extract(self, html: str) -> Content:
        """Raises ExtractionError, and nothing else, on whatever a page holds."""
        ...
