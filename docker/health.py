"""Is a component well? `python health.py URL [PART]`: URL must answer 200, and PART of its JSON must be healthy."""

from __future__ import annotations

import json
import sys
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

TIMEOUT_SECONDS = 8


def problem(url: str, part: str | None = None) -> str | None:
    """What is wrong, or None."""
    try:
        with build_opener(ProxyHandler({})).open(url, timeout=TIMEOUT_SECONDS) as response:
            body = response.read()
    except (URLError, OSError) as error:
        return f"{url}: {error}"
    if part is None:
        return None
    try:
        status = json.loads(body)[part]["status"]
    except (ValueError, KeyError, TypeError):
        return f"{url} says nothing of {part}"
    return None if status == "healthy" else f"{part} is {status}"


if __name__ == "__main__":
    sys.exit(problem(*sys.argv[1:3]))
