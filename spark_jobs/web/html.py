"""HTML bytes to text: charset from header, meta and detection; main content by resiliparse."""

from __future__ import annotations

import re
from dataclasses import dataclass

from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.encoding import detect_encoding, map_encoding_to_html5
from resiliparse.parse.html import HTMLTree

EXTRACTOR = "resiliparse"
META_BYTES = 4096
MAX_DEPTH = 512
"""Where browsers cap their trees. Extraction takes time with the square of the depth, so deeper is refused."""

_DEEPER = ">".join(["*"] * (MAX_DEPTH + 1))
_META_CHARSET = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([A-Za-z0-9_.:-]{2,40})""", re.IGNORECASE)
_HEADER_CHARSET = re.compile(r"""charset\s*=\s*["']?\s*([A-Za-z0-9_.:-]{2,40})""", re.IGNORECASE)
_FORMATTING = re.compile(r"<(\\?/)?([bBiIsSuU]|(?i:big|code|em|font|small|strike|strong|tt))(?=[\s/>])")
_KOREAN_LABELS = frozenset({"cp949", "ms949", "uhc"})
_SUPERSETS = {"euc_kr": "cp949", "shift_jis": "cp932", "gbk": "gb18030", "big5": "big5hkscs", "iso8859-11": "cp874"}
"""Labels that the Web uses for a larger set than their name says."""

_BYTE_ORDER_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_UNSAFE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True)
class Extracted:
    """`problem` names why there is no text."""

    text: str
    title: str | None
    charset: str
    problem: str | None = None


def charset_of(body: bytes, content_type: str) -> str:
    """Python's codec for a page: by byte order mark, header, meta, then detection."""
    for mark, name in _BYTE_ORDER_MARKS:
        if body.startswith(mark):
            return name
    found = _HEADER_CHARSET.search(content_type)
    if found and (known := codec_of(found[1])):
        return known
    meta = _META_CHARSET.search(body[:META_BYTES])
    if meta and (known := codec_of(meta[1].decode("ascii"))):
        # A meta tag that can be read as ASCII is not in UTF-16, whatever it says.
        return "utf-8" if known.startswith("utf-16") else known
    # Valid UTF-8 is UTF-8, unless it is ASCII with the escapes of ISO-2022.
    if b"\x1b" not in body and _is_utf8(body):
        return "utf-8"
    return codec_of(detect_encoding(body, html5_compatible=False) or "") or "utf-8"


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def codec_of(label: str) -> str | None:
    """Python's codec for a charset label, read as WHATWG does (iso-8859-1 is windows-1252); None: not of the Web."""
    if label.lower() in _KOREAN_LABELS:
        return "cp949"
    name = map_encoding_to_html5(label, fallback_utf8=False)
    return None if name is None else _SUPERSETS.get(name, str(name))


def decode(body: bytes, charset: str) -> tuple[str, str]:
    """(text, charset that it was read with): a page that is whole UTF-8 but says otherwise is UTF-8, and damaged
    bytes cost themselves, not the page."""
    for name in (charset, "utf-8"):
        try:
            return body.decode(name).removeprefix("\ufeff"), name
        except UnicodeDecodeError:
            continue
    return body.decode(charset, "replace"), charset


def extract(body: bytes, content_type: str) -> Extracted:
    """Main text and title of an HTML page; never raises on hostile input."""
    html, charset = decode(body, charset_of(body, content_type))
    if unclosed_formatting(html) > MAX_DEPTH:
        return Extracted("", None, charset, "too_deep")
    try:
        tree = HTMLTree.parse(html)
        if html.count("<") > MAX_DEPTH and _too_deep(tree):
            return Extracted("", None, charset, "too_deep")
        text = extract_plain_text(tree, main_content=True, preserve_formatting=True, alt_texts=False)
        title = tree.title
    except (ValueError, RuntimeError, UnicodeError):
        return Extracted("", None, charset, "bad_html")
    text = _UNSAFE.sub("", text).strip()
    title = " ".join(_UNSAFE.sub("", title or "").split()) or None
    return Extracted(text, title, charset, None if text else "no_text")


def _too_deep(tree: HTMLTree) -> bool:
    return tree.document is not None and tree.document.query_selector(_DEEPER) is not None


def unclosed_formatting(html: str) -> int:
    """Most elements such as <b> and <font> open at once; 0 where there cannot be too many.

    A parser opens all of them again in each block that follows, so time and memory grow with the square.
    """
    if html.count("<") <= MAX_DEPTH:
        return 0
    count: dict[str, int] = {}
    most = total = 0
    for end, name in _FORMATTING.findall(html):
        name = name.lower()
        if not end:
            count[name] = count.get(name, 0) + 1
            total += 1
            most = max(most, total)
        elif count.get(name):
            count[name] -= 1
            total -= 1
    return most
