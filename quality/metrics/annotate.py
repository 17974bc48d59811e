"""Figures of `annotate`: what the texts are, before anything is removed."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from gristmill.datasets import SIGNAL_FAMILIES
from gristmill.signals.language import LANGUAGES
from gristmill.signals.pii import PII_TYPES
from quality.metrics.extract import balance, counts, residual
from quality.metrics.rows import Metrics
from quality.metrics.sampling import Codes, codes, mean, mixture
from quality.metrics.tables import Tables, account, read

QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
LENGTH_BINS = (0, 250, 500, 1000, 2000, 4000, 8000, 16000, 32000, 64000)
SCORE_BINS = tuple(round(0.1 * i, 1) for i in range(10))
KNOWN = LANGUAGES | {"und"}
"""The codes that `annotate` can have written."""

Numbers = NDArray[np.int32] | NDArray[np.float32]


def annotate(metrics: Metrics, tables: Tables) -> None:
    """Balance of each family, scripts, languages, lengths, scores and personal data."""
    given = tables.rows("documents")
    for family in SIGNAL_FAMILIES:
        balance(metrics, f"annotate.{family}", account(tables, family), given, tables.rows(family))
    missing = {name: residual(account(tables, name), given, tables.rows(name)) for name in tables.scores()}
    metrics.total("annotate.scores", "residual", sum(missing.values()))
    metrics.per_key("annotate.scores", "residual", "family", missing)
    documents = read(tables, "documents", ["doc_id", "host"])
    signals = read(tables, "heuristics", ["doc_id", "bytes", "chars", "script", "words_measurable"])
    _texts(metrics, signals, documents)
    _languages(metrics, read(tables, "language", ["doc_id", "language", "score"]), documents)
    pii = read(tables, "pii", [f"pii_{kind}" for kind in PII_TYPES])
    found = {kind: int(pc.sum(pii.column(f"pii_{kind}")).as_py() or 0) for kind in PII_TYPES}
    metrics.per_key("annotate", "pii", "type", {kind: count for kind, count in found.items() if count})


def _texts(metrics: Metrics, signals: pa.Table, documents: pa.Table) -> None:
    metrics.per_key("annotate", "documents", "script", counts(signals.column("script")))
    unspaced = signals.filter(pc.invert(signals.column("words_measurable"))).column("script")
    metrics.total("annotate", "words_not_measurable", len(unspaced))
    metrics.per_key("annotate", "words_not_measurable", "script", counts(unspaced))
    metrics.total("annotate", "text_bytes", pc.sum(signals.column("bytes")).as_py() or 0)
    chars, hosts = signals.column("chars").to_numpy(), hosts_of(signals, documents)
    metrics.series("annotate", "chars", "quantile", quantiles(chars))
    metrics.series("annotate", "chars", "bin", bins(chars, LENGTH_BINS))
    places = np.searchsorted(LENGTH_BINS, chars, "right") - 1
    _effective(metrics, "chars", np.maximum(places, 0).astype(np.int64), len(LENGTH_BINS), hosts)
    value, error = mean(signals.column("bytes").to_numpy().astype(float), hosts)
    metrics.total("annotate", "bytes_per_document", value, signals.num_rows)
    metrics.total("annotate", "bytes_per_document_error", error, signals.num_rows)


def _languages(metrics: Metrics, table: pa.Table, documents: pa.Table) -> None:
    places, names = codes(table.column("language"))
    found = dict(zip(names, np.bincount(places, minlength=len(names)).tolist(), strict=True))
    metrics.per_key("annotate", "documents", "language", found)
    odd = {name: count for name, count in found.items() if name not in KNOWN}
    metrics.total("annotate", "bad_language_codes", sum(odd.values()))
    metrics.per_key("annotate", "bad_language_codes", "language", odd)
    hosts = hosts_of(table, documents)
    known = np.array([name == "und" for name in names], bool)
    unknown = float(known[places].mean()) if len(places) else None
    metrics.total("annotate", "unknown_language_share", unknown, len(places))
    shares, whole = mixture(places, len(names), hosts)
    metrics.total("annotate", "language_share", float(shares.share.max()) if len(places) else None, whole)
    order = np.argsort(-shares.share, kind="stable")
    rows = [(names[i], float(shares.share[i]), int(shares.effective[i])) for i in order]
    metrics.shares("annotate", "language_share", "language", rows)
    metrics.shares("annotate", "effective_documents", "of", [("language", float(whole), table.num_rows)])
    scores = pc.fill_null(table.column("score"), 0).to_numpy()
    metrics.series("annotate", "language_score", "bin", bins(scores, SCORE_BINS))
    edges = np.searchsorted(np.array(SCORE_BINS, np.float32), scores, "right") - 1
    _effective(metrics, "language_score", np.clip(edges, 0, 9).astype(np.int64), len(SCORE_BINS), hosts)


def _effective(metrics: Metrics, name: str, places: Codes, size: int, hosts: Codes) -> None:
    """How many independent documents the bins of a figure rest on."""
    _, whole = mixture(places, size, hosts)
    metrics.shares("annotate", "effective_documents", "of", [(name, float(whole), len(places))])


def hosts_of(rows: pa.Table, documents: pa.Table) -> Codes:
    """Per row the number of its document's host; all rows without a document share one."""
    own, _ = codes(documents.column("host"))
    ids, wanted = documents.column("doc_id").to_numpy(), rows.column("doc_id").to_numpy()
    if len(ids) == len(wanted) and np.array_equal(ids, wanted):
        return own
    order = np.argsort(ids, kind="stable")
    place = np.searchsorted(ids, wanted, sorter=order)
    place = order[np.minimum(place, max(len(ids) - 1, 0))] if len(ids) else np.zeros(len(wanted), np.int64)
    other = int(own.max(initial=-1)) + 1
    return np.where(ids[place] == wanted, own[place], other) if len(ids) else np.full(len(wanted), other, np.int64)


def quantiles(values: Numbers) -> list[tuple[str, float]]:
    """QUANTILES of the values; nothing without any."""
    if not len(values):
        return []
    return [(f"{q:.2f}", float(np.quantile(values, q))) for q in QUANTILES]


def bins(values: Numbers, edges: tuple[float, ...]) -> list[tuple[str, float]]:
    """Number of values from each edge up to the next; the last bin is open."""
    found, _ = np.histogram(values, [*edges, np.inf])
    return [(str(low), float(count)) for low, count in zip(edges, found, strict=True)]
