"""The metrics table: one small pass over keys and numbers, from which gates judge and reports draw.

Long form: (stage, metric, scope, key, value, count). Scope `total` has one row a metric; other scopes have one
row per key. Nothing here depends on clocks or hosts, so the same datasets give the same bytes.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gristmill.catalogue import Snapshot
from gristmill.lake import Account, Lake
from gristmill.schemas import SCHEMAS, SIGNAL_FAMILIES
from quality.removals import wrong_removals

MAX_ROWS = 50_000
TOP_HOSTS = 1000
QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
LENGTH_BINS = (0, 250, 500, 1000, 2000, 4000, 8000, 16000, 32000, 64000)
CORRUPT = "corrupt"


class Metrics:
    """Collects rows; `total` and `per_key` are the two shapes there are."""

    def __init__(self) -> None:
        self.rows: list[dict[str, object]] = []

    def total(self, stage: str, metric: str, value: float | None, count: int = 1) -> None:
        """One figure of a stage; None where there is not enough data to measure it."""
        self._add(stage, metric, "total", "", value, count)

    def per_key(self, stage: str, metric: str, scope: str, values: Mapping[str, float]) -> None:
        """One figure per key, most first; at most TOP_HOSTS keys and the sum of the rest."""
        ordered = sorted(values.items(), key=lambda item: (-item[1], item[0]))
        for key, value in ordered[:TOP_HOSTS]:
            self._add(stage, metric, scope, key, value, 1)
        if rest := ordered[TOP_HOSTS:]:
            self._add(stage, metric, scope, "(rest)", sum(value for _, value in rest), len(rest))

    def series(self, stage: str, metric: str, scope: str, values: Iterable[tuple[str, float]]) -> None:
        """Figures in their own order, such as quantiles and bins."""
        for key, value in values:
            self._add(stage, metric, scope, key, value, 1)

    def _add(self, stage: str, metric: str, scope: str, key: str, value: float | None, count: int) -> None:
        rounded = None if value is None or math.isnan(value) else round(float(value), 6)
        self.rows.append(
            {"stage": stage, "metric": metric, "scope": scope, "key": key, "value": rounded, "count": count}
        )

    def table(self) -> pa.Table:
        """The rows, sorted, under the declared schema."""
        order = sorted(range(len(self.rows)), key=lambda i: (str(self.rows[i]["stage"]), str(self.rows[i]["metric"]),
                                                            str(self.rows[i]["scope"]), i))  # fmt: skip
        return pa.Table.from_pylist([self.rows[i] for i in order[:MAX_ROWS]], schema=SCHEMAS["metrics"])


def snapshot_metrics(lake: Lake, snapshot: Snapshot, digests: Mapping[str, str]) -> pa.Table:
    """All metrics of a snapshot's datasets; reads columns of keys and numbers, never text."""
    metrics = Metrics()
    _extract(metrics, lake, snapshot, digests)
    _annotate(metrics, lake, digests)
    _deduplicate(metrics, lake, digests)
    _decide(metrics, lake, digests)
    _curate(metrics, lake, digests)
    return metrics.table()


def _balance(metrics: Metrics, stage: str, account: Account, given: int | None) -> None:
    """`residual`: records that a stage got and did not account for."""
    missing = 0 if given is None else given - account.records_in
    metrics.total(stage, "records_in", account.records_in)
    metrics.total(stage, "out", account.out)
    metrics.total(stage, "quarantined", account.quarantined)
    metrics.total(stage, "residual", abs(account.residual) + abs(missing))
    metrics.per_key(stage, "removed", "rule", account.removed)


def _extract(metrics: Metrics, lake: Lake, snapshot: Snapshot, digests: Mapping[str, str]) -> None:
    documents, rejects = lake.manifest(digests["documents"]), lake.manifest(digests["rejects"])
    account = documents.account or Account(0, 0)
    _balance(metrics, "extract", account, None)
    table = lake.read(digests["rejects"], ["reason", "bytes"])
    lost = pc.sum(table.filter(pc.equal(table.column("reason"), CORRUPT)).column("bytes")).as_py() or 0
    metrics.total("extract", "unaccounted_rejects", abs(sum(account.removed.values()) + account.quarantined - rejects.rows))
    metrics.total("extract", "files_listed", len(snapshot.files))
    metrics.total("extract", "files_missing", len({f"{f.file_index:06d}" for f in snapshot.files} - {f.unit for f in documents.files}))
    metrics.total("extract", "bytes_listed", snapshot.bytes)
    metrics.total("extract", "lost_bytes", lost)
    metrics.total("extract", "lost_share", lost / snapshot.bytes if snapshot.bytes else None)
    metrics.per_key("extract", "rejects", "rule", Counter(table.column("reason").to_pylist()))
    hosts = Counter(lake.read(digests["documents"], ["host"]).column("host").to_pylist())
    metrics.per_key("extract", "documents", "host", hosts)
    ids = lake.read(digests["documents"], ["doc_id"]).column("doc_id")
    metrics.total("extract", "repeated_doc_ids", len(ids) - len(ids.unique()))


