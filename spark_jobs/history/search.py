"""The search of a released snapshot in the history: join, then verify by the 112 stored values.

The pairs of the whole snapshot come together in this process, 24 bytes each; signatures never do: a task reads those
of PAIRS_AT_ONCE pairs, from the row groups that hold them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from gristmill.lake import FileEntry, Lake
from gristmill.release import Release
from gristmill.schemas import HASHES, OFFSET_BITS
from spark_jobs.clusters.signatures import BAND_COLUMNS, Ids, signature_rows
from spark_jobs.clusters.verification import Files, files_by_index
from spark_jobs.history.join import candidates, distinct, meetings
from spark_jobs.history.keys import opened
from spark_jobs.history.segments import Segment, segments
from spark_jobs.stage import StageContext
from spark_jobs.text.similarity import estimates

PAIRS_AT_ONCE = 1 << 18
"""Pairs that a task verifies: at most 120 MB of signatures."""


def search(
    context: StageContext, release: Release, others: Sequence[Release], min_jaccard: float
) -> dict[str, tuple[Ids, NDArray[np.float32]]]:
    """Snapshot -> its pairs (n, 2) of (doc_id here, doc_id there), sorted, and their similarities of `min_jaccard` or
    more."""
    lake = context.lake
    mine = Segment(lake.manifest(release.datasets["index"]), {release.snapshot: 0})
    joined = context.tasks(partial(candidates, lake), meetings(mine, segments(lake, others)))
    rows = distinct([np.empty((0, 3), np.int64), *joined])
    own = _signature_files(lake, release)
    found = {}
    for place, other in enumerate(others):
        pairs = rows[rows[:, 1] == place][:, [0, 2]]
        slices = [pairs[start : start + PAIRS_AT_ONCE] for start in range(0, len(pairs), PAIRS_AT_ONCE)]
        verified = context.tasks(partial(similarities, lake, own, _signature_files(lake, other)), slices)
        similarity = np.concatenate([np.empty(0, np.float32), *verified])
        keep = similarity >= np.float32(min_jaccard)
        found[other.snapshot] = pairs[keep], similarity[keep]
    return found


def similarities(lake: Lake, here: Files, there: Files, pairs: Ids) -> NDArray[np.float32]:
    """Estimated similarities of pairs (n, 2) of documents, one of each snapshot."""
    sides = [np.unique(pairs[:, side], return_inverse=True) for side in (0, 1)]
    left, right = (_signatures(lake, files, ids) for files, (ids, _) in zip((here, there), sides, strict=True))
    return estimates(left, right, np.stack([inverse for _, inverse in sides], axis=1))


def _signature_files(lake: Lake, release: Release) -> Mapping[int, FileEntry]:
    return files_by_index(lake.manifest(release.datasets["minhash"]).files)


def _signatures(lake: Lake, files: Files, ids: Ids) -> NDArray[np.uint16]:
    """The signatures (n, 112) of documents in ascending order."""
    parts = [np.empty((0, HASHES), np.uint16)]
    indexes, starts = np.unique(ids >> OFFSET_BITS, return_index=True)
    for index, wanted in zip(indexes.tolist(), np.split(ids, starts[1:]), strict=True):
        parts.append(_of_file(lake, files[index], wanted))
    return np.concatenate(parts)


def _of_file(lake: Lake, entry: FileEntry, wanted: Ids) -> NDArray[np.uint16]:
    """The signatures of documents of one file; of its row groups those alone that can hold some are read."""
    with opened(lake, entry) as file:
        groups = [group for group in range(file.metadata.num_row_groups) if _holds(file.metadata, group, wanted)]
        table = file.read_row_groups(groups, columns=["doc_id", *BAND_COLUMNS])
    return signature_rows(table)[np.searchsorted(table.column("doc_id").to_numpy(), wanted)]


def _holds(metadata: pq.FileMetaData, group: int, wanted: Ids) -> bool:
    """Whether ids in the row group's bounds are wanted; doc_id is the first column of every dataset of documents."""
    bounds = metadata.row_group(group).column(0).statistics
    return bool(np.searchsorted(wanted, bounds.min) < np.searchsorted(wanted, bounds.max, "right"))
