"""Verification: a candidate pair counts only with its Jaccard similarity.

The 112 stored MinHash values estimate it; a pair within three standard errors of the threshold is decided
by its exact shingle sets, read in place for those documents only.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from gristmill.lake import FileEntry, Lake
from gristmill.schemas import HASHES, OFFSET_BITS
from spark_jobs.candidates import Ids
from spark_jobs.text.similarity import estimate, exact_jaccard

Files = Mapping[int, FileEntry]
"""file_index -> file of a dataset split as the input files are"""


def files_by_index(files: Sequence[FileEntry]) -> dict[int, FileEntry]:
    """The files of a dataset that is split as the input files are."""
    return {int(f.unit): f for f in files}


def rows_of(lake: Lake, files: Files, wanted: Ids, column: str) -> tuple[Ids, pa.ChunkedArray]:
    """(doc_id, values) of `column` for the wanted documents, sorted by doc_id; reads only their files."""
    tables = []
    for index in np.unique(wanted >> OFFSET_BITS):
        table = lake.read_file(files[int(index)], ["doc_id", column])
        tables.append(table.filter(pc.is_in(table.column("doc_id"), pa.array(wanted))))
    table = pa.concat_tables(tables).sort_by("doc_id")
    return table.column("doc_id").to_numpy(), table.column(column)


def signatures_of(lake: Lake, files: Files, wanted: Ids) -> tuple[Ids, NDArray[np.uint16]]:
    """(doc_id, signatures (n, 112)) of the wanted documents, sorted by doc_id."""
    if not len(wanted):
        return np.empty(0, np.int64), np.empty((0, HASHES), np.uint16)
    ids, column = rows_of(lake, files, wanted, "signature")
    flat = column.combine_chunks().flatten().to_numpy()
    return ids, flat.reshape(-1, HASHES)


def verified(
    lake: Lake, minhash: Files, documents: Files, pairs: Ids, threshold: float
) -> tuple[Ids, NDArray[np.float32]]:
    """The pairs whose similarity is at least `threshold`, and their similarities."""
    if not len(pairs):
        return pairs, np.empty(0, np.float32)
    ids, signatures = signatures_of(lake, minhash, np.unique(pairs))
    left, right = (np.searchsorted(ids, pairs[:, side]) for side in (0, 1))
    similarity = estimate(signatures[left], signatures[right]).astype(np.float32)
    unsure = np.flatnonzero(np.abs(similarity - threshold) <= 3 * standard_error(threshold))
    similarity[unsure] = _exact(lake, documents, pairs[unsure])
    similarity = np.round(similarity, 6)
    keep = similarity >= np.float32(threshold)
    return pairs[keep], similarity[keep]


def standard_error(jaccard: float) -> float:
    """Of the share of 112 independent hashes that agree (binomial)."""
    return math.sqrt(jaccard * (1 - jaccard) / HASHES)


def _exact(lake: Lake, documents: Files, pairs: Ids) -> NDArray[np.float32]:
    if not len(pairs):
        return np.empty(0, np.float32)
    ids, texts = rows_of(lake, documents, np.unique(pairs), "text")
    at = {int(doc_id): text for doc_id, text in zip(ids, texts.to_pylist(), strict=True)}
    return np.array([exact_jaccard(at[int(a)], at[int(b)]) for a, b in pairs], np.float32)
