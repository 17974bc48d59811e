"""The declared Arrow schema of every dataset: where the rooms meet.

Signals name the view of the text that they measure in the field metadata `view`.
"""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

BANDS = 14
ROWS_PER_BAND = 8
HASHES = BANDS * ROWS_PER_BAND
OFFSET_BITS = 40
"""doc_id = file_index << 40 | record offset (23 + 40 bits)."""

END_OF_TEXT = 0
"""Token that ends a document in every token stream."""

RATIOS = [
    "mean_word_length", "symbol_ratio", "end_punctuation_ratio", "bullet_ratio", "ellipsis_ratio",
    "short_line_ratio", "stop_word_ratio", "duplicate_line_ratio", "duplicate_line_char_ratio",
    "top_2gram_ratio", "top_3gram_ratio", "top_4gram_ratio", "digit_ratio", "upper_ratio", "alpha_ratio",
]  # fmt: skip

_ID = pa.field("doc_id", pa.int64(), nullable=False)
_CAPTURED = pa.field("captured", pa.timestamp("s", tz="UTC"))


def _schema(*fields: pa.Field | tuple[str, pa.DataType]) -> pa.Schema:
    return pa.schema([f if isinstance(f, pa.Field) else pa.field(*f) for f in fields])


def _signals(view: str, fields: Iterable[tuple[str, pa.DataType]]) -> pa.Schema:
    metadata = {"view": view}
    return pa.schema([_ID, *(pa.field(name, kind, metadata=metadata) for name, kind in fields)])


SCHEMAS: dict[str, pa.Schema] = {
    "documents": _schema(
        _ID, ("url", pa.string()), ("host", pa.string()), _CAPTURED, ("charset", pa.string()),
        ("text", pa.string()), ("title", pa.string()), ("html_bytes", pa.int32()), ("extractor", pa.string()),
    ),
    "rejects": _schema(
        _ID, ("url", pa.string()), ("record_type", pa.string()), ("status", pa.int32()), ("mime", pa.string()),
        ("reason", pa.string()), ("bytes", pa.int64()),
    ),
    "heuristics": _signals("text", [
        *((name, pa.int32()) for name in ("bytes", "chars", "words", "lines", "stop_words")),
        *((name, pa.float32()) for name in RATIOS),
        ("script", pa.string()), ("words_measurable", pa.bool_()),
    ]),
    "language": _signals("text head", [("language", pa.string()), ("score", pa.float32())]),
    "minhash": _signals("text folded for shingling", [
        ("content_hash", pa.binary(16)), ("shingles", pa.int32()),
        *((f"band_{band:02d}", pa.uint64()) for band in range(BANDS)),
        ("signature", pa.list_(pa.uint16(), HASHES)),
    ]),
    "duplicates": _schema(
        _ID, ("exact_group", pa.int64()), ("cluster_id", pa.int64()), ("cluster_size", pa.int32()),
        ("pairs", pa.list_(pa.struct([("doc_id", pa.int64()), ("jaccard", pa.float32())]))),
    ),
    "decisions": _schema(
        _ID, ("kept", pa.bool_()), ("reason", pa.string()), ("value", pa.float64()), ("threshold", pa.float64()),
        ("duplicate_of", pa.int64()), ("cluster_id", pa.int64()), ("cluster_size", pa.int32()),
    ),
    "corpus": _schema(
        _ID, ("url", pa.string()), ("host", pa.string()), _CAPTURED, ("title", pa.string()), ("text", pa.string()),
        ("language", pa.string()), ("language_score", pa.float32()), ("script", pa.string()),
        ("content_hash", pa.binary(16)), ("cluster_id", pa.int64()), ("cluster_size", pa.int32()),
        ("bytes", pa.int32()), ("chars", pa.int32()), ("words", pa.int32()),
        ("end_punctuation_ratio", pa.float32()), ("duplicate_line_ratio", pa.float32()),
        ("symbol_ratio", pa.float32()), ("digit_ratio", pa.float32()), ("edited_bytes", pa.int32()),
    ),
    "index": _schema(("band", pa.int8()), ("key", pa.uint64()), ("doc_id", pa.int64())),
    "matches": _schema(
        _ID, ("match_snapshot", pa.string()), ("match_doc_id", pa.int64()), ("jaccard", pa.float32()),
        ("first_seen", pa.string()),
    ),
    "mix": _schema(("snapshot", pa.string()), _ID, ("split", pa.string()), ("reason", pa.string())),
    "tokens": _schema(
        ("stream_offset", pa.int64()), ("snapshot", pa.string()), _ID, ("language", pa.string()),
        ("bytes", pa.int32()), ("tokens", pa.list_(pa.uint32())),
    ),
    "metrics": _schema(
        ("stage", pa.string()), ("metric", pa.string()), ("scope", pa.string()), ("key", pa.string()),
        ("value", pa.float64()), ("count", pa.int64()),
    ),
}  # fmt: skip

FILE_DATASETS = frozenset({"tokenizer", "weights", "model", "report"})
"""Datasets whose files are not tables; their manifests list any files."""

SIGNAL_FAMILIES = ("heuristics", "language", "minhash")
