"""Figures of `extract`: was everything read that was listed, and where do the documents come from?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gristmill.catalogue import Catalogue, Snapshot
from gristmill.lake import Account, Lake
from gristmill.schemas import OFFSET_BITS
from quality.domains import domain
from quality.metrics.rows import WORST, Metrics
from quality.metrics.sampling import Codes, codes
from quality.metrics.tables import Tables, account, read

CORRUPT = "corrupt"
FACTS = ("truncated", "noindex", "noai")


@dataclass(frozen=True)
class Listing:
    """What the catalogue has of a snapshot: bytes per file by unit, and the files whose digest was never pinned."""

    bytes: Mapping[str, int]
    unpinned: frozenset[str]

    @staticmethod
    def of(lake: Lake, snapshot: Snapshot) -> Listing:
        catalogue = Catalogue(lake)
        unpinned = {f.file_index for f in snapshot.files if catalogue.pinned(snapshot.id, f.file_index) is None}
        sizes = {f"{f.file_index:06d}": f.bytes for f in snapshot.files}
        return Listing(sizes, frozenset(f"{index:06d}" for index in unpinned))


def balance(metrics: Metrics, stage: str, found: Account, given: int | None, out: int) -> None:
    """`residual`: records that a stage was given or put out, by the data, and its account does not say so."""
    metrics.total(stage, "records_in", found.records_in)
    metrics.total(stage, "out", found.out)
    metrics.total(stage, "quarantined", found.quarantined)
    metrics.total(stage, "residual", residual(found, given, out))
    metrics.per_key(stage, "removed", "rule", found.removed)


def residual(found: Account, given: int | None, out: int) -> int:
    """Records by which an account, what the stage was given, where that is known, and what it put out differ."""
    missing = 0 if given is None else given - found.records_in
    return abs(found.residual) + abs(missing) + abs(found.out - out)


def extract(metrics: Metrics, tables: Tables, listing: Listing) -> None:
    """Completeness against the listing, balance, and documents per host."""
    own = account(tables, "documents")
    balance(metrics, "extract", own, None, tables.rows("documents"))
    accounted = sum(own.removed.values()) + own.quarantined
    aside = own.quarantined / own.records_in if own.records_in else None
    metrics.total("extract", "quarantined_share", aside, own.records_in)
    metrics.total("extract", "unaccounted_rejects", abs(accounted - tables.rows("rejects")))
    metrics.per_key("extract", "other_records", "kind", own.other)
    _completeness(metrics, tables, listing)
    found = read(tables, "documents", ["doc_id", "host", *FACTS])
    for fact in FACTS:
        metrics.total("extract", fact, _sum(found.column(fact)))
    documents = found.num_rows
    share = _sum(found.column("truncated")) / documents if documents else None
    metrics.total("extract", "truncated_share", share, documents)
    _sources(metrics, found)
    metrics.total("extract", "repeated_doc_ids", documents - len(found.column("doc_id").unique()))


def _completeness(metrics: Metrics, tables: Tables, listing: Listing) -> None:
    rejects = read(tables, "rejects", ["doc_id", "reason", "bytes"])
    damaged = rejects.filter(pc.equal(rejects.column("reason"), CORRUPT))
    lost, total = _sum(damaged.column("bytes")), sum(listing.bytes.values())
    unread = set(listing.bytes) - set(tables.units("documents"))
    metrics.total("extract", "files_listed", len(listing.bytes))
    metrics.total("extract", "files_missing", len(unread))
    metrics.total("extract", "files_unpinned", len(listing.unpinned & set(listing.bytes)))
    metrics.total("extract", "bytes_listed", total)
    metrics.total("extract", "bytes_unread", sum(listing.bytes[unit] for unit in unread))
    metrics.total("extract", "lost_bytes", lost)
    metrics.total("extract", "lost_share", lost / total if total else None)
    metrics.per_key("extract", "rejects", "rule", counts(rejects.column("reason")))
    ids, sizes = damaged.column("doc_id").to_numpy(), pc.fill_null(damaged.column("bytes"), 0).to_numpy()
    by_file: Counter[str] = Counter()
    for index, size in zip((ids >> OFFSET_BITS).tolist(), sizes.tolist(), strict=True):
        by_file[f"{index:06d}"] += size
    metrics.series("extract", "lost_bytes", "shard", by_file.most_common(WORST))
    _records(metrics, tables, listing, rejects, unread)


def _records(metrics: Metrics, tables: Tables, listing: Listing, rejects: pa.Table, unread: set[str]) -> None:
    """Files that were read and hold no record at all; a listed file is never empty."""
    rows: Counter[int] = Counter((rejects.column("doc_id").to_numpy() >> OFFSET_BITS).tolist())
    read_units = [unit for unit in tables.units("documents") if unit in listing.bytes and unit not in unread]
    silent = [
        unit for unit in read_units
        if not rows[int(unit)] and not tables.read_unit("documents", unit, ["doc_id"]).num_rows
    ]  # fmt: skip
    metrics.total("extract", "files_without_records", len(silent))
    metrics.series("extract", "files_without_records", "shard", [(unit, 1.0) for unit in silent[:WORST]])


def _sources(metrics: Metrics, documents: pa.Table) -> None:
    """Documents and shares per host and registered domain; how concentrated they are."""
    hosts, names = codes(documents.column("host"))
    per_host = np.bincount(hosts, minlength=len(names))
    metrics.per_key("extract", "documents", "host", dict(zip(names, per_host.tolist(), strict=True)))
    total = len(hosts)
    largest = np.sort(per_host)[::-1] / max(total, 1)
    metrics.total("extract", "hosts", len(names))
    metrics.total("extract", "source_share", float(largest[0]) if total else None, total)
    metrics.total("extract", "top_10_hosts_share", float(largest[:10].sum()) if total else None, total)
    metrics.total("extract", "host_concentration", float((largest**2).sum()) if total else None, total)
    for scope, (places, keys) in {"host": (hosts, names), "domain": domains(hosts, names)}.items():
        documents_of = np.bincount(places, minlength=len(keys))
        order = np.argsort(-documents_of, kind="stable")
        rows = [(keys[i], documents_of[i] / total, int(documents_of[i])) for i in order]
        metrics.shares("extract", "source_share", scope, rows)


def domains(hosts: Codes, names: list[str]) -> tuple[Codes, list[str]]:
    """Per document its registered domain, as places in the sorted list of domains."""
    places, keys = codes(pa.array([domain(name) for name in names], pa.string()))
    return places[hosts], keys


def counts(column: pa.ChunkedArray) -> Counter[str]:
    """How often each value stands; null is "(none)"."""
    found = pc.fill_null(column, "(none)").value_counts()
    return Counter(dict(zip(found.field(0).to_pylist(), found.field(1).to_pylist(), strict=True)))


def _sum(column: pa.ChunkedArray) -> int:
    return int(pc.sum(column).as_py() or 0)
