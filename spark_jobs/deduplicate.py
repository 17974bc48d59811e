"""deduplicate: exact groups and verified near-duplicate clusters within one snapshot; decides nothing.

Works on keys and hashes; text is read in place for the few pairs whose estimate is too close to call.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import Field
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gristmill.lake import FileEntry, Lake
from gristmill.ledger import Attempt
from gristmill.process import run_main, say
from gristmill.schemas import BANDS, SCHEMAS
from gristmill.settings import Settings
from gristmill.units import Stage, Tasks, Unit, UnitOutput, in_process, run_stage
from spark_jobs.candidates import Ids, band_pairs, exact_groups, unique_pairs
from spark_jobs.stage import StageContext, stage_main
from spark_jobs.verify_pairs import files_by_index, verified

NAME, VERSION = "deduplicate", 1
INPUTS = ("minhash", "documents")
PAIRS_PER_TASK = 50_000


class DeduplicateConfig(Settings):
    """`min_jaccard`: pairs below it are not recorded; a policy may ask for more, not for less."""

    min_jaccard: float = Field(default=0.7, gt=0, le=1)


def run(context: StageContext) -> Attempt:
    """The whole stage; one unit per snapshot, since any two documents may be duplicates."""
    config = context.profile.stage(NAME, DeduplicateConfig)
    minhash, documents = (context.lake.manifest(context.inputs[name]).files for name in INPUTS)

    def compute(lake: Lake, unit: Unit, config: DeduplicateConfig) -> UnitOutput:
        pairs, jaccard = verified_pairs(lake, minhash, documents, config, context.tasks)
        return UnitOutput({"duplicates": clusters(*exact_groups(lake, minhash), pairs, jaccard)})

    stage = Stage(NAME, VERSION, ("duplicates",), config, compute)
    unit = Unit("snapshot", {name: context.inputs[name] for name in INPUTS})
    with context.attempt(NAME, config) as attempt:
        manifest = run_stage(context.lake, stage, [unit], in_process, attempt)["duplicates"]
        attempt.summary.update(_summary(context.lake.read(manifest.digest, ["doc_id", "exact_group", "cluster_id"])))
    return attempt


def verified_pairs(
    lake: Lake, minhash: Sequence[FileEntry], documents: Sequence[FileEntry], config: DeduplicateConfig, tasks: Tasks
) -> tuple[Ids, NDArray[np.float32]]:
    """Pairs of representatives with their similarity: one task per band, then one per slice of candidates."""
    candidates = unique_pairs(list(tasks(lambda band: band_pairs(lake, minhash, band), range(BANDS))))
    say(f"deduplicate: {len(candidates)} candidate pairs share a band")
    slices = [candidates[i : i + PAIRS_PER_TASK] for i in range(0, len(candidates), PAIRS_PER_TASK)]
    signatures, texts = files_by_index(minhash), files_by_index(documents)
    parts = list(tasks(lambda part: verified(lake, signatures, texts, part, config.min_jaccard), slices))
    pairs = np.concatenate([np.empty((0, 2), np.int64), *(part[0] for part in parts)])
    jaccard = np.concatenate([np.empty(0, np.float32), *(part[1] for part in parts)])
    say(f"deduplicate: {len(pairs)} pairs verified at {config.min_jaccard:g} or more")
    return pairs, jaccard


def clusters(doc_id: Ids, representative: Ids, pairs: Ids, jaccard: NDArray[np.float32]) -> pa.Table:
    """One row per document in a group of two or more.

    `doc_id` is sorted; `pairs` (n, 2) join representatives. Pairs stand with representatives, in both
    directions; a document's exact group stands for it.
    """
    edges = np.concatenate([pairs, np.stack([doc_id, representative], axis=1)])
    left, right = (np.searchsorted(doc_id, edges[:, side]) for side in (0, 1))
    graph = coo_array((np.ones(len(edges), bool), (left, right)), shape=(len(doc_id), len(doc_id)))
    _, label = connected_components(graph, directed=False)
    sizes = np.bincount(label)
    least = np.full(len(sizes), np.iinfo(np.int64).max)
    np.minimum.at(least, label, doc_id)
    _, group, group_size = np.unique(representative, return_inverse=True, return_counts=True)
    member = sizes[label] > 1
    return pa.table(
        [
            pa.array(doc_id[member]),
            pa.array(representative[member], mask=group_size[group][member] == 1),
            pa.array(least[label][member]),
            pa.array(sizes[label][member].astype(np.int32)),
            _pair_lists(doc_id[member], pairs, jaccard),
        ],
        schema=SCHEMAS["duplicates"],
    )


def _pair_lists(doc_id: Ids, pairs: Ids, jaccard: NDArray[np.float32]) -> pa.ListArray:
    """Each document's verified pairs, by the other's id."""
    both = np.concatenate([pairs, pairs[:, ::-1]])
    order = np.lexsort((both[:, 1], both[:, 0]))
    offsets = np.searchsorted(both[order, 0], np.append(doc_id, np.iinfo(np.int64).max))
    kind = SCHEMAS["duplicates"].field("pairs").type
    values = pa.StructArray.from_arrays(
        [pa.array(both[order, 1]), pa.array(np.concatenate([jaccard, jaccard])[order])], fields=list(kind.value_type)
    )
    return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), values, type=kind)


def _summary(table: pa.Table) -> dict[str, int]:
    groups = table.column("exact_group").drop_null()
    return {
        "documents_in_groups": table.num_rows,
        "exact_duplicates": len(groups) - len(groups.unique()),
        "clusters": len(table.column("cluster_id").unique()),
    }


def main(argv: list[str] | None = None) -> None:
    """Run the stage as a process."""
    stage_main(NAME, "Find exact and near duplicates within a snapshot.", INPUTS, run, argv)


if __name__ == "__main__":
    # Tasks unpickle what this module defines by its importable name, not by value from __main__.
    from spark_jobs.deduplicate import main as importable_main

    run_main(importable_main)
