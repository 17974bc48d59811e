"""The metrics table: one small pass over keys and numbers, from which gates judge and reports draw.

Long form: (stage, metric, scope, key, value, count). Scope `total` has one row a metric; other scopes have one
row per key. Nothing here depends on clocks or hosts, so the same datasets give the same bytes.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gristmill.catalogue import Snapshot
from gristmill.datasets import SIGNAL_FAMILIES
from gristmill.lake import Account, Lake, Manifest
from gristmill.schemas import SCHEMAS
from gristmill.signals.pii import PII_TYPES
from quality.audit import audit
from quality.boilerplate import frequent_lines
from quality.removals import wrong_removals

MAX_KEYS = 1000
"""Keys of one metric, so that the table stays small for any crawl."""

QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
LENGTH_BINS = (0, 250, 500, 1000, 2000, 4000, 8000, 16000, 32000, 64000)
CORRUPT = "corrupt"
FACTS = ("truncated", "noindex", "noai")
NOT_MEASURED = "not_measured:"


class Metrics:
    """Collects rows: totals, figures per key, and series. Beyond MAX_KEYS keys only the sum of the rest is kept."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def total(self, stage: str, metric: str, value: float | None, count: int = 1) -> None:
        """One figure of a stage; None where there is not enough data to measure it."""
        self._add(stage, metric, "total", "", value, count)

    def per_key(self, stage: str, metric: str, scope: str, values: Mapping[str, float]) -> None:
        """One figure per key, most first."""
        self.series(stage, metric, scope, sorted(values.items(), key=lambda item: (-item[1], item[0])))

    def series(self, stage: str, metric: str, scope: str, values: Sequence[tuple[str, float]]) -> None:
        """Figures in their own order, such as quantiles and bins."""
        for key, value in values[:MAX_KEYS]:
            self._add(stage, metric, scope, key, value, 1)
        if rest := values[MAX_KEYS:]:
            self._add(stage, metric, scope, "(rest)", sum(value for _, value in rest), len(rest))

    def _add(self, stage: str, metric: str, scope: str, key: str, value: float | None, count: int) -> None:
        rounded = None if value is None or math.isnan(value) else round(float(value), 6)
        self.rows.append(
            {"stage": stage, "metric": metric, "scope": scope, "key": key, "value": rounded, "count": count}
        )

    def table(self) -> pa.Table:
        """The rows, sorted, under the declared schema."""
        rows = sorted(self.rows, key=lambda row: (row["stage"], row["metric"], row["scope"]))
        return pa.Table.from_pylist(rows, schema=SCHEMAS["metrics"])


def snapshot_metrics(lake: Lake, snapshot: Snapshot, digests: Mapping[str, str]) -> pa.Table:
    """All metrics of a snapshot's datasets; reads keys and numbers, and text of the audit's samples alone."""
    metrics = Metrics()
    _extract(metrics, lake, snapshot, digests)
    _annotate(metrics, lake, digests)
    _deduplicate(metrics, lake, digests)
    _boilerplate(metrics, lake, digests)
    _decide(metrics, lake, digests)
    _curate(metrics, lake, digests)
    _audit(metrics, lake, digests)
    return metrics.table()


def _balance(metrics: Metrics, stage: str, manifest: Manifest, given: int | None, out: int) -> None:
    """`residual`: records that a stage was given or put out, by the data, and its account does not say so."""
    account = manifest.account or Account(0, 0)
    missing = 0 if given is None else given - account.records_in
    metrics.total(stage, "records_in", account.records_in)
    metrics.total(stage, "out", account.out)
    metrics.total(stage, "quarantined", account.quarantined)
    metrics.total(stage, "residual", abs(account.residual) + abs(missing) + abs(account.out - out))
    metrics.per_key(stage, "removed", "rule", account.removed)


def _extract(metrics: Metrics, lake: Lake, snapshot: Snapshot, digests: Mapping[str, str]) -> None:
    documents, rejects = lake.manifest(digests["documents"]), lake.manifest(digests["rejects"])
    _balance(metrics, "extract", documents, None, documents.rows)
    table = lake.read(digests["rejects"], ["reason", "bytes"])
    lost = pc.sum(table.filter(pc.equal(table.column("reason"), CORRUPT)).column("bytes")).as_py() or 0
    account = documents.account or Account(0, 0)
    accounted = sum(account.removed.values()) + account.quarantined
    metrics.total("extract", "unaccounted_rejects", abs(accounted - rejects.rows))
    listed, read = {f"{f.file_index:06d}" for f in snapshot.files}, {f.unit for f in documents.files}
    metrics.total("extract", "files_listed", len(listed))
    metrics.total("extract", "files_missing", len(listed - read))
    metrics.total("extract", "bytes_listed", snapshot.bytes)
    metrics.total("extract", "lost_bytes", lost)
    metrics.total("extract", "lost_share", lost / snapshot.bytes if snapshot.bytes else None)
    metrics.per_key("extract", "rejects", "rule", _counts(table.column("reason")))
    metrics.per_key("extract", "other_records", "kind", account.other)
    found = lake.read(digests["documents"], ["doc_id", "host", *FACTS])
    for fact in FACTS:
        metrics.total("extract", fact, pc.sum(found.column(fact)).as_py() or 0)
    metrics.per_key("extract", "documents", "host", _counts(found.column("host")))
    metrics.total("extract", "repeated_doc_ids", found.num_rows - len(found.column("doc_id").unique()))


