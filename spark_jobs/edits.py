"""The edits of kept text: lines that a mask drops, white space and invisible characters, personal data.

Personal data is looked for last: dropped lines and removed invisible characters may join what they parted.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gristmill.signals.pii import PII_TYPES
from spark_jobs.policies.model import Edits
from spark_jobs.text.clean import clean
from spark_jobs.text.lines import apply_line_mask
from spark_jobs.text.pii import mask, pii


def edited(text: pa.Array, dropped: pa.Array | None, edits: Edits) -> tuple[pa.Array, pa.Array]:
    """(n texts after the edits, spans of personal data masked in each: int32). `dropped`: masks of their lines."""
    if dropped is not None or edits.citations:
        dropped = pa.nulls(len(text), pa.binary()) if dropped is None else dropped
        fewer = apply_line_mask(text, dropped, edits.citations)
        # Published line rules strip every line of every text; repeated lines are taken from the texts that have any.
        text = (
            fewer
            if edits.lines or edits.citations
            else pc.if_else(pc.greater(pc.fill_null(pc.binary_length(dropped), 0), 0), fewer, text)
        )
    text = clean(text)
    if not edits.mask_pii:
        return text, pa.array(np.zeros(len(text), np.int32))
    types = PII_TYPES if edits.mask_pii is True else tuple(edits.mask_pii)
    found = pii(pa.array(np.arange(len(text))), text)
    masked = np.sum([found.column(f"pii_{kind}").to_numpy() for kind in types], axis=0, dtype=np.int32)
    return mask(text, found.column("pii_spans").combine_chunks(), types), pa.array(masked)


def too_short(measured: pa.Table, edits: Edits) -> pa.Array:
    """The last rule, over the signals of the edited texts; words are counted where they can be."""
    short = pc.less(measured.column("chars"), edits.final.min_chars)
    few = pc.less(measured.column("words"), edits.final.min_words)
    return pc.or_(short, pc.and_(few, measured.column("words_measurable")))
