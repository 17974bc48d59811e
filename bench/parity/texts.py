"""The texts that are compared: documents of a crawl and seeded edits of them, remade from a golden file's addresses.

A golden file holds no text: a base is the sha256 of an extracted document and a range of its characters, an edited text
is a base, a rule, a seed and an amount.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from fastwarc.warc import ArchiveIterator, WarcRecordType

from bench.parity.edits import edit
from gristmill.errors import UserError
from spark_jobs.text.language import language
from spark_jobs.web.charset import charset_of, decode
from spark_jobs.web.engines import ExtractionError, engine

PIECE_CHARS = 2000
MIN_SCORE = 0.65
METADATA = b"gristmill.parity"


class ParityError(UserError):
    """Texts that cannot be remade."""


@dataclass(frozen=True)
class Base:
    """Characters `begin` to `end` of the document whose text has `sha256`; edits start from it."""

    sha256: str
    begin: int
    end: int


@dataclass(frozen=True)
class Golden:
    """What the peer said: one row per text; bit i of `fired` and `near` belongs to rules[i]."""

    rows: pa.Table
    rules: tuple[str, ...]
    bases: tuple[Base, ...]
    versions: dict[str, str]

    @classmethod
    def read(cls, path: Path) -> Golden:
        """Read a golden file."""
        rows = pq.read_table(path)
        about = json.loads(rows.schema.metadata[METADATA])
        return cls(rows, tuple(about["rules"]), tuple(Base(*base) for base in about["bases"]), about["versions"])

    @cached_property
    def long(self) -> pa.Array:
        """Which rows are texts of about 100,000 words, on which one rule alone was run."""
        return pa.array([aim == LONG_RULE for aim in self.rows.column("aim").to_pylist()])


LONG_RULE = "gopher_long_doc"


def crawl_texts(folder: Path) -> list[str]:
    """The distinct main texts (resiliparse) of all WARC files below a folder, in the order of their addresses."""
    found: dict[str, None] = {}
    extract = engine("resiliparse").extract
    for path in sorted(folder.glob("**/*.warc.gz")):
        with path.open("rb") as stream:
            for record in ArchiveIterator(stream, record_types=WarcRecordType.response, auto_decode="all"):
                http = record.http_headers
                if http is None or http.status_code != 200 or "html" not in (record.http_content_type or ""):
                    continue
                body = record.reader.read()
                with suppress(ExtractionError):
                    found[extract(decode(body, charset_of(body, http.get("Content-Type") or ""))[0]).text] = None
    return list(found)


def english(texts: Sequence[str]) -> list[str]:
    """Those that the language model takes for English."""
    labels = language(pa.array(range(len(texts)), pa.int64()), pa.array(texts, pa.string()))
    pairs = zip(texts, labels.column("language").to_pylist(), labels.column("score").to_pylist(), strict=True)
    return [text for text, code, score in pairs if code == "en" and score >= MIN_SCORE]


def pieces(text: str) -> list[tuple[int, int]]:
    """(begin, end) of pieces of about 2,000 characters to edit; what is left over is left out."""
    return [(at, at + PIECE_CHARS) for at in range(0, len(text) - PIECE_CHARS // 2, PIECE_CHARS)]


def remake(golden: Golden, rows: pa.Table, folder: Path) -> list[str]:
    """The text of each row; raises ParityError where the crawl or an edit gives another text than it did."""
    documents = {hashlib.sha256(text.encode()).hexdigest(): text for text in crawl_texts(folder)}
    lost = {base.sha256 for base in golden.bases} - set(documents)
    if lost:
        raise ParityError(
            f"{len(lost)} of the golden file's documents are not among the texts extracted from {folder}; "
            "if the resiliparse engine changed on purpose, make the golden file again: python -m bench.parity.golden"
        )
    bases = [documents[base.sha256][base.begin : base.end].strip() for base in golden.bases]
    return [_remade(row, bases) for row in rows.select(["base", "aim", "seed", "amount", "text"]).to_pylist()]


def _remade(row: dict[str, Any], bases: Sequence[str]) -> str:
    text: str = bases[row["base"]]
    if row["aim"]:
        text = edit(text, row["aim"], row["seed"], row["amount"])
    if hashlib.sha256(text.encode()).digest()[:8] != row["text"]:
        raise ParityError(
            f"the edit {row['aim']}/{row['seed']}/{row['amount']} gives another text than the peer judged; "
            "make the golden file again: python -m bench.parity.golden"
        )
    return text
