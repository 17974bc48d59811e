"""Edits by byte offsets in the raw text: ranges deleted and spans replaced by placeholders, in one pass."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray

from gristmill.errors import UserError
from gristmill.signals.pii import PII_TYPES
from spark_jobs.text.pii.settle import BOUNDS, TEXT
from spark_jobs.text.unicode import utf8_buffers


class UnknownTypeError(UserError):
    """A type of personal data that no detector knows."""


def mask(text: pa.Array, spans: pa.Array, types: Sequence[str] | None = None) -> pa.Array:
    """The n texts with the spans of the given types (of all, by default) replaced by placeholders.

    `spans`: the column `pii_spans` of the same texts. Raises UnknownTypeError.
    """
    none = pa.array([[]] * len(text), pa.list_(pa.int32()))
    return apply_edits(text, none, none, spans, types)


def apply_edits(
    text: pa.Array, starts: pa.Array, ends: pa.Array, spans: pa.Array, types: Sequence[str] | None = None
) -> pa.Array:
    """The n texts without the bytes of [starts, ends) (list<int32>) and with placeholders for the spans.

    All offsets are those of the raw text; ranges and spans are each sorted and without overlap. Where a range
    covers a part of a span, the placeholder stands at the first byte that is left, and nothing else of the span
    stays. Null texts become empty. Raises UnknownTypeError.
    """
    unknown = sorted(set(types or ()) - set(PII_TYPES))
    if unknown:
        raise UnknownTypeError(f"Unknown PII type {', '.join(unknown)}: choose from {', '.join(PII_TYPES)}.")
    chosen = np.array([types is None or kind in types for kind in PII_TYPES])
    offsets, data = utf8_buffers(text)
    drop_bounds, drop_start = _list_values(starts)
    _, drop_end = _list_values(ends)
    span_bounds, items = _lists(spans)
    kind, start, end = (items.field(i).to_numpy() for i in range(3))
    bounds, out = _edit(offsets, data, drop_bounds, drop_start, drop_end, span_bounds, kind, start, end, chosen)
    buffers = [None, pa.py_buffer(bounds), pa.py_buffer(out)]
    return pa.Array.from_buffers(pa.large_string(), len(text), buffers).cast(pa.string())


def _lists(lists: pa.Array) -> tuple[NDArray[np.int64], pa.Array]:
    """(where the items of each list begin (n + 1), items); a null is an empty list."""
    sizes = lists.value_lengths().fill_null(0).to_numpy()
    return np.concatenate(([0], np.cumsum(sizes, dtype=np.int64))), lists.flatten()


def _list_values(lists: pa.Array) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    bounds, items = _lists(lists)
    return bounds, items.to_numpy()


@njit(cache=True, nogil=True)
def _edit(
    offsets: NDArray[np.int64],
    data: NDArray[np.uint8],
    drop_bounds: NDArray[np.int64],
    drop_start: NDArray[np.int32],
    drop_end: NDArray[np.int32],
    span_bounds: NDArray[np.int64],
    kind: NDArray[np.int8],
    start: NDArray[np.int32],
    end: NDArray[np.int32],
    chosen: NDArray[np.bool_],
) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """(offsets, bytes) of the edited texts."""
    rows = len(offsets) - 1
    bounds = np.zeros(rows + 1, np.int64)
    out = np.empty(offsets[rows] - offsets[0] + len(TEXT) * len(kind), np.uint8)
    size = 0
    for row in range(rows):
        lo, hi = offsets[row], offsets[row + 1]
        drop, last_drop = drop_bounds[row], drop_bounds[row + 1]
        span, last_span = span_bounds[row], span_bounds[row + 1]
        at = lo
        placed = -1
        while at < hi:
            while drop < last_drop and lo + drop_end[drop] <= at:
                drop += 1
            while span < last_span and (lo + end[span] <= at or not chosen[kind[span]]):
                span += 1
            next_drop = lo + drop_start[drop] if drop < last_drop else hi
            next_span = lo + start[span] if span < last_span else hi
            if next_drop <= at:
                at = min(hi, lo + drop_end[drop])
            elif next_span <= at:
                if placed != span:
                    for k in range(BOUNDS[kind[span]], BOUNDS[kind[span] + 1]):
                        out[size] = TEXT[k]
                        size += 1
                    placed = span
                at = min(next_drop, lo + end[span])
            else:
                stop = min(next_drop, next_span, hi)
                out[size : size + stop - at] = data[at:stop]
                size += stop - at
                at = stop
        bounds[row + 1] = size
    return bounds, out[:size]
