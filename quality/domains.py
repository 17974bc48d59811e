"""The registered domain of a host name, for figures per owner."""

from __future__ import annotations

import re

_SHARED = frozenset(["ac", "co", "com", "edu", "go", "gob", "gouv", "gov", "ne", "net", "nom", "or", "org", "res"])
"""Second labels under which country registries sell names, such as co.uk; no list of public suffixes is at hand."""

_ADDRESS = re.compile(r"[0-9.]+|.*:.*")


def domain(host: str) -> str:
    """The last two labels of a host name, three below shared second labels of countries; an address is itself.

    An approximation: it takes blogs below one shared service for one owner, which caps per source want.
    """
    if _ADDRESS.fullmatch(host):
        return host
    labels = host.lower().rstrip(".").split(".")
    country = len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _SHARED
    return ".".join(labels[-3:] if country else labels[-2:])
