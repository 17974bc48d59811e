"""Lines that many pages of one host share, as a line mask per document: the second dataset of deduplicate.

Works on the hashes of lines. A page counts once, whatever its copies: of documents with the same content on one host,
or with one canonical URL, the first alone is counted. Lines are counted in parts of their key, so memory is bounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic import Field

from gristmill.lake import FileEntry, Lake, Manifest
from gristmill.ledger import Attempt
from gristmill.process import say
from gristmill.schemas import SCHEMAS
from gristmill.settings import Settings
from gristmill.units import Stage, Unit, UnitOutput, in_process, in_threads, run_stage
from spark_jobs.clusters.addresses import string_hashes
from spark_jobs.clusters.repeated import (
    Counts,
    Hashes,
    Ids,
    count_keys,
    line_keys,
    line_masks,
    merge_counts,
    pages_needed,
    repeated_lines,
)
from spark_jobs.stage import StageContext
from spark_jobs.text.unicode import utf8_buffers

NAME, VERSION = "boilerplate", 1
LINES_AT_ONCE = 40_000_000
"""About so many lines are counted at a time: 4 GB where no two of them are equal, 95 bytes each."""


class BoilerplateConfig(Settings):
    """Which lines of a host are boilerplate, and when a mask is not used.

    A line of at least `min_bytes`, folded and in UTF-8, must be on `min_pages` pages of the host and on `min_share` of
    them. A document keeps all of its lines where those found have more than `max_share` of its bytes: a page that is
    boilerplate alone is a matter for rules.
    """

    min_pages: int = Field(default=20, ge=2)
    min_share: float = Field(default=0.05, gt=0, le=1)
    min_bytes: int = Field(default=30, ge=1)
    max_share: float = Field(default=0.6, gt=0, le=1)


@dataclass(frozen=True)
class PageLines:
    """The lines of one file's documents: `starts` (n + 1) of each in `lines`, `keys` of the lines."""

    doc_id: Ids
    starts: Ids
    lines: Hashes
    keys: Hashes


@dataclass(frozen=True)
class Hosts:
    """Of all documents by doc_id: a hash of the host, and the pages that a line must be on; 0 for a copy."""

    doc_id: Ids
    host: Hashes
    needed: Ids

    def of(self, doc_id: Ids) -> Ids:
        """Their places."""
        return np.searchsorted(self.doc_id, doc_id)


def run_boilerplate(context: StageContext, attempt: Attempt, duplicates: str, config: BoilerplateConfig) -> Manifest:
    """Write the masks, one unit per input file; `duplicates` is the digest of this snapshot's."""
    lake = context.lake
    inputs = {**{name: context.inputs[name] for name in ("documents", "lines")}, "duplicates": duplicates}
    files = lake.manifest(inputs["lines"]).files

    @cache
    def found() -> tuple[Hosts, Hashes]:
        hosts = read_hosts(
            lake,
            lake.manifest(inputs["documents"]).files,
            lake.read(duplicates, ["doc_id", "exact_group", "url_group"]),
            config,
        )
        return hosts, repeated(lake, files, hosts, config)

    def compute(lake: Lake, unit: Unit, config: BoilerplateConfig) -> UnitOutput:
        hosts, keys = found()
        return UnitOutput({NAME: masks(read_lines(lake, unit.payload["lines"], hosts, config), keys, config)})

    stage = Stage(NAME, VERSION, (NAME,), config, compute)
    manifest = run_stage(lake, stage, [Unit(f.unit, inputs, {"lines": f}) for f in files], in_process, attempt)[NAME]
    capped = lake.read(manifest.digest, ["capped"]).column("capped")
    attempt.summary.update({"boilerplate_documents": manifest.rows, "boilerplate_capped": pc.sum(capped).as_py() or 0})
    return manifest


