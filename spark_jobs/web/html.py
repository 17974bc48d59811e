"""HTML bytes to text: charset from header, meta and detection; main content by resiliparse."""

from __future__ import annotations

import re
from dataclasses import dataclass

from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.encoding import bytes_to_str, detect_encoding, map_encoding_to_html5
from resiliparse.parse.html import HTMLTree

EXTRACTOR = "resiliparse"
META_BYTES = 4096
MAX_DEPTH = 2000
"""Elements nested deeper than this are hostile; a browser caps its tree at 512."""

_META_CHARSET = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([A-Za-z0-9_.:-]{2,40})""", re.IGNORECASE)
_HEADER_CHARSET = re.compile(r"""charset\s*=\s*["']?\s*([A-Za-z0-9_.:-]{2,40})""", re.IGNORECASE)
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]{0,15})[^>]{0,4096}>")
_VOID = frozenset("area base br col embed hr img input link meta source track wbr p li dt dd tr td th option".split())
_UNSAFE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True)
class Extracted:
    """`problem` names why there is no text."""

    text: str
    title: str | None
    charset: str
    problem: str | None = None


def charset_of(body: bytes, content_type: str) -> str:
    """Charset by header, then meta, then detection, mapped as WHATWG does (iso-8859-1 is windows-1252)."""
    if body.startswith(b"\xef\xbb\xbf"):
        return "utf-8"
    found = _HEADER_CHARSET.search(content_type)
    if found and (known := map_encoding_to_html5(found[1], fallback_utf8=False)):
        return str(known)
    meta = _META_CHARSET.search(body[:META_BYTES])
    if meta and (known := map_encoding_to_html5(meta[1].decode("ascii"), fallback_utf8=False)):
        return str(known)
    return str(detect_encoding(body) or "utf-8")


def extract(body: bytes, content_type: str) -> Extracted:
    """Main text and title of an HTML page; never raises on hostile input."""
    charset = charset_of(body, content_type)
    html = bytes_to_str(body, charset)
    if nesting(html) > MAX_DEPTH:
        return Extracted("", None, charset, "too_deep")
    try:
        tree = HTMLTree.parse(html)
        text = extract_plain_text(tree, main_content=True, preserve_formatting=True, alt_texts=False)
        title = tree.title
    except (ValueError, RuntimeError, UnicodeError):
        return Extracted("", None, charset, "bad_html")
    text = _UNSAFE.sub("", text).strip()
    title = " ".join(_UNSAFE.sub("", title or "").split()) or None
    return Extracted(text, title, charset, None if text else "no_text")


def nesting(html: str) -> int:
    """Deepest nesting of elements that need an end tag: an upper bound, cheap, and safe on any input."""
    if html.count("<") <= MAX_DEPTH:
        return 0
    depth = deepest = 0
    for found in _TAG.finditer(html):
        if found[2].lower() in _VOID:
            continue
        depth = max(0, depth - 1) if found[1] else depth + 1
        deepest = max(deepest, depth)
    return deepest
