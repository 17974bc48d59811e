"""The signatures of a snapshot in memory: about 270 bytes a document, and 170 more while they are searched."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gristmill.lake import FileEntry, Lake
from gristmill.schemas import BANDS, HASHES, ROWS_PER_BAND

Ids = NDArray[np.int64]
BAND_COLUMNS = tuple(f"band_{band:02d}" for band in range(BANDS))


@dataclass(frozen=True)
class Signatures:
    """n documents by doc_id: `content` (n, 2) 128-bit hashes, `shingles` (n,), `values` (n, 112), 0 without a shingle.

    A place is the index of a document here; places ascend as ids do.
    """

    doc_id: Ids
    content: NDArray[np.uint64]
    shingles: NDArray[np.int32]
    values: NDArray[np.uint16]


def read_signatures(lake: Lake, files: Sequence[FileEntry], threads: int) -> Signatures:
    """All rows of the `minhash` files of a snapshot."""
    files = sorted(files, key=lambda entry: int(entry.unit))
    starts = list(accumulate((entry.rows for entry in files), initial=0))
    rows = starts[-1]
    into = Signatures(
        np.empty(rows, np.int64), np.empty((rows, 2), np.uint64), np.empty(rows, np.int32),
        np.zeros((rows, HASHES), np.uint16),
    )  # fmt: skip
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda entry, start: _fill(lake, entry, start, into), files, starts))
    return into


def _fill(lake: Lake, entry: FileEntry, start: int, into: Signatures) -> None:
    table = lake.read_file(entry, ["doc_id", "content_hash", "shingles", *BAND_COLUMNS])
    own = slice(start, start + table.num_rows)
    into.doc_id[own] = table.column("doc_id").to_numpy()
    into.shingles[own] = table.column("shingles").to_numpy()
    into.content[own] = binary_rows(table.column("content_hash"), np.uint64)
    into.values[own] = signature_rows(table)


def signature_rows(table: pa.Table) -> NDArray[np.uint16]:
    """The signatures (n, 112) of a table with the band columns; 0 where they are null."""
    found = np.zeros((table.num_rows, HASHES), np.uint16)
    for band, name in enumerate(BAND_COLUMNS):
        found[:, band * ROWS_PER_BAND : (band + 1) * ROWS_PER_BAND] = binary_rows(table.column(name), np.uint16)
    return found


def binary_rows(column: pa.ChunkedArray, kind: Any) -> NDArray[Any]:
    """The rows of a column of fixed-size binaries as numbers: (n, width); null rows hold anything."""
    width: int = column.type.byte_width
    parts = [np.empty((0, width), np.uint8)]
    for chunk in column.chunks:
        data = np.frombuffer(chunk.buffers()[1], np.uint8)
        parts.append(data[chunk.offset * width : (chunk.offset + len(chunk)) * width].reshape(-1, width))
    return np.ascontiguousarray(np.concatenate(parts)).view(kind)
