"""mix: released corpora in, one split per document out; keys only, no text.

A document and everything that `matches` or a duplicate cluster ties to it fall on the same side: of a held-out
group one document is kept for validation and the rest leaves, so no near-duplicate of it is trained on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gristmill.lake import Account, Lake
from gristmill.ledger import Attempt
from gristmill.mixes import Mix, load_mix, mix_releases, request_id
from gristmill.process import run_main, stage_parser, write_result
from gristmill.profile import load_profile
from gristmill.release import Release
from gristmill.schemas import SCHEMAS
from gristmill.settings import parse
from gristmill.units import Stage, Unit, UnitOutput, in_process, run_stage
from spark_jobs.match import run_match
from spark_jobs.session import spark_tasks
from spark_jobs.stage import StageContext, corpus_inputs

NAME, VERSION = "mix", 1
NEAR_HELD_OUT = "near_held_out"


def run(context: StageContext, mix: Mix) -> Attempt:
    """Match every snapshot against the others of the mix, then split. Raises MixIncomplete."""
    lake = context.lake
    releases = sorted(mix_releases(lake, mix), key=lambda r: r.partition_date)
    corpora = corpus_inputs({r.snapshot: r.datasets["corpus"] for r in releases})
    with replace(context, inputs={**context.inputs, **corpora}).attempt(NAME, mix) as attempt:
        matches = {}
        for release in releases:
            others = [r for r in releases if r is not release]
            matches[release.snapshot] = run_match(context, release, others, attempt).digest

        def compute(lake: Lake, unit: Unit, mix: Mix) -> UnitOutput:
            return split(lake, releases, matches, mix)

        matched = {f"matches.{snapshot}": digest for snapshot, digest in matches.items()}
        stage = Stage(NAME, VERSION, ("mix",), mix, compute)
        expected = sum(lake.manifest(r.datasets["corpus"]).rows for r in releases)
        unit = Unit("mix", {**corpora, **matched})
        manifest = run_stage(lake, stage, [unit], in_process, attempt, expected_in=expected)["mix"]
        attempt.outputs.pop("matches", None)
        attempt.outputs.update(matched)
        attempt.summary.update(_summary(lake, manifest.digest))
    return attempt


def split(lake: Lake, releases: Sequence[Release], matches: Mapping[str, str], mix: Mix) -> UnitOutput:
    """The split of every document of the mix, by (snapshot in date order, doc_id)."""
    documents = _documents(lake, releases)
    group = _groups(lake, documents, matches)
    held_out, representative = hold_out(documents.column("content_hash").to_pylist(), group, mix)
    excluded = held_out & ~representative
    names = np.where(held_out, "validation", "train")
    table = pa.table(
        [
            documents.column("snapshot"),
            documents.column("doc_id"),
            pa.array(names, pa.string(), mask=excluded),
            pa.array(np.full(len(names), NEAR_HELD_OUT), pa.string(), mask=~excluded),
        ],
        schema=SCHEMAS["mix"],
    )
    removed = {NEAR_HELD_OUT: int(excluded.sum())} if excluded.any() else {}
    return UnitOutput({"mix": table}, {"mix": Account(len(names), int((~excluded).sum()), removed)})


def hold_out(
    content: Sequence[bytes], group: NDArray[np.int32], mix: Mix
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(in a held-out group, is its group's representative) per document.

    A group's least content hash decides, so neither ids nor the order of snapshots enter.
    """
    order = np.argsort(np.array([c.hex() for c in content]), kind="stable")
    _, first = np.unique(group[order], return_index=True)
    leaders = order[first]
    drawn = np.array([_draw(content[leader], mix.seed) < mix.validation_share for leader in leaders], bool)
    representative = np.zeros(len(content), bool)
    representative[leaders] = True
    return drawn[group], representative


def _draw(content: bytes, seed: int) -> float:
    """A uniform number in [0, 1) from a content hash and the mix's seed."""
    digest = hashlib.sha256(seed.to_bytes(8, "little", signed=True) + content).digest()
    return int.from_bytes(digest[:8], "little") / 2**64


def _documents(lake: Lake, releases: Sequence[Release]) -> pa.Table:
    parts = []
    for release in releases:
        table = lake.read(release.datasets["corpus"], ["doc_id", "content_hash", "cluster_id"])
        parts.append(table.append_column("snapshot", pa.array([release.snapshot] * table.num_rows, pa.string())))
    return pa.concat_tables(parts).combine_chunks()


def _groups(lake: Lake, documents: pa.Table, matches: Mapping[str, str]) -> NDArray[np.int32]:
    """Group label 0..n-1 per document: joined by matches, by duplicate clusters and by equal content."""
    rows = documents.to_pylist()
    position = {(row["snapshot"], row["doc_id"]): i for i, row in enumerate(rows)}
    edges: list[tuple[int, int]] = []
    first: dict[tuple[object, ...], int] = {}
    for i, row in enumerate(rows):
        edges.append((i, first.setdefault(("content", row["content_hash"]), i)))
        if row["cluster_id"] is not None:
            edges.append((i, first.setdefault(("cluster", row["snapshot"], row["cluster_id"]), i)))
    for snapshot, digest in matches.items():
        for row in lake.read(digest).to_pylist():
            mine = position.get((snapshot, row["doc_id"]))
            other = position.get((row["match_snapshot"], row["match_doc_id"]))
            if mine is not None and other is not None:
                edges.append((mine, other))
    pairs = np.array(edges, np.int64).reshape(-1, 2)
    graph = coo_array((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), shape=(len(rows), len(rows)))
    label: NDArray[np.int32] = connected_components(graph, directed=False)[1].astype(np.int32)
    return label


def _summary(lake: Lake, digest: str) -> dict[str, int]:
    splits = lake.read(digest, ["split"]).column("split").to_pylist()
    return {"train": splits.count("train"), "validation": splits.count("validation"), NEAR_HELD_OUT: splits.count(None)}


def selection(mix: Mix, snapshots: str) -> Mix:
    """The mix with comma-separated `snapshots` in place of its own, each once; raises SettingsError for none."""
    chosen = list(dict.fromkeys(name.strip() for name in snapshots.split(",") if name.strip()))
    return parse(Mix, {**mix.model_dump(), "name": "selection", "snapshots": chosen}, "--snapshots")


def main(argv: list[str] | None = None) -> None:
    """Run the stage as a process."""
    parser = stage_parser("Match the released snapshots of a mix, and split their documents.", "--run")
    parser.add_argument("--snapshots", help="comma-separated snapshots in place of those of the profile's mix")
    args = parser.parse_args(argv)
    profile = load_profile(args.profile)
    lake, mix = Lake.open(profile), load_mix(profile.mix)
    if args.snapshots:
        mix = selection(mix, args.snapshots)
    # Asked first: an incomplete mix is refused before Spark starts.
    request = request_id(lake, mix)
    scope = args.run or request
    with spark_tasks(profile, f"mix {mix.name}") as tasks:
        attempt = run(StageContext(lake, profile, scope, {}, tasks, args.run_id), mix)
    write_result(args.result, attempt.outputs, attempt.summary)


if __name__ == "__main__":
    # Tasks unpickle what this module defines by its importable name, not by value from __main__.
    from spark_jobs.mix import main as importable_main

    run_main(importable_main)
