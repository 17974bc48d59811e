"""The `language` family: of a text's head, of its paragraphs, and its scripts.

The model reads about 8 MB/s, so it sees at most 3,000 characters of a head and 8 times 128 of paragraphs.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray

from gristmill.signals.language import LANGUAGE
from spark_jobs.text.classes import ALONE, ALPHABETIC, classes
from spark_jobs.text.decode import decode
from spark_jobs.text.family import table_of
from spark_jobs.text.language import language, predict
from spark_jobs.text.unicode import SCRIPTS, TABLE_SIZE, tables, utf8_buffers

PARAGRAPHS = 8
PARAGRAPH_CHARS = 128
PARAGRAPH_LETTERS = 40
SHOWN = 4
"""Languages and scripts per document, at most."""

_COUNT, _MAIN_LANGUAGE, _MAIN_SCRIPT = 2, 4, 6


def languages(doc_id: pa.Array, text: pa.Array) -> pa.Table:
    """The `language` signals of n documents."""
    offsets, data = utf8_buffers(text)
    rows = len(offsets) - 1
    figures = np.full((rows, len(LANGUAGE)), np.nan)
    letters = np.zeros((rows, len(SCRIPTS)), np.int64)
    spans = np.zeros((rows, PARAGRAPHS, 2), np.int64)
    counts = np.zeros(rows, np.int64)
    if rows:
        _paragraphs(offsets, data, classes(), tables()[1], letters, spans, counts)
    heads = language(doc_id, text)
    codes = heads.column("language").to_pylist()
    shares = _paragraph_shares(data, spans, counts)
    figures[:, _COUNT] = counts
    for row, found in enumerate(shares):
        total = sum(found.values())
        if total:
            figures[row, _MAIN_LANGUAGE] = found.get(codes[row], 0) / total
    known = letters.sum(axis=1)
    figures[:, _MAIN_SCRIPT] = np.where(known > 0, letters.max(axis=1, initial=0) / np.maximum(1, known), np.nan)
    scripts = [dict(zip(SCRIPTS, row.tolist(), strict=True)) for row in letters]
    columns = {
        "language": heads.column("language").combine_chunks(),
        "score": heads.column("score").combine_chunks(),
        "paragraph_languages": _greatest(shares, LANGUAGE[3].type, "language"),
        "scripts": _greatest(scripts, LANGUAGE[5].type, "script"),
    }
    return table_of(doc_id, LANGUAGE, figures, columns)


def _paragraph_shares(
    data: NDArray[np.uint8], spans: NDArray[np.int64], counts: NDArray[np.int64]
) -> list[dict[str, int]]:
    """Per document: language -> bytes of its paragraphs that the model read."""
    buffer = data.tobytes()
    shares = []
    for row, count in enumerate(counts.tolist()):
        found: dict[str, int] = defaultdict(int)
        for start, end in spans[row, :count].tolist():
            code, _ = predict(" ".join(buffer[start:end].decode("utf-8").split()))
            found[code] += end - start
        shares.append(dict(found))
    return shares


def _greatest(shares: list[dict[str, int]], kind: pa.DataType, name: str) -> pa.Array:
    """The first few of each document, greatest first, equal ones by name, as list<struct<name, share>>."""
    rows = []
    for found in shares:
        total = sum(found.values())
        order = sorted((-size, key) for key, size in found.items() if size)
        rows.append([{name: key, "share": round(-size / total, 6)} for size, key in order[:SHOWN]])
    return pa.array(rows, kind)


@njit(cache=True, nogil=True)
def _paragraphs(
    offsets: NDArray[np.int64], data: NDArray[np.uint8], table: NDArray[np.uint32], scripts: NDArray[np.uint8],
    letters: NDArray[np.int64], spans: NDArray[np.int64], counts: NDArray[np.int64],
) -> None:  # fmt: skip
    """Letters per script, and the byte spans of up to PARAGRAPHS lines with enough letters, evenly spaced."""
    longest = 0
    for row in range(len(offsets) - 1):
        longest = max(longest, offsets[row + 1] - offsets[row])
    points = np.empty(longest, np.int32)
    most = longest // PARAGRAPH_LETTERS + 1
    starts, ends = np.empty(most, np.int64), np.empty(most, np.int64)
    for row in range(len(offsets) - 1):
        chars = decode(data, offsets[row], offsets[row + 1], points)
        found = in_line = length = 0
        place = start = offsets[row]
        cut = place
        for i in range(chars + 1):
            point = points[i] if i < chars else np.int32(10)
            if point == 10:
                if in_line >= PARAGRAPH_LETTERS:
                    starts[found], ends[found] = start, cut
                    found += 1
                in_line = length = 0
                place += 1
                start = cut = place
                continue
            place += 1 if point < 0x80 else 2 if point < 0x800 else 3 if point < 0x10000 else 4
            length += 1
            cut = place if length <= PARAGRAPH_CHARS else cut
            if point < TABLE_SIZE and table[point] & np.uint32(ALPHABETIC | ALONE):
                in_line += 1
                letters[row, scripts[point]] += 1
        counts[row] = min(found, PARAGRAPHS)
        for k in range(counts[row]):
            which = k if found <= PARAGRAPHS else k * found // PARAGRAPHS
            spans[row, k, 0], spans[row, k, 1] = starts[which], ends[which]