def _annotate(metrics: Metrics, lake: Lake, digests: Mapping[str, str]) -> None:
    given = lake.manifest(digests["documents"]).rows
    for family in SIGNAL_FAMILIES:
        manifest = lake.manifest(digests[family])
        _balance(metrics, f"annotate.{family}", manifest, given, manifest.rows)
    signals = lake.read(digests["heuristics"], ["bytes", "chars", "script", "words_measurable"])
    metrics.per_key("annotate", "documents", "script", _counts(signals.column("script")))
    unspaced = signals.filter(pc.invert(signals.column("words_measurable"))).column("script")
    metrics.total("annotate", "words_not_measurable", len(unspaced))
    metrics.per_key("annotate", "words_not_measurable", "script", _counts(unspaced))
    metrics.total("annotate", "text_bytes", pc.sum(signals.column("bytes")).as_py() or 0)
    chars = signals.column("chars").to_numpy()
    metrics.series("annotate", "chars", "quantile", _quantiles(chars))
    metrics.series("annotate", "chars", "bin", _bins(chars))
    names = [f"pii_{kind}" for kind in PII_TYPES]
    pii = lake.read(digests["pii"], names)
    found = {kind: pc.sum(pii.column(f"pii_{kind}")).as_py() or 0 for kind in PII_TYPES}
    metrics.per_key("annotate", "pii", "type", {kind: count for kind, count in found.items() if count})
    languages = _counts(lake.read(digests["language"], ["language"]).column("language"))
    metrics.per_key("annotate", "documents", "language", languages)
    metrics.total("annotate", "unknown_language_share", _share(languages["und"], languages.total()))


def _deduplicate(metrics: Metrics, lake: Lake, digests: Mapping[str, str]) -> None:
    table = lake.read(digests["duplicates"], ["doc_id", "exact_group", "cluster_id", "cluster_size"])
    groups = table.column("exact_group").drop_null()
    metrics.total("deduplicate", "documents_in_clusters", table.num_rows)
    metrics.total("deduplicate", "exact_duplicates", len(groups) - len(groups.unique()))
    first = table.filter(pc.equal(table.column("doc_id"), table.column("cluster_id")))
    sizes = Counter(str(size) for size in first.column("cluster_size").to_pylist())
    metrics.total("deduplicate", "clusters", first.num_rows)
    metrics.series("deduplicate", "clusters", "size", sorted(sizes.items(), key=lambda item: int(item[0])))
    metrics.total("deduplicate", "largest_cluster", max(map(int, sizes), default=0))


def _boilerplate(metrics: Metrics, lake: Lake, digests: Mapping[str, str]) -> None:
    """Lines that many pages of a host share: what was found, and what went from the kept texts."""
    table = lake.read(digests["boilerplate"], ["lines", "capped"])
    used = table.filter(pc.invert(table.column("capped")))
    metrics.total("deduplicate", "boilerplate_documents", used.num_rows)
    metrics.total("deduplicate", "boilerplate_lines", pc.sum(used.column("lines")).as_py() or 0)
    metrics.total("deduplicate", "boilerplate_capped", table.num_rows - used.num_rows)
    metrics.series("deduplicate", "boilerplate_pages", "line", frequent_lines(lake, digests))
    other = (lake.manifest(digests["corpus"]).account or Account(0, 0)).other
    for name in ("boilerplate_documents", "boilerplate_bytes"):
        metrics.total("curate", name, other.get(name, 0))


def _decide(metrics: Metrics, lake: Lake, digests: Mapping[str, str]) -> None:
    decisions = lake.read(digests["decisions"])
    stayed = decisions.filter(decisions.column("kept")).column("doc_id").combine_chunks()
    given = lake.manifest(digests["documents"]).rows
    _balance(metrics, "decide", lake.manifest(digests["decisions"]), given, len(stayed))
    other = (lake.manifest(digests["decisions"]).account or Account(0, 0)).other
    unmeasured = {k.removeprefix(NOT_MEASURED): n for k, n in other.items() if k.startswith(NOT_MEASURED)}
    metrics.per_key("decide", "not_measured", "rule", unmeasured)
    metrics.total("decide", "kept_share", _share(len(stayed), decisions.num_rows), decisions.num_rows)
    duplicates = decisions.filter(pc.is_valid(decisions.column("duplicate_of"))).num_rows
    metrics.total("decide", "duplicates_removed", duplicates)
    unexplained = pc.or_(pc.is_null(decisions.column("reason")), pc.is_null(decisions.column("value")))
    removed = decisions.filter(pc.and_(pc.invert(decisions.column("kept")), unexplained))
    metrics.total("decide", "unexplained_removals", removed.num_rows)
    metrics.total("decide", "wrong_removals", wrong_removals(decisions, lake.read(digests["duplicates"])))
    languages = lake.read(digests["language"], ["doc_id", "language"])
    mine = languages.filter(pc.is_in(languages.column("doc_id"), stayed))
    metrics.per_key("decide", "kept", "language", _counts(mine.column("language")))


