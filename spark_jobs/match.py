"""match: the kept documents of other snapshots that each kept document is a near-duplicate of; removes nothing.

A function of (snapshot, set of index segments): the order in which snapshots were processed does not enter.
The segments are met prefix by prefix; candidates are verified by the stored MinHash values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic import Field

from gristmill.lake import Lake, Manifest
from gristmill.ledger import Attempt
from gristmill.release import Release
from gristmill.schemas import HASHES, OFFSET_BITS, SCHEMAS
from gristmill.settings import Settings
from gristmill.units import Stage, Unit, UnitOutput, in_process, run_stage
from spark_jobs.clusters.signatures import BAND_COLUMNS, Ids, signature_rows
from spark_jobs.index import PREFIXES
from spark_jobs.stage import StageContext
from spark_jobs.text.similarity import estimates

NAME, VERSION = "match", 2


class MatchConfig(Settings):
    """`min_jaccard`: estimated similarity from which two documents of different snapshots match."""

    min_jaccard: float = Field(default=0.7, gt=0, le=1)


def run_match(context: StageContext, release: Release, others: Sequence[Release], attempt: Attempt) -> Manifest:
    """The `matches` dataset of one released snapshot against the releases `others` (in date order)."""
    config = context.profile.stage(NAME, MatchConfig)

    def compute(lake: Lake, unit: Unit, config: MatchConfig) -> UnitOutput:
        found = {o.snapshot: match_pair(context, release, o, config.min_jaccard) for o in others}
        return UnitOutput({"matches": match_rows(release, others, found)})

    inputs = {f"{kind}/{r.snapshot}": r.datasets[kind] for r in (release, *others) for kind in ("index", "minhash")}
    stage = Stage(NAME, VERSION, ("matches",), config, compute)
    return run_stage(context.lake, stage, [Unit(release.snapshot, inputs)], in_process, attempt)["matches"]


def match_pair(
    context: StageContext, mine: Release, other: Release, min_jaccard: float
) -> tuple[Ids, NDArray[np.float32]]:
    """Matching (doc_id here, doc_id there) pairs of two releases, and their estimated similarities."""
    lake = context.lake
    segments = [lake.manifest(r.datasets["index"]) for r in (mine, other)]
    joined = context.tasks(lambda prefix: merge_join(lake, segments[0], segments[1], prefix), PREFIXES)
    pairs = unique_pairs(list(joined))
    left, right = (_signatures(lake, release, pairs[:, side]) for side, release in enumerate((mine, other)))
    similarity = estimates(left, right, np.stack([np.arange(len(pairs))] * 2, axis=1))
    keep = similarity >= np.float32(min_jaccard)
    return pairs[keep], similarity[keep]


def merge_join(lake: Lake, mine: Manifest, other: Manifest, prefix: str) -> Ids:
    """Pairs (n, 2) of documents that share a (band, key) under one key prefix; both files are sorted."""
    sides = []
    for manifest in (mine, other):
        table = lake.read_file(manifest.file(prefix))
        # Keys of one prefix differ in 60 bits; the band takes the place of the common digit.
        key = table.column("key").to_numpy() & np.uint64((1 << 60) - 1)
        band = table.column("band").to_numpy().astype(np.uint64) << np.uint64(60)
        sides.append((key | band, table.column("doc_id").to_numpy()))
    (left_key, left_id), (right_key, right_id) = sides
    first = np.searchsorted(right_key, left_key, "left")
    count = np.searchsorted(right_key, left_key, "right") - first
    left = np.repeat(left_id, count)
    within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    right = right_id[np.repeat(first, count) + within]
    return unique_pairs([np.stack([left, right], axis=1)])


def match_rows(
    release: Release, others: Sequence[Release], found: Mapping[str, tuple[Ids, NDArray[np.float32]]]
) -> pa.Table:
    """Every match, a document's most similar first (then the earliest snapshot, then the least id).

    `first_seen`: the earliest snapshot in which the document, or a match of it, was seen.
    """
    dates = {r.snapshot: r.partition_date for r in (release, *others)}
    rows = [
        (doc_id, -jaccard, dates[snapshot], other, snapshot)
        for snapshot, (pairs, similarity) in found.items()
        for (doc_id, other), jaccard in zip(pairs.tolist(), similarity.tolist(), strict=True)
    ]
    seen: dict[int, str] = {}
    for doc_id, _, _, _, snapshot in rows:
        seen[doc_id] = min(seen.get(doc_id, release.snapshot), snapshot, key=lambda s: dates[s])
    columns = [
        (doc_id, snapshot, other, -jaccard, seen[doc_id]) for doc_id, jaccard, _, other, snapshot in sorted(rows)
    ]
    names = SCHEMAS["matches"].names
    return pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in columns], schema=SCHEMAS["matches"])


def _signatures(lake: Lake, release: Release, wanted: Ids) -> NDArray[np.uint16]:
    """The signatures (n, 112) of the wanted documents; reads only their files."""
    ids, inverse = np.unique(wanted, return_inverse=True)
    parts = [np.empty((0, HASHES), np.uint16)]
    files = {int(entry.unit): entry for entry in lake.manifest(release.datasets["minhash"]).files}
    for index in np.unique(ids >> OFFSET_BITS):
        table = lake.read_file(files[int(index)], ["doc_id", *BAND_COLUMNS])
        parts.append(signature_rows(table.filter(pc.is_in(table.column("doc_id"), pa.array(ids)))))
    return np.concatenate(parts)[inverse]


def unique_pairs(pairs: Sequence[Ids]) -> Ids:
    """All pairs once, sorted."""
    return np.unique(np.concatenate([np.empty((0, 2), np.int64), *pairs]), axis=0)
