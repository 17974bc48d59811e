"""Figures of `deduplicate` and `decide`: what was removed, why, and from whom."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from quality.metrics.annotate import hosts_of
from quality.metrics.extract import balance, domains
from quality.metrics.rows import Metrics
from quality.metrics.sampling import Codes, codes, mixture, of_keys, one
from quality.metrics.tables import Tables, account, read
from quality.removals import wrong_removals

NOT_MEASURED = "not_measured:"
_KEPT = "(kept)"


def deduplicate(metrics: Metrics, tables: Tables) -> None:
    """Clusters by size, exact duplicates, and lines that many pages of a host share."""
    table = read(tables, "duplicates", ["doc_id", "exact_group", "cluster_id", "cluster_size"])
    groups = table.column("exact_group").drop_null()
    metrics.total("deduplicate", "documents_in_clusters", table.num_rows)
    metrics.total("deduplicate", "exact_duplicates", len(groups) - len(groups.unique()))
    first = table.filter(pc.equal(table.column("doc_id"), table.column("cluster_id")))
    sizes = Counter(str(size) for size in first.column("cluster_size").to_pylist())
    metrics.total("deduplicate", "clusters", first.num_rows)
    metrics.series("deduplicate", "clusters", "size", sorted(sizes.items(), key=lambda item: int(item[0])))
    metrics.total("deduplicate", "largest_cluster", max(map(int, sizes), default=0))
    lines = read(tables, "boilerplate", ["lines", "capped"])
    used = lines.filter(pc.invert(lines.column("capped")))
    metrics.total("deduplicate", "boilerplate_documents", used.num_rows)
    metrics.total("deduplicate", "boilerplate_lines", pc.sum(used.column("lines")).as_py() or 0)
    metrics.total("deduplicate", "boilerplate_capped", lines.num_rows - used.num_rows)


def decide(metrics: Metrics, tables: Tables) -> None:
    """Balance, explained and right removals, and shares by rule, language, host and domain."""
    decisions = read(tables, "decisions", ["doc_id", "kept", "reason", "value", "duplicate_of"])
    stayed = int(pc.sum(decisions.column("kept")).as_py() or 0)
    own = account(tables, "decisions")
    balance(metrics, "decide", own, tables.rows("documents"), stayed)
    unmeasured = {k.removeprefix(NOT_MEASURED): n for k, n in own.other.items() if k.startswith(NOT_MEASURED)}
    metrics.per_key("decide", "not_measured", "rule", unmeasured)
    duplicate = pc.is_valid(decisions.column("duplicate_of"))
    metrics.total("decide", "duplicates_removed", pc.sum(duplicate).as_py() or 0)
    unexplained = pc.or_(pc.is_null(decisions.column("reason")), pc.is_null(decisions.column("value")))
    removed = decisions.filter(pc.and_(pc.invert(decisions.column("kept")), unexplained))
    metrics.total("decide", "unexplained_removals", removed.num_rows)
    pairs = read(tables, "duplicates", ["doc_id", "exact_group", "url_group", "pairs"])
    metrics.total("decide", "wrong_removals", wrong_removals(decisions, pairs))
    documents = read(tables, "documents", ["doc_id", "host"])
    hosts = hosts_of(decisions, documents)
    kept = decisions.column("kept").to_numpy().astype(bool)
    share, basis = one(duplicate.to_numpy().astype(bool), hosts)
    metrics.total("decide", "duplicate_share", share, basis)
    _rules(metrics, decisions, hosts, list(own.removed))
    _kept_by(metrics, tables, decisions, kept, documents)


def _rules(metrics: Metrics, decisions: pa.Table, hosts: Codes, named: list[str]) -> None:
    """The share of the documents that each rule removed, those of the policy that removed none included."""
    reason = pc.if_else(decisions.column("kept"), _KEPT, pc.fill_null(decisions.column("reason"), "(none)"))
    places, names = codes(reason)
    absent = sorted(set(named) - set(names))
    shares, whole = mixture(places, len(names), hosts)
    rows = [
        (name, float(shares.share[i]), int(shares.effective[i])) for i, name in enumerate(names) if name != _KEPT
    ]  # fmt: skip
    rows = sorted(rows, key=lambda row: (-row[1], row[0])) + [(name, 0.0, whole) for name in absent]
    all_removed = sum(row[1] for row in rows) if decisions.num_rows else None
    metrics.total("decide", "removed_share", all_removed, whole)
    metrics.shares("decide", "removed_share", "rule", rows)


def _kept_by(
    metrics: Metrics, tables: Tables, decisions: pa.Table, kept: NDArray[np.bool_], documents: pa.Table
) -> None:
    hosts = hosts_of(decisions, documents)
    share, basis = one(kept, hosts)
    metrics.total("decide", "kept_share", share, basis)
    # Of a crawl that loses all its documents hardly any count as independent, so the fixed bound asks for them all.
    metrics.total("decide", "kept_of_documents", share, len(kept))
    languages = read(tables, "language", ["doc_id", "language"])
    of_document = languages.column("language").take(
        pc.index_in(decisions.column("doc_id"), value_set=languages.column("doc_id").combine_chunks())
    )
    places, names = codes(of_document)
    found = np.bincount(places, kept.astype(float), len(names))
    metrics.per_key("decide", "kept", "language", {n: c for n, c in zip(names, found.tolist(), strict=True) if c})
    _ratio(metrics, "language", places, names, kept, hosts, effective=True)
    _, hostnames = codes(documents.column("host"))
    hostnames = [*hostnames, "(none)"]  # the place of a decision without a document
    for scope, (place, keys) in {"host": (hosts, hostnames), "domain": domains(hosts, hostnames)}.items():
        _ratio(metrics, scope, place, keys, kept, place, effective=False)


def _ratio(
    metrics: Metrics, scope: str, places: Codes, names: list[str], kept: NDArray[np.bool_], hosts: Codes, *,
    effective: bool,
) -> None:  # fmt: skip
    """Kept share per key, most documents first; its count is the effective documents, or all of them."""
    shares = of_keys(places, len(names), kept, hosts)
    basis = shares.effective if effective else shares.documents
    order = [int(i) for i in np.argsort(-shares.documents, kind="stable") if shares.documents[i]]
    metrics.shares("decide", "kept_share", scope, [(names[i], float(shares.share[i]), int(basis[i])) for i in order])