def _curate(metrics: Metrics, lake: Lake, digests: Mapping[str, str]) -> None:
    corpus = lake.manifest(digests["corpus"])
    kept = pc.sum(lake.read(digests["decisions"], ["kept"]).column("kept")).as_py() or 0
    _balance(metrics, "curate", corpus, kept, corpus.rows)
    columns = ["doc_id", "bytes", "chars", "language", "edited_bytes", "language_score", "pii_masked"]
    table = lake.read(digests["corpus"], columns)
    metrics.total("curate", "documents", table.num_rows)
    metrics.total("curate", "bytes", pc.sum(table.column("bytes")).as_py() or 0)
    metrics.total("curate", "edited_bytes", pc.sum(table.column("edited_bytes")).as_py() or 0)
    metrics.total("curate", "pii_masked", pc.sum(table.column("pii_masked")).as_py() or 0)
    metrics.total("curate", "empty_texts", pc.sum(pc.equal(table.column("chars"), 0)).as_py() or 0)
    metrics.total("curate", "repeated_doc_ids", table.num_rows - len(table.column("doc_id").unique()))
    score = pc.min_max(table.column("language_score")).as_py()
    metrics.total("curate", "least_language_score", score["min"])
    metrics.total("curate", "greatest_language_score", score["max"])
    sizes = {f.unit: float(pc.sum(lake.read_file(f, ["bytes"]).column("bytes")).as_py() or 0) for f in corpus.files}
    metrics.series("curate", "bytes", "shard", sorted(sizes.items()))
    mean = sum(sizes.values()) / len(sizes) if sizes else 0
    metrics.total("curate", "shard_unevenness", max(sizes.values()) / mean if len(sizes) > 1 and mean else None)
    metrics.per_key("curate", "documents", "language", _counts(table.column("language")))
    metrics.series("curate", "chars", "quantile", _quantiles(table.column("chars").to_numpy()))
    metrics.series("curate", "chars", "bin", _bins(table.column("chars").to_numpy()))


def _audit(metrics: Metrics, lake: Lake, digests: Mapping[str, str]) -> None:
    """The deduplication audit; what it accuses is named, each pair by its two doc_ids."""
    found = audit(lake, digests)
    wrong = [removal for removal in found.removals if removal.wrong]
    metrics.total("audit", "sampled", len(found.removals))
    metrics.per_key("audit", "sampled", "rule", Counter(removal.reason for removal in found.removals))
    metrics.total("audit", "wrong_removals", len(wrong), len(found.removals))
    metrics.series("audit", "wrong_removals", "pair", [(f"{r.doc_id} {r.duplicate_of}", r.similarity) for r in wrong])
    metrics.total("audit", "below_threshold_share", found.below_threshold)
    metrics.total("audit", "lowest_similarity", found.lowest_similarity)
    metrics.total("audit", "missing_ids", found.missing_ids)
    metrics.total("audit", "twins_sought", found.twins.sampled)
    # Where nothing was removed as a duplicate, the policy keeps duplicates, and those that are known are no fault.
    known = len(found.twins.flagged) if found.removals else None
    metrics.total("audit", "kept_twins", known, found.twins.sampled)
    for name, pairs in (("unflagged_twins", found.twins.unflagged), ("kept_twins", found.twins.flagged)):
        metrics.series("audit", name, "pair", [(f"{a} {b}", similarity) for (a, b), similarity in pairs.items()])
    metrics.total("audit", "unflagged_twins", len(found.twins.unflagged), found.twins.sampled)


def _counts(column: pa.ChunkedArray) -> Counter[str]:
    return Counter("(none)" if value is None else value for value in column.to_pylist())


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _quantiles(values: np.ndarray[tuple[int], np.dtype[np.int32]]) -> list[tuple[str, float]]:
    if not len(values):
        return []
    return [(f"{q:.2f}", float(np.quantile(values, q))) for q in QUANTILES]


def _bins(values: np.ndarray[tuple[int], np.dtype[np.int32]]) -> list[tuple[str, float]]:
    counts, _ = np.histogram(values, [*LENGTH_BINS, np.inf])
    return [(str(low), float(count)) for low, count in zip(LENGTH_BINS, counts, strict=True)]
