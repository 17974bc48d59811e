"""match: the kept documents of other snapshots that each kept document is a near-duplicate of; removes nothing.

A function of (snapshot, set of index segments): the order in which snapshots were processed does not enter. Two
snapshots are joined once, whichever comes first: their verified pairs are kept under the digests of both, so a new
snapshot is met with the history once, and the matches of older ones are gathered from what is known.
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
from gristmill.schemas import SCHEMAS
from gristmill.settings import Settings
from gristmill.units import Stage, Unit, UnitOutput, in_process, run_stage, run_unit
from spark_jobs.clusters.signatures import Ids
from spark_jobs.history.search import search
from spark_jobs.stage import StageContext

NAME, VERSION = "match", 3
PAIRS_VERSION = 1
Pairs = tuple[Ids, NDArray[np.float32]]
"""(doc_id here, doc_id there) rows (n, 2), and their similarities (n,)."""


class MatchConfig(Settings):
    """`min_jaccard`: estimated similarity from which two documents of different snapshots match."""

    min_jaccard: float = Field(default=0.7, gt=0, le=1)


def run_match(context: StageContext, release: Release, others: Sequence[Release], attempt: Attempt) -> Manifest:
    """The `matches` dataset of one released snapshot against the releases `others`, in any order.

    `attempt.summary["matches"]` gets the counts of it. Raises HistoryError, LakeError.
    """
    config = context.profile.stage(NAME, MatchConfig)

    def compute(lake: Lake, unit: Unit, config: MatchConfig) -> UnitOutput:
        return UnitOutput({"matches": match_rows(release, others, known_pairs(context, release, others, config))})

    inputs = {key: value for each in (release, *others) for key, value in _inputs(each).items()}
    dates = {f"date/{each.snapshot}": each.partition_date.isoformat() for each in (release, *others)}
    stage = Stage(NAME, VERSION, ("matches",), config, compute)
    unit = Unit(release.snapshot, {**inputs, **dates, "pairs version": str(PAIRS_VERSION)})
    manifest = run_stage(context.lake, stage, [unit], in_process, attempt)["matches"]
    seen = context.lake.read(manifest.digest, ["doc_id", "first_seen"])
    attempt.summary.setdefault("matches", {})[release.snapshot] = match_counts(seen, release.snapshot)
    return manifest


def known_pairs(
    context: StageContext, release: Release, others: Sequence[Release], config: MatchConfig
) -> dict[str, Pairs]:
    """Snapshot -> verified pairs with it. Those that no earlier match has found are searched for together."""
    units = {other.snapshot: _unit(release, other) for other in others}
    found: dict[str, Pairs] = {}

    def compute(lake: Lake, unit: Unit, config: MatchConfig) -> UnitOutput:
        other: Release = unit.payload["other"]
        if other.snapshot not in found:
            found.update(search(context, release, [other], config.min_jaccard))
        return UnitOutput({"pairs": _as_table(release, other, *found[other.snapshot])})

    stage = Stage("match.pairs", PAIRS_VERSION, ("pairs",), config, compute)
    new = [o for o in others if not _recorded(context.lake, stage, units[o.snapshot])]
    if new:
        found.update(search(context, release, new, config.min_jaccard))
    entries = {other.snapshot: run_unit(context.lake, stage, units[other.snapshot])[1]["pairs"] for other in others}
    return {o.snapshot: _from_table(release, o, context.lake.read_file(entries[o.snapshot])) for o in others}


def match_rows(release: Release, others: Sequence[Release], found: Mapping[str, Pairs]) -> pa.Table:
    """Every match, a document's most similar first (then the earliest snapshot, then the least id).

    `first_seen`: the earliest snapshot in which the document, or a match of it, was seen.
    """
    ordered = sorted((release, *others), key=lambda r: (r.partition_date, r.snapshot))
    rank = {each.snapshot: place for place, each in enumerate(ordered)}
    pairs = np.concatenate([np.empty((0, 2), np.int64), *(pairs for pairs, _ in found.values())])
    jaccard = np.concatenate([np.empty(0, np.float32), *(similarity for _, similarity in found.values())])
    place = np.repeat([rank[s] for s in found], [len(p) for p, _ in found.values()]).astype(np.int64)
    order = np.lexsort((pairs[:, 1], place, -jaccard, pairs[:, 0]))
    pairs, jaccard, place = pairs[order], jaccard[order], place[order]
    _, document = np.unique(pairs[:, 0], return_inverse=True)
    earliest = np.full(len(document), rank[release.snapshot])
    np.minimum.at(earliest, document, place)
    names = pa.array([each.snapshot for each in ordered], pa.string())
    columns = [pairs[:, 0], names.take(pa.array(place)), pairs[:, 1], jaccard, names.take(pa.array(earliest[document]))]
    return pa.table(columns, schema=SCHEMAS["matches"])


def match_counts(matches: pa.Table, snapshot: str) -> dict[str, int]:
    """Documents of a snapshot that others hold too: all, those that an earlier one has seen, and those that this one
    has seen first and a later one holds again, which it would supersede; nothing is removed for it."""
    documents = pc.count_distinct(matches.column("doc_id")).as_py()
    own = matches.filter(pc.equal(matches.column("first_seen"), snapshot))
    superseding = pc.count_distinct(own.column("doc_id")).as_py()
    return {"documents": documents, "seen_earlier": documents - superseding, "would_supersede": superseding}


def _inputs(release: Release) -> dict[str, str]:
    """What a join reads of a release."""
    return {f"{kind}/{release.snapshot}": release.datasets[kind] for kind in ("index", "minhash")}


def _unit(release: Release, other: Release) -> Unit:
    """The unit of two releases, the same from either side."""
    key = "+".join(sorted([release.snapshot, other.snapshot]))
    return Unit(key, {**_inputs(release), **_inputs(other)}, {"other": other})


def _recorded(lake: Lake, stage: Stage, unit: Unit) -> bool:
    """Whether the unit was done before; its files may be lost meanwhile."""
    recipe = stage.recipe(unit.inputs, unit.key)
    return lake.storage.get(f"units/{stage.name}/{recipe}.json") is not None


def _as_table(release: Release, other: Release, pairs: Ids, similarity: NDArray[np.float32]) -> pa.Table:
    """Pairs as they are stored: the snapshot whose id is less comes first, rows sorted."""
    sides = pairs if release.snapshot < other.snapshot else pairs[:, ::-1]
    order = np.lexsort((sides[:, 1], sides[:, 0]))
    return pa.table([sides[order, 0], sides[order, 1], similarity[order]], schema=SCHEMAS["pairs"])


def _from_table(release: Release, other: Release, table: pa.Table) -> Pairs:
    """Stored pairs as (doc_id here, doc_id there)."""
    sides = np.stack([table.column("doc_id").to_numpy(), table.column("match_doc_id").to_numpy()], axis=1)
    return sides if release.snapshot < other.snapshot else sides[:, ::-1], table.column("jaccard").to_numpy()
