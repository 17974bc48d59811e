"""What a page says about its use, and whether its capture is whole."""

from __future__ import annotations

import html as entities
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

HEAD_CHARS = 1 << 16
"""Meta tags are looked for before the body, and in so many first characters of a page at most."""

_SAYING = re.compile("robots|googlebot|tdm-reservation|&")
"""What a meta tag has, in lower case, if one of those names is in it; with `&` it may be spelt as references."""
_AGENTS = frozenset({"", "*", "robots", "googlebot"})
_NOINDEX = frozenset({"noindex", "none"})
_NOAI = frozenset({"noai", "noimageai"})
_VALUED = frozenset({"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"})
# No part can start inside another's match and run to its end, so one search is linear.
_TAG = re.compile(r"<!--|-->|<[mM][eE][tT][aA]\s([^<>]{1,2000})>")
_ATTRIBUTE = re.compile(r"""([a-zA-Z-]{1,40})\s{0,9}=\s{0,9}(?:"([^"]*)"|'([^']*)'|([^\s"'=]+))""")


@dataclass(frozen=True)
class Wishes:
    """`noindex`: search engines are asked not to list the page; `noai`: it is reserved against AI training."""

    noindex: bool = False
    noai: bool = False

    def __or__(self, other: Wishes) -> Wishes:
        return Wishes(self.noindex or other.noindex, self.noai or other.noai)


NO_WISHES = Wishes()


def wishes_of_headers(headers: Mapping[str, str]) -> Wishes:
    """From X-Robots-Tag and TDM-Reservation of an HTTP response (names in lower case)."""
    reserved = headers.get("tdm-reservation", "").strip() == "1"
    return _wishes(_directives(headers.get("x-robots-tag", ""))) | Wishes(noai=reserved)


def wishes_of_page(html: str) -> Wishes:
    """From the meta tags `robots`, `googlebot` and `tdm-reservation` of a page, comments left out."""
    found = Wishes()
    for attributes in _meta_tags(html):
        name, content = attributes.get("name", "").strip().lower(), attributes.get("content", "")
        if name in ("robots", "googlebot"):
            found |= _wishes(_directives(content))
        elif name == "tdm-reservation":
            found |= Wishes(noai=content.strip() == "1")
    return found


def is_truncated(headers: Mapping[str, str], http: Mapping[str, str], body_bytes: int) -> bool:
    """Whether the crawler says that it cut the record, or the body is shorter than HTTP's Content-Length.

    The length of an encoded body is not known here; one that is cut cannot be decoded and is no document.
    """
    if headers.get("warc-truncated", "").strip():
        return True
    if http.get("transfer-encoding") or http.get("content-encoding"):
        return False
    length = http.get("content-length", "").strip()
    return length.isascii() and length.isdigit() and body_bytes < int(length[:18])


def _meta_tags(html: str) -> Iterator[dict[str, str]]:
    hidden = False
    end = HEAD_CHARS
    for body in ("<body", "<BODY"):
        place = html.find(body, 0, end)
        end = end if place < 0 else place
    for tag in _TAG.finditer(html, 0, end):
        if tag[1] is None:
            hidden = tag[0] == "<!--"
        elif not hidden and _SAYING.search(tag[1].lower()):
            values = _ATTRIBUTE.findall(tag[1])
            yield {name.lower(): entities.unescape(a or b or c) for name, a, b, c in reversed(values)}


def _directives(text: str) -> Iterator[str]:
    """Directives for all robots or the search engine; `otherbot: noindex` begins those of another robot."""
    agent = ""
    for part in text.lower().split(","):
        name, colon, value = part.rpartition(":")
        name = name.strip()
        if colon and (name in _VALUED or " " in name):
            continue
        agent = name or agent
        if agent in _AGENTS:
            yield from value.split()


def _wishes(directives: Iterable[str]) -> Wishes:
    found = set(directives)
    return Wishes(bool(found & _NOINDEX), bool(found & _NOAI))
