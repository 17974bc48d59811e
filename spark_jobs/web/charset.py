"""Bytes of a page to text: the charset from byte order mark, header, meta tag and detection, and its decoding."""

from __future__ import annotations

import re

from resiliparse.parse.encoding import detect_encoding, map_encoding_to_html5

META_BYTES = 4096

_META_CHARSET = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([A-Za-z0-9_.:-]{2,40})""", re.IGNORECASE)
_HEADER_CHARSET = re.compile(r"""charset\s*=\s*["']?\s*([A-Za-z0-9_.:-]{2,40})""", re.IGNORECASE)
_KOREAN_LABELS = frozenset({"cp949", "ms949", "uhc"})
_SUPERSETS = {"euc_kr": "cp949", "shift_jis": "cp932", "gbk": "gb18030", "big5": "big5hkscs", "iso8859-11": "cp874"}
"""Labels that the Web uses for a larger set than their name says."""

_SINGLE_BYTE = re.compile(r"cp(?:125[0-8]|866|874)|iso8859-|koi8-|mac-")
"""Codecs that read any bytes, or nearly any: that they fit says nothing."""

_BYTE_ORDER_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_CONTROLS = bytes(byte for byte in (*range(32), 127) if chr(byte) not in "\t\n\r")
_UNSAFE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def clean(text: str) -> str:
    """Text without control characters (tab and line ends stay) and lone surrogates."""
    try:
        data = text.encode()
    except UnicodeEncodeError:
        return _UNSAFE.sub("", text)
    # Most texts have none, which bytes show faster than a search in characters.
    kept = data.translate(None, _CONTROLS)
    return text if len(kept) == len(data) else kept.decode()


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
    doubtful = _SINGLE_BYTE.match(charset) is not None and not body.isascii()
    for name in ("utf-8", charset) if doubtful else (charset, "utf-8"):
        try:
            return body.decode(name).removeprefix("\ufeff"), name
        except UnicodeDecodeError:
            continue
    return body.decode(charset, "replace"), charset
