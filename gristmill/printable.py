"""Untrusted text on a person's screen: one line, no control characters, whoever wrote the crawled page."""

from __future__ import annotations

import re

_UNSAFE = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_LINE_CHARACTERS = 4000


def printable(line: str) -> str:
    """One log line: control and direction characters escaped, log-group markers broken, cut to 4,000 characters.

    Crawled text may be in it.
    """
    escaped = _UNSAFE.sub(lambda found: f"\\x{ord(found[0]):02x}", line.rstrip("\r\n"))
    if escaped.startswith("::"):
        escaped = escaped.replace("::", ":\u200b:", 1)
    return escaped[:_LINE_CHARACTERS]
