"""The `lines` family: which lines published rules drop; and the edit by such a mask."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray

from gristmill.signals.lines import LINES
from spark_jobs.text.classes import classes
from spark_jobs.text.decode import decode, encode
from spark_jobs.text.family import table_of
from spark_jobs.text.kernel import inner
from spark_jobs.text.line_hashes import line_hashes
from spark_jobs.text.rules_of_lines import (
    BELOW_FIVE,
    BELOW_THREE,
    BOILERPLATE,
    COUNTER,
    CURLY,
    JAVASCRIPT,
    LONG_WORD,
    LOREM,
    NO_END_MARK,
    NUMERIC,
    ONE_WORD,
    POLICY,
    UPPERCASE,
    citation,
    dropped_datatrove,
    dropped_original,
    dropped_refinedweb,
    line_end,
    line_facts,
    next_line,
    strip,
)
from spark_jobs.text.unicode import utf8_buffers

MASKS = ("c4_original", "c4_datatrove", "refinedweb")

_AT = {signal.name: position for position, signal in enumerate(LINES)}
_LINES, _CITATIONS = _AT["split_lines"], _AT["citations"]
_NO_END = _AT["c4_original_no_end_mark_lines"]
_ORIGINAL, _DATATROVE = _AT["c4_original_dropped_lines"], _AT["c4_datatrove_dropped_lines"]
_REFINEDWEB = _AT["refinedweb_dropped_lines"]
_C4_REASONS = np.array([LONG_WORD, 0, JAVASCRIPT, POLICY])
_REFINEDWEB_REASONS = np.array([UPPERCASE, NUMERIC, COUNTER, ONE_WORD, BOILERPLATE])


def lines(doc_id: pa.Array, text: pa.Array, language: pa.Array) -> pa.Table:
    """The `lines` signals of n documents. No rule depends on `language`."""
    offsets, data = utf8_buffers(text)
    rows = len(offsets) - 1
    figures = np.zeros((rows, len(LINES)))
    room = int((offsets[-1] - offsets[0]) // 8 + 2 * rows)
    masks = np.zeros((len(MASKS), room), np.uint8)
    ends = np.zeros((len(MASKS), rows + 1), np.int32)
    if rows:
        _measure(offsets, data, classes(), figures, masks, ends)
    columns = {name: _binary(ends[i], masks[i]) for i, name in enumerate(MASKS)}
    columns["line_hashes"] = line_hashes(text)
    return table_of(doc_id, LINES, figures, columns)


def _binary(ends: NDArray[np.int32], data: NDArray[np.uint8]) -> pa.Array:
    used = data[: ends[-1]].tobytes()
    return pa.Array.from_buffers(pa.binary(), len(ends) - 1, [None, pa.py_buffer(ends.tobytes()), pa.py_buffer(used)])


def apply_line_mask(text: pa.Array, mask: pa.Array, strip_citations: bool) -> pa.Array:
    """`text` without the lines that `mask` drops, each kept line stripped, joined by \\n; the whole stripped.

    `strip_citations` removes [n], [edit] and [citation needed] too. A null mask drops no line.
    """
    offsets, data = utf8_buffers(text)
    rows = len(offsets) - 1
    if not rows:
        return pa.array([], pa.string())
    mask = (mask.combine_chunks() if isinstance(mask, pa.ChunkedArray) else mask).fill_null(b"")
    _, mask_offsets, mask_data = mask.buffers()
    mask_ends = np.frombuffer(mask_offsets, np.int32)[mask.offset : mask.offset + rows + 1]
    bits = np.frombuffer(mask_data, np.uint8) if mask_data is not None else np.empty(0, np.uint8)
    edited = np.empty(int(offsets[-1] - offsets[0]), np.uint8)
    ends = np.zeros(rows + 1, np.int64)
    _edit(offsets, data, classes(), mask_ends, bits, strip_citations, edited, ends)
    buffers = [None, pa.py_buffer(ends.tobytes()), pa.py_buffer(edited[: ends[-1]].tobytes())]
    return pa.Array.from_buffers(pa.large_string(), rows, buffers).cast(pa.string())


@njit(cache=True, nogil=True)
def _measure(
    offsets: NDArray[np.int64], data: NDArray[np.uint8], table: NDArray[np.uint32], figures: NDArray[np.float64],
    masks: NDArray[np.uint8], ends: NDArray[np.int32],
) -> None:  # fmt: skip
    longest = 0
    for row in range(len(offsets) - 1):
        longest = max(longest, offsets[row + 1] - offsets[row])
    points = np.empty(longest, np.int32)
    for row in range(len(offsets) - 1):
        chars = decode(data, offsets[row], offsets[row + 1], points)
        _document(points, chars, table, figures[row], masks, ends, row)


@inner
def _document(
    points: NDArray[np.int32], chars: int, table: NDArray[np.uint32], figures: NDArray[np.float64],
    masks: NDArray[np.uint8], ends: NDArray[np.int32], row: int,
) -> None:  # fmt: skip
    start = count = words = lost = total = 0
    for which in range(3):
        ends[which, row + 1] = ends[which, row]
    while start < chars:
        facts, in_line, citations, first, last, stop = line_facts(points, start, chars, table)
        original, datatrove = dropped_original(facts), dropped_datatrove(facts)
        refinedweb = dropped_refinedweb(facts) if last > first else 0
        _tally(facts, original, datatrove, refinedweb, last - first, figures)
        figures[_CITATIONS] += 0 if datatrove else citations
        words += in_line
        lost += in_line if refinedweb else 0
        total += last - first
        _set(masks, ends, 0, row, count, original)
        _set(masks, ends, 1, row, count, datatrove)
        _set(masks, ends, 2, row, count, refinedweb)
        count += 1
        start = next_line(points, stop, chars)
    figures[_LINES] = count
    figures[_ORIGINAL + 1] = figures[_ORIGINAL + 1] / total if total else np.nan
    figures[_DATATROVE + 1] = figures[_DATATROVE + 1] / total if total else np.nan
    figures[_REFINEDWEB + 1] = lost / words if words else np.nan


@inner
def _set(masks: NDArray[np.uint8], ends: NDArray[np.int32], which: int, row: int, line: int, dropped: int) -> None:
    if dropped:
        place = ends[which, row] + (line >> 3)
        masks[which, place] |= np.uint8(1 << (line & 7))
        ends[which, row + 1] = place + 1


@inner
def _tally(
    facts: int, original: int, datatrove: int, refinedweb: int, chars: int, figures: NDArray[np.float64]
) -> None:
    figures[_NO_END] += original == NO_END_MARK
    for base, reason, few in ((_ORIGINAL, original, BELOW_FIVE), (_DATATROVE, datatrove, BELOW_THREE)):
        figures[base] += reason != 0
        figures[base + 1] += chars if reason else 0
        figures[base + 2] += reason == LONG_WORD
        figures[base + 3] += reason == few
        figures[base + 4] += reason == JAVASCRIPT
        figures[base + 5] += reason == POLICY
        if reason in (0, JAVASCRIPT, POLICY):
            figures[base + 6] = max(figures[base + 6], 1 if facts & LOREM else 0)
        if reason in (0, POLICY):
            figures[base + 7] = max(figures[base + 7], 1 if facts & CURLY else 0)
    figures[_REFINEDWEB] += refinedweb != 0
    for k in range(len(_REFINEDWEB_REASONS)):
        figures[_REFINEDWEB + 2 + k] += refinedweb == _REFINEDWEB_REASONS[k]


@njit(cache=True, nogil=True)
def _edit(
    offsets: NDArray[np.int64], data: NDArray[np.uint8], table: NDArray[np.uint32], mask_ends: NDArray[np.int32],
    bits: NDArray[np.uint8], strip_citations: bool, edited: NDArray[np.uint8], ends: NDArray[np.int64],
) -> None:  # fmt: skip
    longest = 0
    for row in range(len(offsets) - 1):
        longest = max(longest, offsets[row + 1] - offsets[row])
    points = np.empty(longest, np.int32)
    kept = np.empty(longest + 1, np.int32)
    for row in range(len(offsets) - 1):
        chars = decode(data, offsets[row], offsets[row + 1], points)
        start = count = length = 0
        while start < chars:
            stop = line_end(points, start, chars, table)
            place = mask_ends[row] + (count >> 3)
            if place >= mask_ends[row + 1] or not bits[place] >> (count & 7) & 1:
                length = copy_line(points, start, stop, table, strip_citations, kept, length)
                kept[length] = 10
                length += 1
            count += 1
            start = next_line(points, stop, chars)
        first, last = strip(kept, 0, length, table)
        ends[row + 1] = encode(kept, first, last, edited, ends[row])


@inner
def copy_line(
    points: NDArray[np.int32], start: int, end: int, table: NDArray[np.uint32], strip_citations: bool,
    out: NDArray[np.int32], at: int,
) -> int:  # fmt: skip
    """Append the stripped line, with or without citation markers, to out[:at]; the new length."""
    start, end = strip(points, start, end, table)
    i = start
    while i < end:
        marker = citation(points, i, end, table) if strip_citations and points[i] == 91 else 0
        if marker:
            i += marker
            continue
        out[at] = points[i]
        at += 1
        i += 1
    return at
