"""The digests that WARC writers state, in the spellings that they use."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Iterable, Mapping

_ALGORITHMS = {"sha1": "sha1", "sha-1": "sha1", "sha256": "sha256", "sha-256": "sha256", "md5": "md5"}


def is_damaged(headers: Mapping[str, str], block: bytes, payloads: Callable[[], Iterable[bytes]]) -> bool:
    """Whether the record states digests and none of them fits.

    Writers differ in what a payload digest covers: the body as sent, or without its chunks or encodings. So any of
    `payloads` will do, and they are asked for only where the block does not fit. The payload of a truncated record
    is not judged: its digest may be that of the whole.
    """
    stated = False
    fits = _fits(headers.get("warc-block-digest", ""), block)
    if fits:
        return False
    stated = fits is not None
    if "warc-truncated" not in headers:
        digest = headers.get("warc-payload-digest", "")
        for payload in payloads() if digest else ():
            fits = _fits(digest, payload)
            if fits:
                return False
            stated = stated or fits is not None
    return stated


def _fits(digest: str, content: bytes) -> bool | None:
    """Whether `algorithm:value` is that of the content; None where it cannot be told."""
    name, _, value = digest.strip().partition(":")
    algorithm = _ALGORITHMS.get(name.strip().lower())
    if algorithm is None or not value:
        return None
    found = hashlib.new(algorithm, content, usedforsecurity=False).digest()
    value = value.strip()
    stated = value.rstrip("=")
    if stated.upper() == base64.b32encode(found).decode().rstrip("=") or stated.lower() == found.hex():
        return True
    try:
        return base64.b64decode(_standard(value)) == found
    except (binascii.Error, ValueError):
        return False


def _standard(value: str) -> str:
    """Base64 in the alphabet for URLs, or without its padding, as the standard alphabet with padding."""
    return value.replace("-", "+").replace("_", "/") + "=" * (-len(value) % 4)
