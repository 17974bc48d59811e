"""Secrets that a profile only refers to: `file:/PATH`, so that none stands in it."""

from __future__ import annotations

from pathlib import Path

from gristmill.settings import SettingsError

SCHEME = "file:"


def is_reference(value: str) -> bool:
    """Whether a value names a file instead of being the thing itself."""
    return value.startswith(SCHEME)


def resolved(value: str, key: str, thing: str) -> str:
    """The value itself, or the first line of the file that it refers to.

    `key` and `thing` name the setting and what its file holds. Raises SettingsError when the file cannot be read.
    """
    if not is_reference(value):
        return value
    path = Path(value.removeprefix(SCHEME))
    if not path.is_absolute():
        raise SettingsError(f"{key}: {path} must be an absolute path")
    try:
        return path.read_text(encoding="utf-8").splitlines()[0].strip()
    except (OSError, UnicodeDecodeError, IndexError):
        raise SettingsError(f"{key}: {path} must hold {thing} in its first line") from None
