"""deduplicate: equal texts, captures of one URL and near-duplicate clusters within one snapshot; decides nothing.

Works on keys and hashes; text is read in place for the few pairs whose estimate is too close to call. Up to a
configured number of documents one process does it; beyond, Spark does, and the result is the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
import pyarrow as pa
from pydantic import Field

from gristmill.lake import FileEntry, Lake, Manifest
from gristmill.ledger import Attempt
from gristmill.process import run_main, say
from gristmill.profile import Profile
from gristmill.schemas import OFFSET_BITS, SCHEMAS
from gristmill.units import Stage, Unit, UnitOutput, in_process, in_threads, run_stage, threads
from spark_jobs.boilerplate import BoilerplateConfig, run_boilerplate
from spark_jobs.clusters.addresses import same_address
from spark_jobs.clusters.candidates import candidate_pairs, exact_representatives
from spark_jobs.clusters.components import duplicates_table
from spark_jobs.clusters.shape import Shape
from spark_jobs.clusters.signatures import Ids, Signatures, read_signatures
from spark_jobs.clusters.verification import Floats, exact, files_by_index, unsure
from spark_jobs.session import SparkTasks
from spark_jobs.stage import StageContext, stage_main
from spark_jobs.text.similarity import estimates

NAME, VERSION = "deduplicate", 3
INPUTS = ("minhash", "documents")
"""What `duplicates` is made of; its lines are read for `boilerplate`."""


class DeduplicateConfig(Shape):
    """`min_jaccard`: pairs below it are not recorded; a policy may ask for more, not for less."""

    min_jaccard: float = Field(default=0.7, gt=0, le=1)


class DeduplicateSettings(DeduplicateConfig):
    """`in_process_documents`: snapshots of up to so many documents (440 bytes of memory each) need no Spark."""

    in_process_documents: int = Field(default=10_000_000, ge=0)
    boilerplate: BoilerplateConfig = BoilerplateConfig()


def run(context: StageContext) -> Attempt:
    """The whole stage: duplicates, then lines that pages of a host share."""
    settings = context.profile.stage(NAME, DeduplicateSettings)
    with context.attempt(NAME, settings) as attempt:
        manifest = find_duplicates(context, settings, attempt)
        run_boilerplate(context, attempt, manifest.digest, settings.boilerplate)
    return attempt


def find_duplicates(context: StageContext, settings: DeduplicateSettings, attempt: Attempt) -> Manifest:
    """The dataset `duplicates`; a unit is the rows of one input file, and all are found together."""
    config = DeduplicateConfig(**settings.model_dump(exclude={"in_process_documents", "boilerplate"}))
    minhash = context.lake.manifest(context.inputs["minhash"]).files

    @cache
    def found() -> Mapping[str, pa.Table | FileEntry]:
        say(f"deduplicate: {config.bands} bands x {config.rows} rows find pairs of similarity {config.curve()}")
        in_memory = sum(entry.rows for entry in minhash) <= settings.in_process_documents
        return (in_this_process if in_memory else on_spark)(context, minhash, config)

    def compute(lake: Lake, unit: Unit, config: DeduplicateConfig) -> UnitOutput:
        return UnitOutput({"duplicates": found().get(unit.key, SCHEMAS["duplicates"].empty_table())})

    stage = Stage(NAME, VERSION, ("duplicates",), config, compute)
    inputs = {name: context.inputs[name] for name in ("minhash", "documents")}
    units = [Unit(entry.unit, inputs) for entry in minhash]
    manifest = run_stage(context.lake, stage, units, in_process, attempt)["duplicates"]
    attempt.summary.update(_summary(context.lake.read(manifest.digest, ["exact_group", "url_group", "cluster_id"])))
    return manifest


def in_this_process(
    context: StageContext, minhash: Sequence[FileEntry], config: DeduplicateConfig
) -> dict[str, pa.Table]:
    """unit -> its rows, with all signatures in memory."""
    lake = context.lake
    signatures = read_signatures(lake, minhash, threads())
    groups = exact_representatives(signatures.content)
    documents = lake.manifest(context.inputs["documents"]).files
    pairs, jaccard = verified_pairs(lake, signatures, groups, documents, config)
    addresses = same_address(lake, documents, threads())
    table = duplicates_table(signatures.doc_id, groups, *addresses, pairs, jaccard)
    file = table.column("doc_id").to_numpy() >> OFFSET_BITS
    low, high = (np.searchsorted(file, [int(entry.unit) for entry in minhash], side) for side in ("left", "right"))
    return {e.unit: table.slice(start, end - start) for e, start, end in zip(minhash, low, high, strict=True)}


def verified_pairs(
    lake: Lake, signatures: Signatures, groups: Ids, documents: Sequence[FileEntry], config: DeduplicateConfig
) -> tuple[Ids, Floats]:
    """Pairs (m, 2) of places of representatives, and their similarities, at least `min_jaccard`."""
    pairs = candidate_pairs(signatures, groups, config, threads())
    say(f"deduplicate: {len(pairs)} candidate pairs share a band")
    parts = in_threads(lambda part: estimates(signatures.values, signatures.values, part), np.array_split(pairs, 64))
    similarity = np.concatenate([np.empty(0, np.float32), *parts])
    close = np.flatnonzero(unsure(similarity, config.min_jaccard))

    def sizes(ids: Ids) -> Ids:
        return signatures.shingles[np.searchsorted(signatures.doc_id, ids)].astype(np.int64)

    ids = signatures.doc_id[pairs[close]]
    similarity[close] = exact(lake, files_by_index(documents), ids, sizes, in_threads)
    keep = similarity >= np.float32(config.min_jaccard)
    say(f"deduplicate: {keep.sum()} pairs verified at {config.min_jaccard:g} or more, {len(close)} by their texts")
    return pairs[keep], similarity[keep]


def on_spark(context: StageContext, minhash: Sequence[FileEntry], config: DeduplicateConfig) -> dict[str, FileEntry]:
    """unit -> its file, written by Spark tasks."""
    from pyspark.sql import SparkSession

    from spark_jobs.clusters.on_spark import Search, write_duplicates

    if not isinstance(context.tasks, SparkTasks):
        raise TypeError("this path needs Spark's tasks")
    session = SparkSession(context.tasks.context)
    documents = context.lake.manifest(context.inputs["documents"]).files
    return write_duplicates(session, Search(context.lake, config, config.min_jaccard), minhash, documents)


def _summary(table: pa.Table) -> dict[str, int]:
    groups, addresses = (table.column(name).drop_null() for name in ("exact_group", "url_group"))
    return {
        "documents_in_groups": table.num_rows,
        "exact_duplicates": len(groups) - len(groups.unique()),
        "same_urls": len(addresses) - len(addresses.unique()),
        "clusters": len(table.column("cluster_id").unique()),
    }


def _small(profile: Profile, lake: Lake, inputs: Mapping[str, str]) -> bool:
    return lake.manifest(inputs["minhash"]).rows <= profile.stage(NAME, DeduplicateSettings).in_process_documents


def main(argv: list[str] | None = None) -> None:
    """Run the stage as a process."""
    stage_main(
        NAME, "Find duplicates and repeated lines within a snapshot.", (*INPUTS, "lines"), run, argv, small=_small
    )


if __name__ == "__main__":
    # Tasks unpickle what this module defines by its importable name, not by value from __main__.
    from spark_jobs.deduplicate import main as importable_main

    run_main(importable_main)
