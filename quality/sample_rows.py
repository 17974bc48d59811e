"""The rows of a few documents out of many, from any dataset that has one file per input file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gristmill.lake import Lake, LakeError, declared
from gristmill.schemas import OFFSET_BITS
from quality.audit_sample import Ids


def rows_of(
    lake: Lake, digest: str, ids: Ids, columns: Sequence[str], change: Callable[[pa.Table], pa.Table] = lambda t: t
) -> pa.Table:
    """`doc_id` and `columns` of those of `ids` that the dataset has, by doc_id.

    Reads only the row groups whose range of ids holds one that is wanted, one at a time; `change` is applied to the
    wanted rows of each before the next is read, so that long texts can be cut. Raises LakeError for a damaged file.
    """
    manifest, wanted = lake.manifest(digest), np.unique(ids)
    parts = [change(declared(manifest.dataset).empty_table().select(["doc_id", *columns]))]
    for entry in manifest.files:
        bounds = [int(entry.unit) << OFFSET_BITS, (int(entry.unit) + 1) << OFFSET_BITS]
        low, high = np.searchsorted(wanted, bounds)
        if low == high:
            continue
        path = lake.path(entry)
        try:
            with pq.ParquetFile(path) as file:
                parts += [change(table) for table in _wanted(file, wanted[low:high], ["doc_id", *columns])]
        except (OSError, pa.ArrowException) as error:
            raise LakeError(f"{path} cannot be read ({error}); run `gristmill verify`") from error
    return pa.concat_tables(parts).combine_chunks()


def _wanted(file: pq.ParquetFile, wanted: Ids, columns: list[str]) -> Iterator[pa.Table]:
    """The wanted rows of each row group that may hold one; `wanted` is sorted."""
    key = file.schema_arrow.names.index("doc_id")
    for group in range(file.num_row_groups):
        held = file.metadata.row_group(group).column(key).statistics
        low, high = np.searchsorted(wanted, [held.min, held.max + 1]) if held is not None else (0, len(wanted))
        if low < high:
            table = file.read_row_group(group, columns)
            yield table.filter(pc.is_in(table.column("doc_id"), pa.array(wanted[low:high])))