def _annotate(metrics: Metrics, lake: Lake, digests: Mapping[str, str]) -> None:
    given = lake.manifest(digests["documents"]).rows
    for family in SIGNAL_FAMILIES:
        _balance(metrics, f"annotate.{family}", lake.manifest(digests[family]).account or Account(0, 0), given)
    signals = lake.read(digests["heuristics"], ["bytes", "chars", "script"])
    metrics.per_key("annotate", "documents", "script", Counter(signals.column("script").to_pylist()))
    metrics.total("annotate", "text_bytes", pc.sum(signals.column("bytes")).as_py() or 0)
    chars = signals.column("chars").to_numpy()
    metrics.series("annotate", "chars", "quantile", _quantiles(chars))
    metrics.series("annotate", "chars", "bin", _bins(chars))
    languages = lake.read(digests["language"], ["language"]).column("language").to_pylist()
    metrics.per_key("annotate", "documents", "language", Counter(languages))
    metrics.total("annotate", "unknown_language_share", _share(languages.count("und"), len(languages)))


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


def _decide(metrics: Metrics, lake: Lake, digests: Mapping[str, str]) -> None:
    account = lake.manifest(digests["decisions"]).account or Account(0, 0)
    _balance(metrics, "decide", account, lake.manifest(digests["documents"]).rows)
    decisions = lake.read(digests["decisions"])
    kept, total = account.out, account.records_in
    metrics.total("decide", "kept_share", _share(kept, total), total)
    duplicates = decisions.filter(pc.is_valid(decisions.column("duplicate_of"))).num_rows
    metrics.total("decide", "duplicates_removed", duplicates)
    unexplained = decisions.filter(pc.and_(pc.invert(decisions.column("kept")), pc.is_null(decisions.column("value"))))
    metrics.total("decide", "unexplained_removals", unexplained.num_rows)
    metrics.total("decide", "wrong_removals", wrong_removals(decisions, lake.read(digests["duplicates"])))
    languages = lake.read(digests["language"], ["doc_id", "language"])
    joined = languages.append_column("kept", decisions.column("kept"))
    metrics.per_key("decide", "kept", "language",
                    Counter(joined.filter(joined.column("kept")).column("language").to_pylist()))  # fmt: skip


def _curate(metrics: Metrics, lake: Lake, digests: Mapping[str, str]) -> None:
    corpus = lake.manifest(digests["corpus"])
    kept = (lake.manifest(digests["decisions"]).account or Account(0, 0)).out
    _balance(metrics, "curate", corpus.account or Account(0, 0), kept)
    table = lake.read(digests["corpus"], ["doc_id", "bytes", "chars", "words", "language", "edited_bytes", "language_score"])
    metrics.total("curate", "documents", table.num_rows)
    metrics.total("curate", "bytes", pc.sum(table.column("bytes")).as_py() or 0)
    metrics.total("curate", "edited_bytes", pc.sum(table.column("edited_bytes")).as_py() or 0)
    metrics.total("curate", "empty_texts", pc.sum(pc.equal(table.column("chars"), 0)).as_py() or 0)
    metrics.total("curate", "repeated_doc_ids", table.num_rows - len(table.column("doc_id").unique()))
    score = pc.min_max(table.column("language_score")).as_py()
    metrics.total("curate", "least_language_score", score["min"])
    metrics.total("curate", "greatest_language_score", score["max"])
    sizes = {f.unit: float(pc.sum(lake.read_file(f, ["bytes"]).column("bytes")).as_py() or 0) for f in corpus.files}
    metrics.series("curate", "bytes", "shard", sorted(sizes.items()))
    mean = sum(sizes.values()) / len(sizes) if sizes else 0
    metrics.total("curate", "shard_unevenness", max(sizes.values()) / mean if len(sizes) > 1 else None, len(sizes))
    metrics.per_key("curate", "documents", "language", Counter(table.column("language").to_pylist()))
    metrics.series("curate", "chars", "quantile", _quantiles(table.column("chars").to_numpy()))
    metrics.series("curate", "chars", "bin", _bins(table.column("chars").to_numpy()))


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _quantiles(values: np.ndarray[tuple[int], np.dtype[np.int32]]) -> list[tuple[str, float]]:
    if not len(values):
        return []
    return [(f"{q:.2f}", float(np.quantile(values, q))) for q in QUANTILES]


def _bins(values: np.ndarray[tuple[int], np.dtype[np.int32]]) -> list[tuple[str, float]]:
    counts, _ = np.histogram(values, [*LENGTH_BINS, np.inf])
    return [(str(low), float(count)) for low, count in zip(LENGTH_BINS, counts, strict=True)]
