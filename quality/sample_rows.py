"""The rows of a few documents out of many, from any dataset that has one file per input file."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pyarrow as pa

from gristmill.lake import Lake, declared
from quality.audit_sample import Ids, wanted_rows


def rows_of(
    lake: Lake, digest: str, ids: Ids, columns: Sequence[str], change: Callable[[pa.Table], pa.Table] = lambda t: t
) -> pa.Table:
    """`doc_id` and `columns` of those of `ids` that the dataset has, by doc_id.

    Reads only the row groups whose range of ids holds one that is wanted, one at a time; `change` is applied to the
    wanted rows of each before the next is read, so that long texts can be cut. Raises LakeError for a damaged file.
    """
    manifest, names = lake.manifest(digest), ["doc_id", *columns]
    parts = [change(declared(manifest.dataset).empty_table().select(names))]
    parts += [change(table) for table in wanted_rows(lake, manifest, ids, names)]
    return pa.concat_tables(parts).combine_chunks()