def read_hosts(lake: Lake, files: Sequence[FileEntry], duplicates: pa.Table, config: BoilerplateConfig) -> Hosts:
    """The hosts of all documents; documents without one count as one host."""
    tables = in_threads(lambda entry: _hosts_of_file(lake, entry), sorted(files, key=lambda entry: int(entry.unit)))
    doc_id = np.concatenate([np.empty(0, np.int64), *(ids for ids, _ in tables)])
    host = np.concatenate([np.empty(0, np.uint64), *(hashes for _, hashes in tables)])
    counted = np.ones(len(doc_id), np.bool_)
    counted[np.searchsorted(doc_id, copies(duplicates, doc_id, host))] = False
    _, which = np.unique(host, return_inverse=True)
    pages = np.bincount(which[counted], minlength=int(which.max(initial=-1)) + 1)
    needed = pages_needed(pages, config.min_pages, config.min_share)[which]
    return Hosts(doc_id, host, np.where(counted & (pages[which] >= config.min_pages), needed, 0))


def _hosts_of_file(lake: Lake, entry: FileEntry) -> tuple[Ids, Hashes]:
    table = lake.read_file(entry, ["doc_id", "host"])
    return table.column("doc_id").to_numpy(), string_hashes(*utf8_buffers(table.column("host")))[:, 0]


def copies(duplicates: pa.Table, doc_id: Ids, host: Hashes) -> Ids:
    """The documents after the first of each exact group of one host, and of each canonical URL."""
    ids = duplicates.column("doc_id").to_numpy()
    hosts = host[np.searchsorted(doc_id, ids)]
    found = [np.empty(0, np.int64)]
    for name in ("exact_group", "url_group"):
        group = duplicates.column(name)
        member = np.flatnonzero(group.is_valid().to_numpy())
        groups = group.fill_null(-1).to_numpy()[member]
        order = np.lexsort((ids[member], hosts[member], groups))
        same = (np.diff(groups[order]) == 0) & (np.diff(hosts[member][order]) == 0)
        found.append(ids[member[order[1:][same]]])
    return np.concatenate(found)


def read_lines(lake: Lake, entry: FileEntry, hosts: Hosts, config: BoilerplateConfig) -> PageLines:
    """The lines of one file of the family `lines`."""
    table = lake.read_file(entry, ["doc_id", "line_hashes"]).combine_chunks()
    doc_id, lists = table.column("doc_id").to_numpy(), table.column("line_hashes")
    lengths = pc.list_value_length(lists).to_numpy().astype(np.int64)
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
    lines = pc.list_flatten(lists).to_numpy()
    return PageLines(doc_id, starts, lines, line_keys(hosts.host[hosts.of(doc_id)], starts, lines, config.min_bytes))


def repeated(lake: Lake, files: Sequence[FileEntry], hosts: Hosts, config: BoilerplateConfig) -> Hashes:
    """The keys of the lines that are boilerplate, ascending."""
    total = sum(pc.sum(lake.read_file(f, ["split_lines"]).column("split_lines")).as_py() or 0 for f in files)
    parts = 1 + total // LINES_AT_ONCE

    def count(entry: FileEntry, part: int) -> Counts:
        page = read_lines(lake, entry, hosts, config)
        return count_keys(page.keys, page.starts, hosts.needed[hosts.of(page.doc_id)], part, parts)

    found: list[Hashes] = [np.empty(0, np.uint64)]
    for part in range(parts):
        counts = in_threads(partial(count, part=part), files)
        found.append(merge_counts(counts).repeated)
    keys: Hashes = np.sort(np.concatenate(found))
    say(f"boilerplate: {len(keys)} lines of {total} are on many pages of their host")
    return keys


def masks(page: PageLines, keys: Hashes, config: BoilerplateConfig) -> pa.Table:
    """The rows of one file: documents with such lines."""
    made = line_masks(repeated_lines(page.keys, keys), page.starts, page.lines, config.max_share)
    mask = pa.Array.from_buffers(
        pa.binary(), len(page.doc_id), [None, pa.py_buffer(made.ends.tobytes()), pa.py_buffer(made.bits.tobytes())]
    )
    columns = [pa.array(page.doc_id), mask, pa.array(made.lines), pa.array(made.bytes), pa.array(made.capped)]
    table = pa.table(columns, schema=SCHEMAS[NAME])
    rows: NDArray[np.int64] = np.flatnonzero(made.lines)
    return table.take(pa.array(rows))
