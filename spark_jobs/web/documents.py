"""One crawl file to documents and rejects: every record becomes one or the other."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from gristmill.lake import Account
from gristmill.schemas import OFFSET_BITS
from gristmill.settings import Settings
from gristmill.source import local_copy, mapped
from spark_jobs.web.archives import UnknownFormat, layout_of, read_archive
from spark_jobs.web.caps import Caps
from spark_jobs.web.drafts import Draft, draft_of_record, draft_of_row, page_of_row, refusal, source_of
from spark_jobs.web.engines import Engine, ExtractionError, engine
from spark_jobs.web.isolation import FAILED, KILLED, TIMEOUT, IsolatedParser, Limits
from spark_jobs.web.optout import OptOut
from spark_jobs.web.page import Page, Source, read_page
from spark_jobs.web.tables import Blank, Row, read_table, table_kind
from spark_jobs.web.warc import TYPES, Damage, Record

Sink = Callable[[list[dict[str, Any]]], None]
Item = Record | Damage | Row | Blank
Offsets = Literal["file", "stream", "row"]

DAMAGE_REASON = "corrupt"
CAPS = frozenset({"too_large", "compression_bomb"})
QUARANTINED = CAPS | {DAMAGE_REASON, "bad_row", TIMEOUT, KILLED, FAILED}
"""Reasons of rejects that were not judged, because they could not be read."""

OTHER_TYPES = frozenset({
    "continuation", "filedesc", "metadata", "request", "revisit", "skippable", "warcinfo",
})  # fmt: skip
TEXT_EXTRACTOR, TABLE_EXTRACTOR = "text-1", "table-1"

_BATCH_PAGES, _BATCH_BYTES, _BATCH_ITEMS = 32, 1 << 20, 256
_SINK_ROWS, _SINK_CHARS = 64, 8 << 20
_MEMORY, _MEMORY_PER_BYTE = 1 << 30, 64
_WARM_PAGE = "<html><body><p>A page that loads what the engine loads at its first use.</p></body></html>"


class ExtractConfig(Settings):
    """`engine` finds the main content. A record that inflates to more than `max_record_bytes`, or to more than
    `max_ratio` times its stored bytes, is quarantined, as is a page that takes more than `max_parse_seconds` of
    processor time. `opt_out`: a list of pages that are left out before they are read.
    """

    engine: Literal["gristmill", "resiliparse", "trafilatura"] = "gristmill"
    max_record_bytes: int = Field(default=16 << 20, ge=1 << 10, le=1 << 30)
    max_ratio: float = Field(default=200, gt=1)
    max_parse_seconds: float = Field(default=20, gt=0)
    opt_out: Path | None = None


@dataclass(frozen=True)
class Extraction:
    """Result of one file of `bytes`. `offsets`: what the offset in its ids counts, bytes of the `file`, bytes of the
    inflated `stream`, or a `row`. `opt_out`: digest of the list that was applied.
    """

    sha256: str
    bytes: int
    account: Account
    offsets: Offsets
    opt_out: str


def extract_file(path: str, file_index: int, config: ExtractConfig, documents: Sink, rejects: Sink) -> Extraction:
    """Read a file (WARC, ARC, Parquet, JSON lines; local or by URL) once, its rows going to the sinks as they come.

    A sink is called with rows of small batches, ids ascending from call to call. Memory is bounded by the record
    cap, not by the file. Raises OSError, and a UserError for a file of an unknown kind or a list that is not valid.
    """
    opt_out = OptOut.of(config.opt_out)
    found = engine(config.engine)
    # Loaded here, so that each new process has it from the start.
    with suppress(ExtractionError):
        found.extract(_WARM_PAGE)
    limits = Limits(config.max_parse_seconds, _MEMORY + _MEMORY_PER_BYTE * config.max_record_bytes)
    with (
        local_copy(path) as local,
        mapped(local) as view,
        IsolatedParser(partial(read_page, engine=found), limits) as parser,
    ):
        digest = hashlib.sha256(view).hexdigest()
        job = _Job(file_index << OFFSET_BITS, opt_out, found, parser, _Outlet(documents), _Outlet(rejects))
        offsets, items = _items(view, config)
        for item in items:
            job.take(item)
        job.finish()
        return Extraction(digest, len(view), job.account(), offsets, opt_out.digest)


def _items(data: memoryview, config: ExtractConfig) -> tuple[Offsets, Iterator[Item]]:
    kind = table_kind(data)
    if kind is not None:
        return "row", read_table(data, kind, config.max_record_bytes, config.max_ratio)
    caps = Caps(config.max_record_bytes, config.max_ratio)
    try:
        return layout_of(data, caps).offsets, read_archive(data, caps)
    except UnknownFormat:
        # One such file among thousands is for the gate on lost bytes to weigh.
        return "file", iter([Damage(0, len(data), "unknown_format")] if data else [])


class _Outlet:
    """Rows on their way to a sink."""

    def __init__(self, sink: Sink) -> None:
        self._sink, self._rows, self._chars = sink, list[dict[str, Any]](), 0

    def add(self, row: dict[str, Any]) -> None:
        self._rows.append(row)
        self._chars += len(row.get("text") or "")
        if len(self._rows) >= _SINK_ROWS or self._chars >= _SINK_CHARS:
            self.flush()

    def flush(self) -> None:
        if self._rows:
            self._sink(self._rows)
        self._rows, self._chars = [], 0


class _Job:
    """One file: while the parser has one batch, the next is read."""

    def __init__(
        self, base: int, opt_out: OptOut, engine: Engine, parser: IsolatedParser, documents: _Outlet, rejects: _Outlet
    ) -> None:
        self._base, self._opt_out, self._parser = base, opt_out, parser
        self._extractor = f"{engine.name}-{engine.version}"
        self._documents, self._rejects = documents, rejects
        self._reading: list[tuple[Draft, Source | Page | str]] = []
        self._parsing: list[tuple[Draft, Source | Page | str]] = []
        self._pages = self._page_bytes = self._read = self._out = 0
        self._removed: Counter[str] = Counter()
        self._other: Counter[str] = Counter()

    def take(self, item: Item) -> None:
        """The next record, row or damage of the file."""
        if isinstance(item, Blank) or (isinstance(item, Record) and item.type not in TYPES):
            self._other[_other_kind(item)] += 1
            return
        # Counted here, not from the rows, so that the balance shows a record that became none.
        self._read += 1
        draft, outcome = self._draft(item)
        self._reading.append((draft, outcome))
        if isinstance(outcome, Source):
            self._pages += 1
            self._page_bytes += len(outcome.body)
        if self._pages >= _BATCH_PAGES or self._page_bytes >= _BATCH_BYTES or len(self._reading) >= _BATCH_ITEMS:
            self._turn()

    def finish(self) -> None:
        """Whatever is on its way goes to the sinks."""
        self._turn()
        self._turn()
        self._documents.flush()
        self._rejects.flush()

    def account(self) -> Account:
        """The balance of the file."""
        removed = {reason: n for reason, n in sorted(self._removed.items()) if reason not in QUARANTINED}
        quarantined = sum(n for reason, n in self._removed.items() if reason in QUARANTINED)
        return Account(self._read, self._out, removed, quarantined, dict(sorted(self._other.items())))

    def _draft(self, item: Record | Damage | Row) -> tuple[Draft, Source | Page | str]:
        if isinstance(item, Damage):
            # What a cap stopped is there to be read with another one; the rest is lost.
            reason = item.reason if item.reason in CAPS else DAMAGE_REASON
            return Draft(self._base | item.offset, None, None, item.reason, item.bytes), reason
        if isinstance(item, Row):
            draft = draft_of_row(item, self._base)
            return draft, item.problem or self._opted_out(draft) or page_of_row(item)
        draft = draft_of_record(item, self._base)
        if draft.url is None and item.problem is None:
            return draft, "no_url"
        return draft, self._opted_out(draft) or refusal(item) or source_of(item)

    def _opted_out(self, draft: Draft) -> str | None:
        found = draft.canonical_url is not None and self._opt_out.match(draft.canonical_url)
        return "opted_out" if found else None

    def _turn(self) -> None:
        """Take the batch that is parsed, hand over the one that is read, and let go of the former."""
        pages = iter(self._parser.collect())
        done, self._parsing, self._reading = self._parsing, self._reading, []
        self._pages = self._page_bytes = 0
        self._parser.submit([outcome for _, outcome in self._parsing if isinstance(outcome, Source)])
        for draft, outcome in done:
            if isinstance(outcome, Source):
                extractor = self._extractor if outcome.html else TEXT_EXTRACTOR
                self._emit(draft, next(pages), extractor)
            else:
                self._emit(draft, outcome, TABLE_EXTRACTOR)

    def _emit(self, draft: Draft, outcome: Page | str, extractor: str) -> None:
        reason = outcome if isinstance(outcome, str) else outcome.problem
        if isinstance(outcome, Page) and reason is None:
            self._out += 1
            self._documents.add(draft.document(outcome, extractor))
        else:
            assert reason is not None
            self._removed[reason] += 1
            self._rejects.add(draft.reject(reason))


def _other_kind(item: Record | Blank) -> str:
    """One of a few names, whatever a file calls its records."""
    if isinstance(item, Blank):
        return "blank_line"
    return item.type if item.type in OTHER_TYPES else "unknown"
