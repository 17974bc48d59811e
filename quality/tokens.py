"""Metrics of a token dataset, for the gate before training."""

from __future__ import annotations

import json
from collections import Counter

import pyarrow as pa
import pyarrow.compute as pc

from gristmill.lake import Lake
from gristmill.schemas import END_OF_TEXT
from quality.metrics import Metrics

SPLITS = ("train", "validation")


def token_metrics(lake: Lake, tokens: str, tokenizer: str) -> pa.Table:
    """Documents, tokens and bytes per split; bytes per token per language; what must not be in a token dataset."""
    metrics = Metrics()
    vocabulary = vocabulary_size(lake, tokenizer)
    keys: dict[str, set[tuple[str, int]]] = {split: set() for split in SPLITS}
    text_bytes: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    unknown = unended = 0
    for split in SPLITS:
        documents = total = size = 0
        for entry in (f for f in lake.manifest(tokens).files if f.unit.startswith(split)):
            table = lake.read_file(entry)
            table = table.append_column("count", pc.list_value_length(table.column("tokens")))
            documents += table.num_rows
            for row in table.group_by("language").aggregate([("bytes", "sum"), ("count", "sum")]).to_pylist():
                text_bytes[row["language"]] += row["bytes_sum"]
                counts[row["language"]] += row["count_sum"]
                total, size = total + row["count_sum"], size + row["bytes_sum"]
            ids = (table.column(name).to_pylist() for name in ("snapshot", "doc_id"))
            keys[split] |= set(zip(*ids, strict=True))
            unknown += _number(pc.greater_equal(pc.list_flatten(table.column("tokens")), vocabulary))
            unended += table.num_rows - _number(pc.equal(_last_tokens(table), END_OF_TEXT))
        metrics.total(split, "documents", documents)
        metrics.total(split, "tokens", total)
        metrics.total(split, "bytes", size)
    metrics.total("tokens", "in_both_splits", len(keys["train"] & keys["validation"]))
    metrics.total("tokens", "unknown_tokens", unknown)
    metrics.total("tokens", "unended_documents", unended)
    metrics.total("tokens", "bytes_per_token", text_bytes.total() / counts.total() if counts.total() else None)
    metrics.per_key("tokens", "bytes_per_token", "language", {k: text_bytes[k] / n for k, n in counts.items() if n})
    metrics.total("tokens", "tokenizer_files", len(lake.manifest(tokenizer).files))
    return metrics.table()


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
