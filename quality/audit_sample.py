"""Seeded samples of documents, and the texts and addresses of a few documents out of many.

Whether a document is sampled depends on the seed and its id alone, so equal datasets are audited alike.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from gristmill.lake import Lake, LakeError, Manifest
from gristmill.schemas import OFFSET_BITS

Ids = NDArray[np.int64]


def sample(ids: Ids, size: int, seed: int) -> NDArray[np.intp]:
    """Places of `size` of `ids`, all where there are fewer: those with the least hash of (seed, id)."""
    return np.argsort(_hashes(ids, seed), kind="stable")[:size]


def _hashes(ids: Ids, seed: int) -> NDArray[np.uint64]:
    """SplitMix64 (Steele et al. 2014) of id and seed: a bijection, so different ids never tie."""
    start = np.array([seed], np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    value: NDArray[np.uint64] = ids.astype(np.uint64) + start
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        value = (value ^ value >> np.uint64(shift)) * np.uint64(factor)
    value ^= value >> np.uint64(31)
    return value


def values_of(lake: Lake, documents: Manifest, ids: Ids, column: str = "text") -> dict[int, str]:
    """doc_id -> value of a column of strings, of those of `ids` that are in `documents`; null is empty.

    Reads as `wanted_rows` does. Raises LakeError for a damaged file.
    """
    found: dict[int, str] = {}
    for table in wanted_rows(lake, documents, ids, ["doc_id", column]):
        values = pc.fill_null(table.column(column), "")
        found.update(zip(table.column("doc_id").to_pylist(), values.to_pylist(), strict=True))
    return found


def wanted_rows(lake: Lake, dataset: Manifest, ids: Ids, columns: list[str]) -> Iterator[pa.Table]:
    """`columns`, doc_id among them, of those of `ids` that the dataset has, in order of doc_id.

    Reads only the row groups whose range of ids holds one that is wanted, one at a time: at most as many as there are
    ids, of 32 MB each, however large the dataset. Raises LakeError for a damaged file.
    """
    wanted = np.unique(ids)
    for entry in dataset.files:
        bounds = [int(entry.unit) << OFFSET_BITS, (int(entry.unit) + 1) << OFFSET_BITS]
        low, high = np.searchsorted(wanted, bounds)
        if low == high:
            continue
        path = lake.path(entry)
        try:
            with pq.ParquetFile(path) as file:
                yield from _row_groups(file, wanted[low:high], columns)
        except (OSError, pa.ArrowException) as error:
            raise LakeError(f"{path} cannot be read ({error}); run `gristmill verify`") from error


def _row_groups(file: pq.ParquetFile, wanted: Ids, columns: list[str]) -> Iterator[pa.Table]:
    """The wanted rows of each row group that may hold one; `wanted` is sorted."""
    key = file.schema_arrow.names.index("doc_id")
    for group in range(file.num_row_groups):
        held = file.metadata.row_group(group).column(key).statistics
        low, high = np.searchsorted(wanted, [held.min, held.max + 1]) if held is not None else (0, len(wanted))
        if low < high:
            table = file.read_row_group(group, columns)
            yield table.filter(pc.is_in(table.column("doc_id"), pa.array(wanted[low:high])))
