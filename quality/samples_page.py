"""The page of samples: filters by a form, 50 documents at a time, each with its decision and a form to mark it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from urllib.parse import urlencode

import pyarrow as pa
import pyarrow.compute as pc

from gristmill.errors import UserError
from gristmill.lake import Lake
from quality.marks import Mark, estimate, marks
from quality.views.layout import page as framed
from quality.views.links import Links
from quality.views.words import safe

PER_PAGE = 50
_LIGHT = ("kept", "rule", "pick", "language", "score", "host")
LONGEST = 300
"""Characters of a filter."""


class BadFilterError(UserError):
    """What was asked for cannot be looked for; the message says which field."""


@dataclass(frozen=True)
class Filters:
    """What to show; an empty field asks nothing. `kept` is yes or no, `host` a part of the host's name."""

    rule: str = ""
    language: str = ""
    host: str = ""
    pick: str = ""
    kept: str = ""
    score_from: float | None = None
    score_to: float | None = None
    page: int = 1

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Filters:
        """The filters of a query string. Raises BadFilterError."""
        rule, language, host, pick = (query.get(name, "")[:LONGEST] for name in ("rule", "language", "host", "pick"))
        if (kept := query.get("kept", "")) not in ("", "yes", "no"):
            raise BadFilterError("kept must be yes, no or empty")
        low, high = (_score(name, query.get(name, "")) for name in ("score_from", "score_to"))
        return cls(rule, language, host, pick, kept, low, high, page_number(query.get("page", "")))

    def query(self, page: int | None = None) -> str:
        """The query string of these filters, on another page where one is given; empty fields are left out."""
        values = {**vars(self), "page": self.page if page is None else page}
        return urlencode({name: value for name, value in values.items() if value not in ("", None)})


@dataclass(frozen=True)
class Visitor:
    """Who looks; `token` goes into the forms, and is empty for one who may not mark."""

    who: str
    token: str = ""


@dataclass(frozen=True)
class Found:
    """`rows` of the wanted page among `total`; how many samples each rule and language has in all."""

    rows: Sequence[Mapping[str, Any]]
    total: int
    rules: Sequence[tuple[str, int]]
    languages: Sequence[tuple[str, int]]


def samples_page(
    lake: Lake, pointer: Mapping[str, Any], filters: Filters, links: Links, visitor: Visitor, address: str
) -> str:
    """The whole page for the report that `pointer` names; `address` is where it is, without a query."""
    found = find(lake, pointer["samples"], filters)
    given = marks(lake, pointer["snapshot"], found.rows[0]["decisions"]) if found.rows else []
    pages = max(1, math.ceil(found.total / PER_PAGE))
    return framed(
        "samples.html", f"Samples: {safe(pointer['snapshot'], 80)}", links, "samples",
        snapshot=pointer["snapshot"], filters=filters, found=found, address=address, visitor=visitor,
        documents=[_document(row, given) for row in found.rows], precision=estimate(given),
        rules=_options(found.rules), languages=_options(found.languages),
        number=filters.page, pages=pages, first=(filters.page - 1) * PER_PAGE + 1,
        before=filters.query(filters.page - 1) if filters.page > 1 else "",
        after=filters.query(filters.page + 1) if filters.page < pages else "",
    )  # fmt: skip


def find(lake: Lake, digest: str, filters: Filters) -> Found:
    """Looks through the small columns, then reads the texts of the files that hold the rows of the page."""
    files = lake.manifest(digest).files
    light = lake.read(digest, _LIGHT)
    places = pc.indices_nonzero(_wanted(light, filters)).to_pylist()
    shown = places[(filters.page - 1) * PER_PAGE : filters.page * PER_PAGE]
    rows: list[Mapping[str, Any]] = []
    start = 0
    for entry in files:
        mine = [place - start for place in shown if start <= place < start + entry.rows]
        rows += lake.read_file(entry).take(mine).to_pylist() if mine else []
        start += entry.rows
    return Found(rows, len(places), _counted(light.column("rule")), _counted(light.column("language")))


def sample_of(lake: Lake, digest: str, doc_id: int) -> Mapping[str, Any] | None:
    """The decision, pick and evidence of one sample; None where the document is no sample."""
    columns = ["doc_id", "rule", "pick", "decisions"]
    for entry in lake.manifest(digest).files:
        table = lake.read_file(entry, columns)
        for row in table.filter(pc.equal(table.column("doc_id"), doc_id)).to_pylist():
            found: Mapping[str, Any] = row
            return found
    return None


def _wanted(light: pa.Table, filters: Filters) -> pa.ChunkedArray:
    """True for the rows that every filter lets pass."""
    score = light.column("score")
    tests = [pc.is_valid(light.column("rule"))]
    same = [name for name in ("rule", "language", "pick") if getattr(filters, name)]
    tests += [pc.equal(light.column(name), getattr(filters, name)) for name in same]
    tests += [pc.match_substring(light.column("host"), filters.host.lower())] if filters.host else []
    tests += [pc.equal(light.column("kept"), filters.kept == "yes")] if filters.kept else []
    tests += [pc.greater_equal(score, filters.score_from)] if filters.score_from is not None else []
    tests += [pc.less_equal(score, filters.score_to)] if filters.score_to is not None else []
    wanted = tests[0]
    for test in tests[1:]:
        wanted = pc.and_(wanted, pc.fill_null(test, False))
    return wanted


def _counted(column: pa.ChunkedArray) -> list[tuple[str, int]]:
    """(value, rows), the most frequent first."""
    counts = Counter(value for value in column.to_pylist() if value)
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))


def _options(counted: Sequence[tuple[str, int]]) -> list[tuple[str, str]]:
    """(value, what is shown) of a choice; the first thousand, as a page must stay small."""
    return [(value, f"{safe(value, 60)} ({count:,})") for value, count in counted[:1000]]


def _document(row: Mapping[str, Any], given: Sequence[Mark]) -> dict[str, Any]:
    """What the template shows of one document."""
    code = row["language"] or ""
    lang = code if code.isascii() and code.isalpha() and len(code) <= 3 and code != "und" else ""
    mine = [mark for mark in given if mark.doc_id == row["doc_id"]]
    return {**row, "lang": lang, "passages": passages(row), "marks": mine}


def passages(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(why, text) of the runs of lines that stay ("") or were dropped for one reason, without harmful characters."""
    rule, repeated = set(row["rule_lines"] or ()), set(row["repeated_lines"] or ())
    lines = [
        ("line rule" if number in rule else "repeated on this host" if number in repeated else "", safe(line, 4000))
        for number, line in enumerate((row["text"] or "").splitlines())
    ]
    return [(why, "\n".join(line for _, line in run)) for why, run in groupby(lines, key=lambda pair: pair[0])]


def _score(name: str, text: str) -> float | None:
    try:
        value = float(text[:LONGEST]) if text.strip() else None
    except ValueError:
        value = math.nan
    if value is not None and not math.isfinite(value):
        raise BadFilterError(f"{name.replace('_', ' ')} must be a number such as 0.65")
    return value


def page_number(text: str) -> int:
    """The number of a page as a query string has it; 1 for none. Raises BadFilterError."""
    if not text:
        return 1
    if not (text.isascii() and text.isdigit() and len(text) <= 6 and int(text) > 0):
        raise BadFilterError("page must be a number from 1 on")
    return int(text)
