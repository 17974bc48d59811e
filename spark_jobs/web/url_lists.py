"""Lists of domains and addresses by category, and of words, against which URLs are measured."""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import xxhash

from gristmill.errors import UserError
from gristmill.profile import PROJECT
from spark_jobs.web.urls import canonical, host_of

WORD_LISTS = ("banned_words.txt", "soft_banned_words.txt", "banned_subwords.txt")
WORDS = PROJECT / "data" / "blocklists" / "fineweb_urls"
_NOT_ALPHANUMERIC = re.compile(r"[^a-z0-9]+")
_PLAIN_DOMAIN = re.compile(r"[a-z0-9.-]+\Z")


class UrlListError(UserError):
    """Lists that cannot be read; the message names the file or folder."""


@dataclass(frozen=True)
class Categories:
    """Entries as sorted 64-bit hashes, each with the number of its category, so that millions fit in little memory."""

    hashes: npt.NDArray[np.uint64]
    numbers: npt.NDArray[np.uint16]

    def of(self, names: Sequence[str]) -> Iterator[tuple[int, int]]:
        """(position in `names`, number of a category) for every listing."""
        wanted = _hashes(names)
        first = np.searchsorted(self.hashes, wanted, "left")
        last = np.searchsorted(self.hashes, wanted, "right")
        for at in np.flatnonzero(last > first):
            for number in self.numbers[first[at] : last[at]]:
                yield int(at), int(number)


@dataclass(frozen=True)
class UrlLists:
    """`hard`, `soft`, `subwords`: lower-case words of letters and digits. `digest`: of the files, for the recipe."""

    hard: tuple[str, ...]
    soft: tuple[str, ...]
    subwords: tuple[str, ...]
    categories: tuple[str, ...]
    domains: Categories
    urls: Categories
    digest: str

    @staticmethod
    def load(domains: Path | None = None, words: Path = WORDS) -> UrlLists:
        """Under `domains` a folder per category, as UT1 has them, with files `domains` and `urls`, one entry a line;
        in `words` the WORD_LISTS. Each file may be compressed (.gz). Raises UrlListError.
        """
        read = _Files()
        hard, soft, subwords = (_words(read.lines(_file(words, name))) for name in WORD_LISTS)
        folders = _category_folders(domains)
        listed = {
            kind: [[c for e in read.lines(p) if (c := form(e))] if (p := _present(f / kind)) else [] for f in folders]
            for kind, form in (("domains", _domain), ("urls", _address))
        }
        names = tuple(folder.name for folder in folders)
        of_domains, of_urls = _categories(listed["domains"]), _categories(listed["urls"])
        return UrlLists(hard, soft, subwords, names, of_domains, of_urls, read.digest())


class _Files:
    """Reads lists and remembers what was read."""

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()

    def lines(self, path: Path) -> list[str]:
        try:
            data = path.read_bytes()
            data = gzip.decompress(data) if path.suffix == ".gz" else data
        except (OSError, EOFError) as error:
            raise UrlListError(f"{path}: cannot be read ({error}); correct the path of the URL lists") from None
        name = f"{path.parent.name}/{path.name.removesuffix('.gz')}"
        self._sha256.update(f"{name} {len(data)}\n".encode() + data)
        lines = (line.strip() for line in data.decode("utf-8", "replace").splitlines())
        return [line for line in lines if line and not line.startswith("#")]

    def digest(self) -> str:
        return self._sha256.hexdigest()


def url_key(canonical_url: str) -> str:
    """What lists of addresses hold: a URL without its scheme."""
    return canonical_url.partition("://")[2]


def _category_folders(root: Path | None) -> list[Path]:
    if root is None:
        return []
    if not root.is_dir():
        raise UrlListError(f"{root}: no such folder of URL lists; unpack one folder per category there")
    # Some of UT1's folders are other names of a category, as links.
    folders = sorted(p for p in root.iterdir() if p.is_dir() and not p.is_symlink())
    folders = [folder for folder in folders if _present(folder / "domains") or _present(folder / "urls")]
    if not folders:
        raise UrlListError(f"{root}: holds no folder with a file `domains` or `urls`; name the folder of categories")
    return folders


def _present(path: Path) -> Path | None:
    return next((p for p in (path, path.with_name(path.name + ".gz")) if p.is_file()), None)


def _file(folder: Path, name: str) -> Path:
    found = _present(folder / name)
    if found is None:
        raise UrlListError(f"{folder / name}: no such file; the folder of word lists needs {', '.join(WORD_LISTS)}")
    return found


def _words(lines: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({_NOT_ALPHANUMERIC.sub("", line.lower()) for line in lines} - {""}))


def _domain(entry: str) -> str:
    entry = entry.lower()
    if not _PLAIN_DOMAIN.match(entry):
        entry = host_of(f"https://{entry}")
    return entry.strip(".").removeprefix("www.")


def _address(entry: str) -> str:
    return url_key(canonical(entry if "://" in entry else f"https://{entry}"))


def _categories(listed: Sequence[Sequence[str]]) -> Categories:
    hashes = np.concatenate([np.zeros(0, np.uint64), *map(_hashes, listed)])
    numbers = np.repeat(np.arange(len(listed), dtype=np.uint16), [len(names) for names in listed])
    order = np.lexsort((numbers, hashes))
    return Categories(hashes[order], numbers[order])


def _hashes(names: Sequence[str]) -> npt.NDArray[np.uint64]:
    hashed = (xxhash.xxh3_64_intdigest(name.encode("utf-8", "surrogatepass")) for name in names)
    return np.fromiter(hashed, np.uint64, len(names))
