"""Metrics of a token dataset, for the gate before training."""

from __future__ import annotations

from collections import Counter

import pyarrow as pa
import pyarrow.compute as pc

from gristmill.lake import Lake
from quality.metrics import Metrics


def token_metrics(lake: Lake, tokens: str, tokenizer: str) -> pa.Table:
    """Documents, tokens and bytes per split; bytes per token per language; documents in both splits."""
    metrics = Metrics()
    manifest = lake.manifest(tokens)
    keys: dict[str, set[tuple[str, int]]] = {}
    text_bytes: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    for split in ("train", "validation"):
        documents = total = size = 0
        keys[split] = set()
        for entry in (f for f in manifest.files if f.unit.startswith(split)):
            table = lake.read_file(entry)
            lengths = pc.list_value_length(table.column("tokens"))
            documents += table.num_rows
            total += pc.sum(lengths).as_py() or 0
            size += pc.sum(table.column("bytes")).as_py() or 0
            keys[split] |= set(zip(table.column("snapshot").to_pylist(), table.column("doc_id").to_pylist(), strict=True))
            rows = zip(*(c.to_pylist() for c in (table.column("language"), table.column("bytes"), lengths)), strict=True)
            for language, document_bytes, length in rows:
                text_bytes[language] += document_bytes
                counts[language] += length
        metrics.total(split, "documents", documents)
        metrics.total(split, "tokens", total)
        metrics.total(split, "bytes", size)
    metrics.total("tokens", "in_both_splits", len(keys["train"] & keys["validation"]))
    everything, every_byte = sum(counts.values()), sum(text_bytes.values())
    metrics.total("tokens", "bytes_per_token", every_byte / everything if everything else None)
    metrics.per_key("tokens", "bytes_per_token", "language", {k: text_bytes[k] / n for k, n in counts.items() if n})
    metrics.total("tokens", "tokenizer_files", len(lake.manifest(tokenizer).files))
    return metrics.table()
