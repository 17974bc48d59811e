"""The column families of the signals: what measures each of them, and what their recipes depend on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import pyarrow as pa

from gristmill.lake import Account, FileEntry, Lake, declared
from gristmill.settings import Settings
from gristmill.units import Stage, Unit, UnitOutput, UnitResult, run_unit
from spark_jobs.scoring.family import score_unit
from spark_jobs.text.content import content
from spark_jobs.text.heuristics import heuristics
from spark_jobs.text.languages import languages
from spark_jobs.text.lines import lines
from spark_jobs.text.minhash import minhash
from spark_jobs.text.pii import pii
from spark_jobs.web.url_lists import UrlLists
from spark_jobs.web.url_signals import url_signals


class Documents:
    """One documents file, read once for all families and only when one of them must be measured."""

    def __init__(self, lake: Lake, entry: FileEntry, lists: UrlLists) -> None:
        self.lake, self.entry, self.lists = lake, entry, lists

    @cached_property
    def batches(self) -> list[pa.RecordBatch]:
        """The rows in pieces that Arrow can address: those of a large table exceed 2 GiB of text together."""
        return list(self.lake.read_file(self.entry, ["doc_id", "url", "text"]).to_batches())


Measure = Callable[[pa.RecordBatch, pa.Array | None, UrlLists], pa.Table]
"""(doc_id, url, text; language of each where the family needs it; lists) -> the family's table"""


@dataclass(frozen=True)
class Family:
    """Bump `version` when the same text gives other values. `by_language`: it reads the language family."""

    name: str
    version: int
    measure: Measure
    by_language: bool = False
    url_lists: bool = False


FAMILIES = (
    Family("url", 1, lambda d, _, lists: url_signals(d["doc_id"], d["url"], lists), url_lists=True),
    Family("language", 2, lambda d, *_: languages(d["doc_id"], d["text"])),
    Family("heuristics", 4, lambda d, spoken, _: heuristics(d["doc_id"], d["text"], spoken), by_language=True),
    Family("lines", 3, lambda d, spoken, _: lines(d["doc_id"], d["text"], spoken), by_language=True),
    Family("content", 1, lambda d, spoken, _: content(d["doc_id"], d["text"], spoken), by_language=True),
    Family("pii", 1, lambda d, *_: pii(d["doc_id"], d["text"])),
    Family("minhash", 3, lambda d, *_: minhash(d["doc_id"], d["text"])),
)
"""Each has its own recipe and digest: a new version, or new lists, measures that family again and no other."""


class NoOptions(Settings):
    """A family measures everything; policies choose."""


def stages() -> list[Stage]:
    """One stage per family, in order."""
    return [Stage(f"annotate.{f.name}", f.version, (f.name,), NoOptions(), _compute(f)) for f in FAMILIES]


@lru_cache(maxsize=1)
def _lists(folder: Path | None) -> UrlLists:
    """Read once per process: with a folder of domain lists there may be millions of entries."""
    return UrlLists.load(folder)


def measure_unit(
    lake: Lake, unit: Unit, url_lists: Path | None, scores: Mapping[str, str] | None = None, snapshot: str = ""
) -> list[UnitResult]:
    """All families of one documents file (payload `entry`), each from its record when there is one.

    `url_lists`: folder of the domain lists. `scores`: the models (name -> digest) that score its documents. Raises
    UrlListError, ModelError.
    """
    entry: FileEntry = unit.payload["entry"]
    lists = _lists(url_lists)
    documents = Documents(lake, entry, lists)
    results: list[UnitResult] = []
    language: FileEntry | None = None
    for family, stage in zip(FAMILIES, stages(), strict=True):
        inputs = {"documents": entry.sha256}
        if family.by_language and language is not None:
            inputs["language"] = language.sha256
        if family.url_lists:
            inputs["lists"] = lists.digest
        own = Unit(unit.key, inputs, {"documents": documents, "language": language}, unit.weight)
        results.append(run_unit(lake, stage, own))
        language = results[-1][1].get("language", language)
    assert language is not None, "the language is a family"
    return results + score_unit(lake, unit, scores or {}, snapshot, documents, language)


def _compute(family: Family) -> Callable[[Lake, Unit, NoOptions], UnitOutput]:
    def compute(lake: Lake, unit: Unit, config: NoOptions) -> UnitOutput:
        documents: Documents = unit.payload["documents"]
        spoken: pa.Array | None = None
        if family.by_language:
            spoken = lake.read_file(unit.payload["language"], ["language"]).column("language").combine_chunks()
        parts, row = [declared(family.name).empty_table()], 0
        for batch in documents.batches:
            mine = None if spoken is None else spoken[row : row + batch.num_rows]
            parts.append(family.measure(batch, mine, documents.lists))
            row += batch.num_rows
        table = pa.concat_tables(parts)
        return UnitOutput({family.name: table}, {family.name: Account(documents.entry.rows, table.num_rows)})

    return compute
