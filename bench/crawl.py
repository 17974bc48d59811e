"""A large crawl from a small one: real pages, rewritten with sentences of other pages of the same language.

Each file has the structure of a crawler's (one gzip member per record, warcinfo first). Of the pages, 4 percent are
exact copies of an earlier page under another address and 12 percent near copies (a few sentences differ); the others
share no more than a third of their sentences with any one page. Time and memory: linear in pages, one file at a time;
the same arguments give the same bytes.

    python -m bench.crawl ../shared/data/crawl/demo work/bench/crawl --files 24 --pages 500
"""

from __future__ import annotations

import argparse
import gzip
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pyarrow as pa
from fastwarc.warc import ArchiveIterator, WarcRecordType

from gristmill.errors import UserError
from gristmill.process import run_main, say
from spark_jobs.text.language import language

EXACT, NEAR = 0.04, 0.12
REPLACED, REPLACED_NEAR, REPLACED_WORDS = 0.75, 0.03, 0.12
"""Shares of a page's sentences that are replaced, in a new page and in a near copy; of the words of a replacement."""

LOOKBACK = 400
"""A copy is of one of this many pages before it."""

SENTENCE = 40
_MARKUP = re.compile(rb"(?is)<(script|style|title)\b.*?</\1\s*>|<!--.*?-->|<[^>]*>")
_ENDS = re.compile(rb"(?<=[.!?])\s+")
Pieces = list[tuple[bytes, bool]]


class NoPages(UserError):
    """A folder without usable pages."""


@dataclass(frozen=True)
class Page:
    """A response; `pieces` are (bytes, whether it is a sentence that may be replaced)."""

    head: bytes
    pieces: Pieces
    group: str


def pages(folder: Path) -> list[Page]:
    """All HTML pages of the WARC files below a folder; raises NoPages."""
    bodies: list[tuple[bytes, bytes]] = []
    for path in sorted(folder.glob("**/*.warc.gz")):
        with path.open("rb") as stream:
            for record in ArchiveIterator(stream, record_types=WarcRecordType.response, auto_decode="all"):
                http = record.http_headers
                if http is not None and http.status_code == 200 and "html" in (record.http_content_type or ""):
                    bodies.append((f"Content-Type: {http.get('Content-Type')}\r\n".encode(), record.reader.read()))
    if not bodies:
        raise NoPages(f"there is no HTML page in the WARC files below {folder}; give the folder of a crawl")
    cut = [_pieces(body) for _, body in bodies]
    plain = [b" ".join(piece for piece, is_text in pieces if is_text)[:4000].decode("utf-8", "replace")
             for pieces in cut]  # fmt: skip
    codes = language(pa.array(range(len(plain)), pa.int64()), pa.array(plain)).column("language").to_pylist()
    charsets = ["utf-8" if _is_utf8(body) else "other" for _, body in bodies]
    return [Page(head, pieces, f"{code}/{charset}")
            for (head, _), pieces, code, charset in zip(bodies, cut, codes, charsets, strict=True)]  # fmt: skip


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _pieces(body: bytes) -> Pieces:
    pieces: Pieces = []
    place = 0
    for found in _MARKUP.finditer(body):
        pieces += _sentences(body[place : found.start()])
        pieces.append((found[0], False))
        place = found.end()
    return pieces + _sentences(body[place:])


def _sentences(text: bytes) -> Pieces:
    if len(text) < SENTENCE:
        return [(text, False)] if text else []
    parts: Pieces = []
    place = 0
    for found in [*_ENDS.finditer(text), None]:
        end = found.start() if found else len(text)
        parts.append((text[place:end], end - place >= SENTENCE))
        if found:
            parts.append((found[0], False))
            place = found.end()
    return parts


