"""curate: kept documents, cleaned and measured again, in even shards; and their index segment.

Shards are contiguous runs of documents cut by kept bytes, so nothing is shuffled: one task per shard reads
its few input files in place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic import Field

from gristmill.lake import Account, FileEntry, Lake, LakeError
from gristmill.ledger import Attempt
from gristmill.process import run_main
from gristmill.schemas import OFFSET_BITS, SCHEMAS
from gristmill.settings import Settings
from gristmill.units import Stage, Unit, UnitOutput, run_stage
from spark_jobs import index
from spark_jobs.stage import StageContext, stage_main
from spark_jobs.text.clean import clean
from spark_jobs.text.heuristics import heuristics
from spark_jobs.text.language import language
from spark_jobs.text.minhash import minhash

NAME, VERSION = "curate", 1
INPUTS = ("documents", "decisions", "heuristics", "minhash")
FAMILIES = ("documents", "decisions")
CARRIED = ("doc_id", "url", "host", "captured", "title", "cluster_id", "cluster_size")
MEASURED_AGAIN = [n for n in SCHEMAS["heuristics"].names if n in SCHEMAS["corpus"].names and n != "doc_id"]


class CurateConfig(Settings):
    """`shard_bytes`: wanted UTF-8 bytes of text per shard; shards are cut evenly near it."""

    shard_bytes: int = Field(default=256_000_000, ge=1000)


def run(context: StageContext) -> Attempt:
    """The whole stage."""
    config = context.profile.stage(NAME, CurateConfig)
    lake = context.lake
    ids, sizes = kept_documents(lake, context.inputs["decisions"], context.inputs["heuristics"])
    bounds = shard_bounds(ids, sizes, config.shard_bytes)
    stage = Stage(NAME, VERSION, ("corpus",), config, compute)
    with context.attempt(NAME, config) as attempt:
        units = _units(lake, context.inputs, bounds)
        corpus = run_stage(lake, stage, units, context.tasks, attempt, expected_in=len(ids))["corpus"]
        segment = index.run_index(context, attempt)
        attempt.summary.update({"kept": corpus.rows, "shards": len(corpus.files), "index_keys": segment.rows})
    return attempt


def kept_documents(lake: Lake, decisions: str, signals: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(doc_id, UTF-8 bytes) of the kept documents, in id order."""
    kept = lake.read(decisions, ["doc_id", "kept"]).to_pydict()
    sizes = lake.read(signals, ["doc_id", "bytes"]).column("bytes").to_numpy()
    mask = np.array(kept["kept"], bool)
    return np.array(kept["doc_id"], np.int64)[mask], sizes[mask].astype(np.int64)


def shard_bounds(ids: NDArray[np.int64], sizes: NDArray[np.int64], shard_bytes: int) -> list[int]:
    """First doc_id of each shard, and one past the last: n + 1 bounds for n even shards; [] for no documents."""
    if not len(ids):
        return []
    shards = max(1, round(int(sizes.sum()) / shard_bytes))
    middle = np.cumsum(sizes) - sizes / 2
    which = np.minimum((middle * shards / sizes.sum()).astype(np.int64), shards - 1)
    starts = np.flatnonzero(np.diff(which, prepend=-1))
    return [int(ids[start]) for start in starts] + [int(ids[-1]) + 1]


def _units(lake: Lake, inputs: Mapping[str, str], bounds: Sequence[int]) -> list[Unit]:
    files = {name: lake.manifest(inputs[name]).files for name in FAMILIES}
    return [_unit(number, low, high, files) for number, (low, high) in enumerate(pairwise(bounds))]


def _unit(number: int, low: int, high: int, files: dict[str, tuple[FileEntry, ...]]) -> Unit:
    """The documents `low <= doc_id < high` and the files that hold them."""
    wanted = range(low >> OFFSET_BITS, ((high - 1) >> OFFSET_BITS) + 1)
    mine = {name: [f for f in entries if int(f.unit) in wanted] for name, entries in files.items()}
    inputs = {f"{name}/{f.unit}": f.sha256 for name, entries in mine.items() for f in entries}
    weight = sum(f.bytes for f in mine["documents"])
    return Unit(f"{number:05d}", {**inputs, "range": f"{low}-{high}"}, {**mine, "low": low, "high": high}, weight)


def compute(lake: Lake, unit: Unit, config: CurateConfig) -> UnitOutput:
    """One shard: clean the text, drop what cleaning emptied, measure again with the same kernels."""
    documents = _kept_rows(lake, unit)
    text = clean(documents.column("text").combine_chunks())
    empty = pc.equal(pc.binary_length(text), 0)
    before = pc.binary_length(documents.column("text")).filter(pc.invert(empty)).combine_chunks()
    documents, text = documents.filter(pc.invert(empty)), text.filter(pc.invert(empty))
    doc_id = documents.column("doc_id").combine_chunks()
    spoken = language(doc_id, text)
    measured = heuristics(doc_id, text, spoken.column("language").combine_chunks())
    columns = {
        **{name: documents.column(name) for name in CARRIED},
        **{name: measured.column(name) for name in MEASURED_AGAIN},
        "text": text,
        "language": spoken.column("language"),
        "language_score": spoken.column("score"),
        "content_hash": minhash(doc_id, text).column("content_hash"),
        "edited_bytes": pc.subtract(before, pc.binary_length(text)),
    }
    dropped = pc.sum(empty).as_py() or 0
    account = Account(len(text) + dropped, len(text), {"empty_after_cleaning": dropped} if dropped else {})
    table = pa.table({name: columns[name] for name in SCHEMAS["corpus"].names})
    return UnitOutput({"corpus": table}, {"corpus": account})


def _kept_rows(lake: Lake, unit: Unit) -> pa.Table:
    """The shard's kept documents with their cluster, by doc_id."""
    parts = []
    for entry, decided in zip(unit.payload["documents"], unit.payload["decisions"], strict=True):
        table = lake.read_file(entry, ["doc_id", "url", "host", "captured", "title", "text"])
        decisions = lake.read_file(decided, ["doc_id", "kept", "cluster_id", "cluster_size"])
        if not decisions.column("doc_id").equals(table.column("doc_id")):
            raise LakeError(f"unit {entry.unit}: documents and decisions do not hold the same documents")
        for name in ("cluster_id", "cluster_size"):
            table = table.append_column(name, decisions.column(name))
        doc_id = table.column("doc_id")
        inside = pc.and_(pc.greater_equal(doc_id, unit.payload["low"]), pc.less(doc_id, unit.payload["high"]))
        parts.append(table.filter(pc.and_(inside, decisions.column("kept"))))
    return pa.concat_tables(parts).combine_chunks()


def main(argv: list[str] | None = None) -> None:
    """Run the stage as a process."""
    stage_main(NAME, "Write a snapshot's corpus shards and its index segment.", INPUTS, run, argv)


if __name__ == "__main__":
    # Tasks unpickle what this module defines by its importable name, not by value from __main__.
    from spark_jobs.curate import main as importable_main

    run_main(importable_main)
