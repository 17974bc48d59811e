"""The metrics table: one small pass over keys and numbers, from which gates judge and reports draw.

Long form: (stage, metric, scope, key, value, count). Scope `total` has one row a metric; other scopes have one
row per key. `count` is, of a share, the documents that it rests on: effective ones (quality.metrics.sampling) where
chance matters, all of them per host and domain. Nothing here depends on clocks or hosts, so the same datasets give
the same bytes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from gristmill.catalogue import Snapshot
from gristmill.lake import Lake
from quality.audit import audit
from quality.boilerplate import frequent_lines
from quality.metrics.annotate import annotate
from quality.metrics.contract import schemas
from quality.metrics.curate import curate
from quality.metrics.decide import decide, deduplicate
from quality.metrics.extract import Listing, extract
from quality.metrics.rows import MAX_KEYS, MAX_ROWS, Metrics
from quality.metrics.tables import LakeTables, Tables
from quality.safety import safety

__all__ = ["MAX_KEYS", "MAX_ROWS", "Metrics", "snapshot_metrics", "table_metrics"]


def snapshot_metrics(
    lake: Lake, snapshot: Snapshot, digests: Mapping[str, str], evaluation: Sequence[Path] = ()
) -> pa.Table:
    """All metrics of a snapshot's datasets; reads keys and numbers, and texts of the samples alone.

    `evaluation`: files of evaluation sets that are sought in the corpus. Raises UserError for one that is unreadable.
    """
    metrics = Metrics()
    table_metrics(metrics, LakeTables(lake, digests), Listing.of(lake, snapshot))
    schemas(metrics, lake, digests)
    metrics.series("deduplicate", "boilerplate_pages", "line", frequent_lines(lake, digests))
    audit_metrics(metrics, lake, digests)
    safety(metrics, lake, digests["corpus"], evaluation)
    return metrics.table()


def table_metrics(metrics: Metrics, tables: Tables, listing: Listing) -> None:
    """What follows from keys and numbers alone, wherever the tables are."""
    extract(metrics, tables, listing)
    annotate(metrics, tables)
    deduplicate(metrics, tables)
    decide(metrics, tables)
    curate(metrics, tables)


def audit_metrics(metrics: Metrics, lake: Lake, digests: Mapping[str, str]) -> None:
    """The deduplication audit; what it accuses is named, each pair by its two doc_ids."""
    found = audit(lake, digests)
    wrong = [removal for removal in found.removals if removal.wrong]
    metrics.total("audit", "sampled", len(found.removals))
    metrics.per_key("audit", "sampled", "rule", Counter(removal.reason for removal in found.removals))
    metrics.total("audit", "wrong_removals", len(wrong), len(found.removals))
    metrics.series("audit", "wrong_removals", "pair", [(f"{r.doc_id} {r.duplicate_of}", r.similarity) for r in wrong])
    metrics.total("audit", "below_threshold_share", found.below_threshold, found.near)
    metrics.total("audit", "lowest_similarity", found.lowest_similarity)
    metrics.total("audit", "missing_ids", found.missing_ids)
    metrics.total("audit", "twins_sought", found.twins.sampled)
    # Where nothing was removed as a duplicate, the policy keeps duplicates, and those that are known are no fault.
    known = len(found.twins.flagged) if found.removals else None
    metrics.total("audit", "kept_twins", known, found.twins.sampled)
    for name, pairs in (("unflagged_twins", found.twins.unflagged), ("kept_twins", found.twins.flagged)):
        metrics.series("audit", name, "pair", [(f"{a} {b}", similarity) for (a, b), similarity in pairs.items()])
    metrics.total("audit", "unflagged_twins", len(found.twins.unflagged), found.twins.sampled)
