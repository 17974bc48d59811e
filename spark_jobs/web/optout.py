"""The opt-out list: pages whose owners asked to be left out. It acts before extraction."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from gristmill.errors import UserError
from gristmill.settings import nearest
from spark_jobs.web.urls import canonical, host_of, parents

KINDS = ("domain", "prefix", "url")


class OptOutError(UserError):
    """A list that cannot be used; the message names the line and what to write instead."""


@dataclass(frozen=True)
class OptOut:
    """Entries in canonical form. `digest`: sha256 of the sorted entries, for the recipe."""

    domains: frozenset[str] = frozenset()
    prefixes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    urls: frozenset[str] = frozenset()
    digest: str = hashlib.sha256().hexdigest()

    @staticmethod
    def of(path: Path | None) -> OptOut:
        """The list that a profile names; without one nothing is covered."""
        return OptOut.load(path) if path else OptOut()

    @staticmethod
    def load(path: Path) -> OptOut:
        """The list in a UTF-8 file of lines `domain NAME`, `prefix URL` and `url URL`; # starts a comment line.

        Raises OptOutError with the number of the first bad line.
        """
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise OptOutError(f"{path}: cannot be read as UTF-8 text ({error}); correct the profile's path") from None
        entries: dict[str, set[str]] = {kind: set() for kind in KINDS}
        for number, line in enumerate(lines, 1):
            if line.strip() and not line.lstrip().startswith("#"):
                kind, value = _entry(line, f"{path}, line {number}")
                entries[kind].add(value)
        return _opt_out(entries)

    def match(self, url: str) -> str | None:
        """The entry that covers `url`, which is canonical, or None."""
        if not (self.domains or self.prefixes or self.urls):
            return None
        host = host_of(url)
        for domain in parents(host):
            if domain in self.domains:
                return f"domain {domain}"
        if url in self.urls:
            return f"url {url}"
        # A prefix that ends with a slash also covers the page whose canonical form lost it, with any query.
        for prefix in self.prefixes.get(host, ()):
            if url.startswith(prefix) or url.partition("?")[0] + "/" == prefix:
                return f"prefix {prefix}"
        return None


def _entry(line: str, where: str) -> tuple[str, str]:
    kind, _, value = line.strip().partition(" ")
    value = value.strip()
    if kind not in KINDS:
        raise OptOutError(f"{where}: unknown kind '{kind}'{nearest(kind, list(KINDS))}")
    if not value or len(value.split()) > 1:
        raise OptOutError(f"{where}: write `{kind}` and one {'name' if kind == 'domain' else 'URL'}")
    url = canonical(f"https://{value}" if kind == "domain" else value)
    host = host_of(url)
    if not host:
        raise OptOutError(f"{where}: '{value}' has no host; write a full address such as https://example.org/page")
    if kind == "domain":
        if url != f"https://{host}/":
            raise OptOutError(f"{where}: '{value}' is more than a domain; write `prefix https://{value}`")
        return kind, host
    if kind == "prefix":
        if "?" in value or "#" in value:
            raise OptOutError(f"{where}: a prefix ends before the query; drop what follows '?' or '#', or write `url`")
        return kind, url + "/" * (value.endswith("/") and not url.endswith("/"))
    return kind, url


def _opt_out(entries: dict[str, set[str]]) -> OptOut:
    prefixes: dict[str, tuple[str, ...]] = {}
    for prefix in sorted(entries["prefix"]):
        prefixes[host_of(prefix)] = (*prefixes.get(host_of(prefix), ()), prefix)
    text = "".join(f"{kind} {value}\n" for kind in KINDS for value in sorted(entries[kind]))
    digest = hashlib.sha256(text.encode()).hexdigest()
    return OptOut(frozenset(entries["domain"]), prefixes, frozenset(entries["url"]), digest)
