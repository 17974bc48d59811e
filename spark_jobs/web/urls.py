"""The canonical form of a URL, by which duplicates and opt-outs are found."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote

import idna

TRACKING = frozenset({
    "_ga", "_gl", "dclid", "fbclid", "feed", "gbraid", "gclid", "igshid", "jsessionid", "mc_cid", "mc_eid", "msclkid",
    "phpsessid", "ref", "ref_src", "ref_url", "twclid", "wbraid", "yclid",
})  # fmt: skip
"""Query parameters that name the visitor or the way in, not the page; so do all that begin with `utm_`."""

_TRIM = "".join(map(chr, range(33)))
_BREAKS = str.maketrans("", "", "\t\r\n")
_WEB = re.compile(r"(https?|ftp):[/\\]{2,}([^/\\?#]+)", re.IGNORECASE)
_PORT = re.compile(r":[0-9]*\Z")
_DEFAULT_PORTS = frozenset({"", ":", ":80", ":443"})
_PLAIN_HOST = re.compile(r"[a-z0-9.-]*\Z")
_ESCAPE = re.compile(r"%(?:([0-9A-Fa-f]{2}))?")
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_SAFE = "%!$&'()*+,;=:@/?~[]"
_PLAIN = re.compile(r"[A-Za-z0-9!$&'()*+,;=:@/~_.-]*\Z")


def host_of(url: str) -> str:
    """Host of a web URL in lower case and ASCII (IDNA), without port and final dot; "" where it has none."""
    found = _WEB.match(_trimmed(url))
    return _host_and_port(found[2])[0] if found else ""


def canonical(url: str) -> str:
    """One spelling for all addresses of a page. Never raises; a canonical URL is its own canonical form.

    Dropped: the fragment, user names, default ports, `www.`, a trailing slash of the path, tracking parameters
    and empty ones. `http` becomes `https`. Hosts are lower case and ASCII, dot segments resolved, percent-encoding
    is only where needed and in upper case; the parameters that stay are sorted by name, in stable order. These
    are C4's rules for duplicate URLs (scheme, `www.`, `utm_`, `ref`, `feed`, trailing slash), made precise.
    What is no web address with a host comes back without blanks around it.
    """
    url = _trimmed(url)
    found = _WEB.match(url)
    host, port = _host_and_port(found[2]) if found else ("", "")
    if found is None or not host:
        return url
    scheme = "ftp" if found[1].lower() == "ftp" else "https"
    while host.startswith("www.") and "." in host[4:]:
        host = host[4:]
    path, _, query = url[found.end() :].partition("#")[0].partition("?")
    result = f"{scheme}://{host}{port}{_path(path)}"
    return f"{result}?{kept}" if (kept := _query(query)) else result


def parents(host: str) -> Iterator[str]:
    """The host and the domains above it, the nearest first: a.b.org, b.org, org."""
    while host:
        yield host
        host = host.partition(".")[2]


def _trimmed(url: str) -> str:
    """Without blanks around it, line breaks and lone surrogates."""
    url = url.strip(_TRIM).translate(_BREAKS)
    return url if url.isascii() else url.encode("utf-8", "replace").decode()


def _host_and_port(authority: str) -> tuple[str, str]:
    host = authority.rpartition("@")[2].lower()
    found = _PORT.search(host)
    port = found[0] if found else ""
    host = host.removesuffix(port).rstrip(".")
    return _ascii(host), "" if port in _DEFAULT_PORTS else port


def _ascii(host: str) -> str:
    if _PLAIN_HOST.match(host):
        return host
    try:
        return idna.encode(host, uts46=True).decode().rstrip(".")
    except (UnicodeError, ValueError, IndexError):
        # No name that a resolver knows; only one spelling is asked for.
        return quote(host, safe="%[]:" if host.startswith("[") and host.endswith("]") else "%").lower()


def _escape(text: str) -> str:
    """Percent-encoding where it is needed, and in upper case."""
    return text if _PLAIN.match(text) else quote(_ESCAPE.sub(_unescape, text), _SAFE)


def _unescape(found: re.Match[str]) -> str:
    if found[1] is None:
        return "%25"
    byte = int(found[1], 16)
    return chr(byte) if byte in _UNRESERVED else found[0].upper()


def _path(path: str) -> str:
    path = _escape(path.replace("\\", "/"))
    if "/." in path:
        kept: list[str] = []
        for segment in path.split("/")[1:]:
            if segment == "..":
                del kept[-1:]
            elif segment != ".":
                kept.append(segment)
        path = "/" + "/".join(kept)
    return path.rstrip("/") or "/"


def _query(query: str) -> str:
    pairs = [_escape(pair) for pair in query.split("&") if pair.strip("=")]
    named = sorted(((pair.partition("=")[0], pair) for pair in pairs), key=lambda each: each[0])
    return "&".join(pair for name, pair in named if not _tracks(name.lower()))


def _tracks(name: str) -> bool:
    return name in TRACKING or name.startswith("utm_")
