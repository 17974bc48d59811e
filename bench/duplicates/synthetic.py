"""Signatures without texts, as many as wanted: most alike to no other, planted groups, one bucket of equal documents.

A file of FILE_ROWS documents is written once and belongs to every larger set, so sizes differ in files alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bench.duplicates.search import documents_table
from gristmill.lake import FileEntry, Lake
from gristmill.schemas import BANDS, HASHES, OFFSET_BITS, ROWS_PER_BAND, SCHEMAS

FILE_ROWS = 100_000
GROUP = 4
GROUPED_SHARE = 0.25
CHANGED = 4
"""Hashes of 112 in which a member of a group differs from its first: an estimate of about 0.96, no close call."""
EQUAL_FILES = 2
"""Files of documents with one text: a bucket of 200,000."""


@dataclass(frozen=True)
class Synthetic:
    """The files of both datasets, in order; those of equal documents are the last."""

    minhash: list[FileEntry]
    documents: list[FileEntry]

    def first(self, files: int, equal: int) -> tuple[list[FileEntry], list[FileEntry]]:
        """(minhash, documents) of `files` files, `equal` of them of equal documents."""
        chosen = [*range(files - equal), *range(len(self.minhash) - equal, len(self.minhash))]
        return [self.minhash[i] for i in chosen], [self.documents[i] for i in chosen]


def write(lake: Lake, files: int, rows: int, seed: int) -> Synthetic:
    """`files` files of `rows` documents, and EQUAL_FILES more of equal ones."""
    found = Synthetic([], [])
    for index in range(files + EQUAL_FILES):
        rng = np.random.default_rng([seed, index])
        ids = (index << OFFSET_BITS) + np.arange(rows)
        if index < files:
            values, content = _values(rows, rng), rng.integers(0, 2**64, (rows, 2), np.uint64)
        else:
            values, content = np.full((rows, HASHES), 7, np.uint16), np.full((rows, 2), 7, np.uint64)
        found.minhash.append(lake.write_table("minhash", f"{index:06d}", signed(ids, content, values)))
        found.documents.append(lake.write_table("documents", f"{index:06d}", without_text(ids, str(index))))
    return found


def _values(rows: int, rng: np.random.Generator) -> NDArray[np.uint16]:
    """Random signatures; the first of them in groups of GROUP near-duplicates."""
    values = rng.integers(0, 2**16, (rows, HASHES), np.uint16)
    grouped = int(rows * GROUPED_SHARE) // GROUP * GROUP
    firsts = np.repeat(np.arange(0, grouped, GROUP), GROUP)
    values[:grouped] = np.where(
        (np.arange(grouped) % GROUP > 0)[:, None], changed(values[firsts], rng), values[:grouped]
    )
    return values


def changed(values: NDArray[np.uint16], rng: np.random.Generator) -> NDArray[np.uint16]:
    """The signatures with CHANGED hashes of each, anywhere, replaced."""
    found = values.copy()
    places = rng.integers(0, HASHES, len(values))[:, None] + np.arange(CHANGED) * 17
    np.put_along_axis(found, places % HASHES, rng.integers(0, 2**16, places.shape, np.uint16), axis=1)
    return found


def without_text(ids: NDArray[np.int64], place: str) -> pa.Table:
    """Rows of `documents`: an address of its own for each, and nothing else."""
    urls = [f"https://site{i % 5000}.example/{place}/{i}" for i in range(len(ids))]
    table = documents_table(pa.array(ids), pa.nulls(len(ids), pa.string()))
    column = table.schema.get_field_index("canonical_url")
    return table.set_column(column, "canonical_url", pa.array(urls, pa.string()))


def signed(ids: NDArray[np.int64], content: NDArray[np.uint64], values: NDArray[np.uint16]) -> pa.Table:
    """Rows of `minhash`."""
    parts = [values[:, band * ROWS_PER_BAND : (band + 1) * ROWS_PER_BAND] for band in range(BANDS)]
    columns = [pa.array(ids), _binaries(content), pa.array(np.full(len(ids), 500, np.int32)), *map(_binaries, parts)]
    return pa.table(columns, schema=SCHEMAS["minhash"])


def _binaries(values: NDArray[np.generic]) -> pa.Array:
    data = pa.py_buffer(np.ascontiguousarray(values).tobytes())
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), len(values), [None, data])


def publish(lake: Lake, chosen: tuple[Sequence[FileEntry], Sequence[FileEntry]]) -> tuple[str, str]:
    """Digests of (minhash, documents)."""
    made = {"made": "for a benchmark"}
    return lake.publish("minhash", chosen[0], made).digest, lake.publish("documents", chosen[1], made).digest