class Rewriter:
    """Draws pages; `pool` holds the sentences of each language and charset."""

    def __init__(self, source: list[Page], seed: int) -> None:
        self.source, self.rng = source, Random(seed)  # noqa: S311 - reproducible on purpose
        self.pool: dict[str, list[bytes]] = defaultdict(list)
        for page in source:
            self.pool[page.group] += [piece for piece, is_text in page.pieces if is_text]
        self.recent: list[Page] = []

    def draw(self) -> Page:
        """The next page."""
        chance = self.rng.random()
        if self.recent and chance < EXACT + NEAR:
            page = self.rng.choice(self.recent)
            page = page if chance < EXACT else self._rewritten(page, REPLACED_NEAR)
        else:
            page = self._rewritten(self.rng.choice(self.source), REPLACED)
        self.recent = [*self.recent[-LOOKBACK + 1 :], page]
        return page

    def _rewritten(self, page: Page, share: float) -> Page:
        pool = self.pool[page.group]
        pieces = [(self._sentence(pool) if is_text and self.rng.random() < share else piece, is_text)
                  for piece, is_text in page.pieces]  # fmt: skip
        return Page(page.head, pieces, page.group)

    def _sentence(self, pool: list[bytes]) -> bytes:
        """A sentence of another page, a few of its words from a third one."""
        words = self.rng.choice(pool).split(b" ")
        if len(words) > 4:
            other = self.rng.choice(pool).split(b" ")
            for i in range(len(words)):
                if self.rng.random() < REPLACED_WORDS:
                    words[i] = self.rng.choice(other)
        return b" ".join(words)


def records(rewriter: Rewriter, file: int, count: int) -> Iterator[bytes]:
    """The records of one file, uncompressed."""
    yield _record("warcinfo", None, "application/warc-fields", b"software: bench\r\n", f"{file:06d}-info")
    for number in range(count):
        page = rewriter.draw()
        body = b"".join(piece for piece, _ in page.pieces)
        head = b"HTTP/1.1 200 OK\r\n" + page.head + f"Content-Length: {len(body)}\r\n\r\n".encode()
        host = rewriter.rng.randrange(5000)
        url = f"http://site{host}.example/{file}/{number}.html"
        yield _record("response", url, "application/http; msgtype=response", head + body, f"{file:06d}-{number:06d}")


def _record(kind: str, url: str | None, content_type: str, block: bytes, number: str) -> bytes:
    fields = [f"WARC-Type: {kind}", f"WARC-Record-ID: <urn:bench:{number}>", "WARC-Date: 2026-01-05T10:00:00Z",
              f"Content-Type: {content_type}", f"Content-Length: {len(block)}"]  # fmt: skip
    fields += [f"WARC-Target-URI: {url}"] if url else []
    fields += ["WARC-Identified-Payload-Type: text/html"] if url else []
    return "\r\n".join(["WARC/1.0", *fields, "", ""]).encode() + block + b"\r\n\r\n"


def make(source: Path, target: Path, files: int, count: int, seed: int = 1) -> list[Path]:
    """Write `files` WARC files of `count` pages; those of an earlier call with the same source and counts are kept."""
    target.mkdir(parents=True, exist_ok=True)
    paths = [target / f"bench-{number:05d}.warc.gz" for number in range(files)]
    if all(path.exists() for path in paths):
        return paths
    rewriter = Rewriter(pages(source), seed)
    for number, path in enumerate(paths):
        partial = path.with_suffix(".partial")
        with partial.open("wb") as out:
            for record in records(rewriter, number, count):
                out.write(gzip.compress(record, 6, mtime=0))
        partial.replace(path)
    say(f"{files} files of {count} pages in {target}")
    return paths


def main(argv: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="folder with a small crawl's WARC files")
    parser.add_argument("target", type=Path, help="folder to write to")
    parser.add_argument("--files", type=int, default=24)
    parser.add_argument("--pages", type=int, default=500, help="pages per file (default: 500)")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args(argv)
    make(args.source, args.target, args.files, args.pages, args.seed)


if __name__ == "__main__":
    run_main(main)
