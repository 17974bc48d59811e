"""Figures of `curate`: the corpus as it would be released."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from quality.metrics.annotate import KNOWN, LENGTH_BINS, bins, quantiles
from quality.metrics.extract import balance, counts
from quality.metrics.rows import WORST, Metrics
from quality.metrics.sampling import codes, one
from quality.metrics.tables import Tables, account, read

_COLUMNS = ("doc_id", "host", "bytes", "chars", "language", "edited_bytes", "language_score", "pii_masked")


def curate(metrics: Metrics, tables: Tables) -> None:
    """Balance, ranges, languages, lengths and shards of the corpus; damage and listed words in what was kept."""
    kept = int(pc.sum(read(tables, "decisions", ["kept"]).column("kept")).as_py() or 0)
    own = account(tables, "corpus")
    balance(metrics, "curate", own, kept, tables.rows("corpus"))
    for name in ("boilerplate_documents", "boilerplate_bytes"):
        metrics.total("curate", name, own.other.get(name, 0))
    table = read(tables, "corpus", _COLUMNS)
    metrics.total("curate", "documents", table.num_rows)
    for name in ("bytes", "edited_bytes", "pii_masked"):
        metrics.total("curate", name, pc.sum(table.column(name)).as_py() or 0)
    metrics.total("curate", "repeated_doc_ids", table.num_rows - len(table.column("doc_id").unique()))
    _ranges(metrics, table)
    _shards(metrics, tables)
    languages = counts(table.column("language"))
    metrics.per_key("curate", "documents", "language", languages)
    odd = sum(count for code, count in languages.items() if code not in KNOWN)
    metrics.total("curate", "bad_language_codes", odd)
    chars = table.column("chars").to_numpy()
    metrics.series("curate", "chars", "quantile", quantiles(chars))
    metrics.series("curate", "chars", "bin", bins(chars, LENGTH_BINS))
    _content(metrics, tables, table)


def _ranges(metrics: Metrics, table: pa.Table) -> None:
    """Empty texts, language scores, and rows whose numbers cannot be: text has a byte or more per character."""
    metrics.total("curate", "empty_texts", pc.sum(pc.equal(table.column("chars"), 0)).as_py() or 0)
    score = pc.min_max(table.column("language_score")).as_py()
    metrics.total("curate", "least_language_score", score["min"])
    metrics.total("curate", "greatest_language_score", score["max"])
    size, chars = table.column("bytes"), table.column("chars")
    bad = pc.or_(pc.less(size, chars), pc.greater(size, pc.multiply(pc.cast(chars, pa.int64()), 4)))
    bad = pc.or_(pc.fill_null(bad, True), pc.less(pc.fill_null(table.column("edited_bytes"), -1), 0))
    metrics.total("curate", "impossible_rows", pc.sum(bad).as_py() or 0)


def _shards(metrics: Metrics, tables: Tables) -> None:
    """Bytes of the shards that are farthest from the mean, and how much the largest is above it without its longest
    document: a document is never cut, and a sound cut is at most one document above the mean."""
    columns = {unit: tables.read_unit("corpus", unit, ["bytes"]).column("bytes") for unit in tables.units("corpus")}
    sizes = {unit: float(pc.sum(column).as_py() or 0) for unit, column in columns.items()}
    longest = {unit: float(pc.max(column).as_py() or 0) for unit, column in columns.items()}
    mean = sum(sizes.values()) / len(sizes) if sizes else 0
    worst = sorted(sizes, key=lambda unit: (-abs(sizes[unit] - mean), unit))
    named = [(unit, sizes[unit]) for unit in worst[:WORST]]
    rest = [("(rest)", sum(sizes[unit] for unit in worst[WORST:]))] if worst[WORST:] else []
    metrics.series("curate", "bytes", "shard", [*sorted(named), *rest])
    metrics.total("curate", "shards", len(sizes))
    largest = max((sizes[unit] - longest[unit] for unit in sizes), default=0.0)
    metrics.total("curate", "shard_unevenness", largest / mean if len(sizes) > 1 and mean else None)


def _content(metrics: Metrics, tables: Tables, corpus: pa.Table) -> None:
    """Shares of the kept documents whose extracted text has damage of its encoding, or a listed word."""
    content = read(tables, "content", ["doc_id", "encoding_damage_share", "ldnoobw_words"])
    place = pc.index_in(corpus.column("doc_id"), value_set=content.column("doc_id").combine_chunks())
    hosts, _ = codes(corpus.column("host"))
    for name, column in (("damaged_share", "encoding_damage_share"), ("listed_words_share", "ldnoobw_words")):
        values = content.column(column).take(place)
        there = pc.is_valid(values).to_numpy().astype(bool)
        flags = pc.fill_null(values, 0).to_numpy() > 0
        share, basis = one(flags[there], hosts[there])
        metrics.total("safety", name, share, basis)
        if name == "damaged_share":
            found = np.asarray(pc.fill_null(values, 0).to_numpy(), float)
            metrics.total("safety", "damaged_chars_share", float(found.mean()) if len(found) else None, len(found))
