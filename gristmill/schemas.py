"""The declared Arrow schema of every dataset: where the rooms meet.

Those of the signal families come from the registry, `gristmill.signals`.
"""

from __future__ import annotations

import pyarrow as pa

from gristmill.signals import FAMILIES, schema
from gristmill.signals.minhash import BANDS, HASHES, ROWS_PER_BAND

__all__ = [
    "BANDS", "END_OF_TEXT", "FILE_DATASETS", "HASHES", "MEASURED_AGAIN", "OFFSET_BITS", "ROWS_PER_BAND", "SCHEMAS",
]  # fmt: skip

OFFSET_BITS = 40
"""doc_id = file_index << 40 | record offset (23 + 40 bits)."""

END_OF_TEXT = 0
"""Token that ends a document in every token stream."""

MEASURED_AGAIN = (
    "script", "words_measurable", "bytes", "chars", "words", "tokens", "lines", "mean_word_chars",
    "end_mark_line_share_stripped", "dup_line_share_dclm", "alpha_char_share", "digit_char_share",
)  # fmt: skip
"""Signals of the `heuristics` family that the corpus has of its final text."""

_ID = pa.field("doc_id", pa.int64(), nullable=False)
_CAPTURED = pa.field("captured", pa.timestamp("s", tz="UTC"))
_HEURISTICS = schema(FAMILIES["heuristics"])


def _schema(*fields: pa.Field | tuple[str, pa.DataType]) -> pa.Schema:
    return pa.schema([f if isinstance(f, pa.Field) else pa.field(*f) for f in fields])


SCHEMAS: dict[str, pa.Schema] = {
    "documents": _schema(
        _ID, ("url", pa.string()), ("canonical_url", pa.string()), ("host", pa.string()), _CAPTURED,
        ("charset", pa.string()), ("text", pa.string()), ("title", pa.string()), ("published", pa.date32()),
        ("html_bytes", pa.int32()), ("extractor", pa.string()), ("truncated", pa.bool_()), ("noindex", pa.bool_()),
        ("noai", pa.bool_()),
    ),
    "rejects": _schema(
        _ID, ("url", pa.string()), ("record_type", pa.string()), ("status", pa.int32()), ("mime", pa.string()),
        ("reason", pa.string()), ("bytes", pa.int64()),
    ),
    **{name: schema(signals) for name, signals in FAMILIES.items()},
    "duplicates": _schema(
        _ID, ("exact_group", pa.int64()), ("url_group", pa.int64()), _CAPTURED, ("cluster_id", pa.int64()),
        ("cluster_size", pa.int32()),
        ("pairs", pa.list_(pa.struct([("doc_id", pa.int64()), ("jaccard", pa.float32())]))),
    ),
    "boilerplate": _schema(
        _ID, ("mask", pa.binary()), ("lines", pa.int32()), ("bytes", pa.int32()), ("capped", pa.bool_()),
    ),
    "decisions": _schema(
        _ID, ("kept", pa.bool_()), ("reason", pa.string()), ("value", pa.float64()), ("threshold", pa.float64()),
        ("duplicate_of", pa.int64()), ("cluster_id", pa.int64()), ("cluster_size", pa.int32()),
    ),
    "corpus": _schema(
        _ID, ("url", pa.string()), ("canonical_url", pa.string()), ("host", pa.string()), _CAPTURED,
        ("published", pa.date32()), ("title", pa.string()), ("text", pa.string()), ("language", pa.string()),
        ("language_score", pa.float32()), *(_HEURISTICS.field(name) for name in MEASURED_AGAIN),
        ("content_hash", pa.binary(16)), ("cluster_id", pa.int64()), ("cluster_size", pa.int32()),
        ("edited_bytes", pa.int32()), ("pii_masked", pa.int32()),
    ),
    "index": _schema(("band", pa.int8()), ("key", pa.uint64()), ("doc_id", pa.int64())),
    "history": _schema(("band", pa.int8()), ("key", pa.uint64()), ("snapshot", pa.string()), _ID),
    "pairs": _schema(_ID, ("match_doc_id", pa.int64()), ("jaccard", pa.float32())),
    "matches": _schema(
        _ID, ("match_snapshot", pa.string()), ("match_doc_id", pa.int64()), ("jaccard", pa.float32()),
        ("first_seen", pa.string()),
    ),
    "mix": _schema(("snapshot", pa.string()), _ID, ("split", pa.string()), ("reason", pa.string())),
    "tokens": _schema(
        ("stream_offset", pa.int64()), ("snapshot", pa.string()), _ID, ("language", pa.string()),
        ("bytes", pa.int32()), ("tokens", pa.list_(pa.uint32())),
    ),
    "samples": _schema(
        _ID, ("kept", pa.bool_()), ("rule", pa.string()), ("pick", pa.string()), ("value", pa.float64()),
        ("threshold", pa.float64()), ("language", pa.string()), ("score", pa.float32()), ("host", pa.string()),
        ("url", pa.string()), ("title", pa.string()), ("text", pa.string()), ("chars", pa.int32()),
        ("rule_lines", pa.list_(pa.int32())), ("repeated_lines", pa.list_(pa.int32())), ("duplicate_of", pa.int64()),
        ("duplicate_url", pa.string()), ("decisions", pa.string()),
    ),
    "metrics": _schema(
        ("stage", pa.string()), ("metric", pa.string()), ("scope", pa.string()), ("key", pa.string()),
        ("value", pa.float64()), ("count", pa.int64()),
    ),
}  # fmt: skip

FILE_DATASETS = frozenset({"tokenizer", "weights", "model", "report", "score_model"})
"""Datasets whose files are not tables; their manifests list any files."""
