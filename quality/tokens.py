"""Metrics of a token dataset, for the gate before training."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from gristmill.lake import Lake
from gristmill.packing import plan
from gristmill.schemas import END_OF_TEXT
from quality.metrics import Metrics

SPLITS = ("train", "validation")


@dataclass
class _Split:
    """What one split holds; `cut`: documents longer than a row; `lengths`: tokens of each document, in shards."""

    documents: int = 0
    unknown: int = 0
    unended: int = 0
    cut: int = 0
    bytes: Counter[str] = field(default_factory=Counter)
    tokens: Counter[str] = field(default_factory=Counter)
    keys: set[tuple[str, int]] = field(default_factory=set)
    lengths: list[NDArray[np.int64]] = field(default_factory=list)


def token_metrics(lake: Lake, tokens: str, tokenizer: str, sequence_length: int | None = None) -> pa.Table:
    """Documents, tokens and bytes per split; bytes per token per language; what must not be in a token dataset.

    `sequence_length`: tokens of a row that training reads; without it packing is not measured.
    """
    metrics, vocabulary = Metrics(), vocabulary_size(lake, tokenizer)
    found = {split: _read(lake, tokens, split, vocabulary, sequence_length) for split in SPLITS}
    for split, each in found.items():
        metrics.total(split, "documents", each.documents)
        metrics.total(split, "tokens", each.tokens.total())
        metrics.total(split, "bytes", each.bytes.total())
    train, validation = found["train"], found["validation"]
    size, count = train.bytes + validation.bytes, train.tokens + validation.tokens
    unknown = train.unknown + validation.unknown
    metrics.total("tokens", "in_both_splits", len(train.keys & validation.keys))
    metrics.total("tokens", "unknown_tokens", unknown)
    metrics.total("tokens", "unknown_share", unknown / count.total() if count.total() else None, count.total())
    metrics.total("tokens", "unended_documents", train.unended + validation.unended)
    metrics.total("tokens", "bytes_per_token", size.total() / count.total() if count.total() else None, count.total())
    rows = [(language, size[language] / n, n) for language, n in count.most_common() if n]
    metrics.shares("tokens", "bytes_per_token", "language", rows)
    metrics.total("tokens", "tokenizer_files", len(lake.manifest(tokenizer).files))
    _packing(metrics, train, sequence_length)
    return metrics.table()


def _read(lake: Lake, tokens: str, split: str, vocabulary: int, sequence_length: int | None) -> _Split:
    found = _Split()
    for entry in (f for f in lake.manifest(tokens).files if f.unit.startswith(split)):
        table = lake.read_file(entry)
        table = table.append_column("count", pc.list_value_length(table.column("tokens")))
        found.documents += table.num_rows
        for row in table.group_by("language").aggregate([("bytes", "sum"), ("count", "sum")]).to_pylist():
            found.bytes[row["language"]] += row["bytes_sum"]
            found.tokens[row["language"]] += row["count_sum"]
        ids = (table.column(name).to_pylist() for name in ("snapshot", "doc_id"))
        found.keys |= set(zip(*ids, strict=True))
        found.unknown += _number(pc.greater_equal(pc.list_flatten(table.column("tokens")), vocabulary))
        found.unended += table.num_rows - _number(pc.equal(_last_tokens(table), END_OF_TEXT))
        if sequence_length:
            found.cut += _number(pc.greater(table.column("count"), sequence_length))
            found.lengths.append(table.column("count").to_numpy().astype(np.int64))
    return found


def _packing(metrics: Metrics, train: _Split, sequence_length: int | None) -> None:
    """What the packer of training wastes on these documents, whose rows are those that training reads."""
    total, waste, cut = train.tokens.total(), None, None
    if sequence_length and total:
        waste = plan(np.concatenate(train.lengths), sequence_length).waste
        cut = train.cut / train.documents if train.documents else None
    metrics.total("tokens", "packing_waste", waste, total)
    metrics.total("tokens", "cut_documents_share", cut, train.documents)


def vocabulary_size(lake: Lake, tokenizer: str) -> int:
    """Entries of a tokenizer, added tokens included."""
    entry = lake.manifest(tokenizer).file("tokenizer.json")
    data = json.loads(lake.path(entry).read_bytes())
    return len({*data["model"]["vocab"].values(), *(token["id"] for token in data["added_tokens"])})


def _last_tokens(table: pa.Table) -> pa.Array:
    """The last token of each document that has any."""
    filled = table.filter(pc.greater(table.column("count"), 0))
    ends = pc.subtract(pc.cumulative_sum(pc.cast(filled.column("count"), pa.int64())), 1)
    return pc.list_flatten(filled.column("tokens")).take(ends)


def _number(mask: pa.ChunkedArray) -> int:
    return int(pc.sum(mask).as_py() or 0)
