"""Verification: a candidate pair counts only with its Jaccard similarity.

The 112 stored values estimate it; a pair that is neither three standard errors below the threshold nor nearly the same
is settled by its exact shingle sets, of texts read in place for those documents only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from gristmill.lake import FileEntry, Lake
from gristmill.schemas import OFFSET_BITS
from gristmill.units import Tasks
from spark_jobs.clusters.shape import standard_error
from spark_jobs.clusters.signatures import Ids
from spark_jobs.text.similarity import LARGEST_SET, exact_similarities, shingle_sets

Files = Mapping[int, FileEntry]
"""file_index -> file of a dataset split as the input files are"""
Floats = NDArray[np.float32]
SURE = 0.95
"""Estimates above it are taken for the similarity. A policy may remove from a higher threshold than pairs are recorded
from: up to one of 0.85 this is more than three standard errors above it."""
SHINGLES_AT_ONCE = 1 << 26
"""Hashes of shingle sets held at a time: 512 MiB."""


def files_by_index(files: Sequence[FileEntry]) -> dict[int, FileEntry]:
    """The files of a dataset that is split as the input files are."""
    return {int(f.unit): f for f in files}


def unsure(similarity: Floats, threshold: float) -> NDArray[np.bool_]:
    """Which estimates say too little: from 3 standard errors below the threshold to as many above it, or to SURE."""
    margin = 3 * standard_error(threshold)
    found: NDArray[np.bool_] = (similarity >= threshold - margin) & (similarity <= max(SURE, threshold + margin))
    return found


def exact(lake: Lake, documents: Files, pairs: Ids, sizes: Callable[[Ids], Ids], tasks: Tasks) -> Floats:
    """Exact similarity of pairs (m, 2) of doc_ids; `sizes` gives the shingles of documents."""
    found = np.empty(len(pairs), np.float32)
    # By file of the first document, so that a slice reads few files; equal pairs of files stay together.
    order = np.lexsort((pairs[:, 1] >> OFFSET_BITS, pairs[:, 0] >> OFFSET_BITS))
    for part in _slices(pairs[order], sizes):
        own = pairs[order[part]]
        ids, inverse = np.unique(own, return_inverse=True)
        hashes, offsets = _sets_of(lake, documents, ids, tasks)
        found[order[part]] = exact_similarities(hashes, offsets, inverse.reshape(-1, 2))
    return found


def _slices(pairs: Ids, sizes: Callable[[Ids], Ids]) -> Iterator[slice]:
    """Cuts of the pairs in order, each with at most SHINGLES_AT_ONCE hashes, or a single pair."""
    weight = np.cumsum(np.minimum(sizes(pairs[:, 0]), LARGEST_SET) + np.minimum(sizes(pairs[:, 1]), LARGEST_SET))
    start = 0
    while start < len(pairs):
        before = weight[start - 1] if start else 0
        end = max(start + 1, int(np.searchsorted(weight, before + SHINGLES_AT_ONCE, "right")))
        yield slice(start, end)
        start = end


def _sets_of(lake: Lake, documents: Files, ids: Ids, tasks: Tasks) -> tuple[NDArray[np.uint64], Ids]:
    """Shingle sets of the documents `ids` (ascending), by file."""
    indexes, starts = np.unique(ids >> OFFSET_BITS, return_index=True)
    wanted = list(zip([documents[int(i)] for i in indexes], np.split(ids, starts[1:]), strict=True))
    parts = list(tasks(partial(_file_sets, lake), wanted))
    hashes = np.concatenate([np.empty(0, np.uint64), *(part[0] for part in parts)])
    counts = np.concatenate([np.empty(0, np.int64), *(np.diff(part[1]) for part in parts)])
    return hashes, np.concatenate(([0], np.cumsum(counts)))


def _file_sets(lake: Lake, item: tuple[FileEntry, Ids]) -> tuple[NDArray[np.uint64], Ids]:
    entry, wanted = item
    table = lake.read_file(entry, ["doc_id", "text"])
    table = table.filter(pc.is_in(table.column("doc_id"), pa.array(wanted)))
    return shingle_sets(table.column("text").combine_chunks())
