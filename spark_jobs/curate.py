"""curate: kept documents, edited, masked and measured again, in even shards; and their index segment.

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
from gristmill.schemas import MEASURED_AGAIN, OFFSET_BITS, SCHEMAS
from gristmill.settings import Settings
from gristmill.units import Stage, Unit, UnitOutput, run_stage
from spark_jobs import index
from spark_jobs.annotate_config import registry_of
from spark_jobs.edits import edited, too_short
from spark_jobs.families import FAMILIES
from spark_jobs.policies.loading import load_policy
from spark_jobs.policies.model import Edits
from spark_jobs.stage import StageContext, stage_main
from spark_jobs.text.heuristics import heuristics
from spark_jobs.text.languages import languages
from spark_jobs.text.line_masks import either, masked_bytes
from spark_jobs.text.minhash import minhash

NAME, VERSION = "curate", 2
INPUTS = ("documents", "heuristics", "lines", "minhash", "boilerplate", "decisions")
CARRIED = ("doc_id", "url", "canonical_url", "host", "captured", "published", "title", "cluster_id", "cluster_size")
KERNELS = ("language", "heuristics", "lines", "pii", "minhash")
TOO_SHORT, BOILERPLATE = "too_short_after_edits", "boilerplate"


class CurateConfig(Settings):
    """`shard_bytes`: wanted UTF-8 bytes of text per shard; shards are cut evenly near it."""

    shard_bytes: int = Field(default=256_000_000, ge=1000)


def run(context: StageContext) -> Attempt:
    """The whole stage."""
    config = context.profile.stage(NAME, CurateConfig)
    edits = load_policy(context.profile.policy, registry_of(context.profile)).edits
    lake = context.lake
    ids, sizes = kept_documents(lake, context.inputs["decisions"], context.inputs["heuristics"])
    bounds = shard_bounds(ids, sizes, config.shard_bytes)
    # Where shards are cut is in each unit's range; of the policy, only the edits change a text.
    stage = Stage(NAME, VERSION, ("corpus",), edits, compute)
    with context.attempt(NAME, config) as attempt:
        units = _units(lake, context.inputs, bounds, edits)
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


def _units(lake: Lake, inputs: Mapping[str, str], bounds: Sequence[int], edits: Edits) -> list[Unit]:
    names = ["documents", "decisions"]
    names += ["lines"] if edits.lines else []
    names += [BOILERPLATE] if edits.boilerplate else []
    files = {name: lake.manifest(inputs[name]).files for name in names}
    return [_unit(number, low, high, files) for number, (low, high) in enumerate(pairwise(bounds))]


def _unit(number: int, low: int, high: int, files: dict[str, tuple[FileEntry, ...]]) -> Unit:
    """The documents `low <= doc_id < high` and the files that hold them."""
    wanted = range(low >> OFFSET_BITS, ((high - 1) >> OFFSET_BITS) + 1)
    mine = {name: [f for f in entries if int(f.unit) in wanted] for name, entries in files.items()}
    inputs = {f"{name}/{f.unit}": f.sha256 for name, entries in mine.items() for f in entries}
    # The final text is measured and masked by the kernels of these families.
    inputs |= {f"{f.name} version": str(f.version) for f in FAMILIES if f.name in KERNELS}
    weight = sum(f.bytes for f in mine["documents"])
    return Unit(f"{number:05d}", {**inputs, "range": f"{low}-{high}"}, {**mine, "low": low, "high": high}, weight)


def compute(lake: Lake, unit: Unit, edits: Edits) -> UnitOutput:
    """One shard: edit the text, measure again with the same kernels, drop what has become too short."""
    documents = _kept_rows(lake, unit, edits)
    doc_id = documents.column("doc_id").combine_chunks()
    before = documents.column("text").combine_chunks()
    repeated = documents.column(BOILERPLATE).combine_chunks() if edits.boilerplate else None
    text, masked = edited(before, _dropped(documents, repeated, edits), edits)
    spoken = languages(doc_id, text)
    measured = heuristics(doc_id, text, spoken.column("language").combine_chunks())
    columns = {
        **{name: documents.column(name) for name in CARRIED},
        **{name: measured.column(name) for name in MEASURED_AGAIN},
        "text": text,
        "language": spoken.column("language"),
        "language_score": spoken.column("score"),
        "content_hash": minhash(doc_id, text).column("content_hash"),
        "edited_bytes": pc.cast(pc.subtract(pc.binary_length(before), pc.binary_length(text)), pa.int32()),
        "pii_masked": masked,
    }
    table = pa.table({name: columns[name] for name in SCHEMAS["corpus"].names})
    long_enough = table.filter(pc.invert(too_short(measured, edits)))
    dropped = table.num_rows - long_enough.num_rows
    other = _boilerplate(before, repeated) if repeated is not None else {}
    account = Account(table.num_rows, long_enough.num_rows, {TOO_SHORT: dropped} if dropped else {}, other=other)
    return UnitOutput({"corpus": long_enough}, {"corpus": account})


def _dropped(documents: pa.Table, repeated: pa.Array | None, edits: Edits) -> pa.Array | None:
    """One mask per text, of the lines that any edit drops."""
    rules = documents.column(edits.lines).combine_chunks() if edits.lines else None
    if rules is None or repeated is None:
        return repeated if rules is None else rules
    return either(rules, repeated)


def _boilerplate(text: pa.Array, repeated: pa.Array) -> dict[str, int]:
    """What the account says of the repeated lines that went."""
    return {
        # Of a document whose mask the cap has dropped, the mask is empty.
        "boilerplate_documents": pc.sum(pc.greater(pc.binary_length(repeated), 0)).as_py() or 0,
        "boilerplate_bytes": int(masked_bytes(text, repeated).sum()),
    }


def _kept_rows(lake: Lake, unit: Unit, edits: Edits) -> pa.Table:
    """The shard's kept documents with their cluster and, where lines are edited, their mask; by doc_id."""
    others = {"decisions": ["kept", "cluster_id", "cluster_size"]}
    if edits.lines:
        others["lines"] = [edits.lines]
    parts = []
    for place, entry in enumerate(unit.payload["documents"]):
        table = lake.read_file(entry, [n for n in (*CARRIED, "text") if n in SCHEMAS["documents"].names])
        for dataset, names in others.items():
            beside = lake.read_file(unit.payload[dataset][place], ["doc_id", *names])
            if not beside.column("doc_id").equals(table.column("doc_id")):
                raise LakeError(f"unit {entry.unit}: documents and {dataset} do not hold the same documents")
            for name in names:
                table = table.append_column(name, beside.column(name))
        if edits.boilerplate:
            rows = lake.read_file(unit.payload[BOILERPLATE][place], ["doc_id", "mask"])
            at = pc.index_in(table.column("doc_id"), rows.column("doc_id"))
            table = table.append_column(BOILERPLATE, rows.column("mask").take(at))
        doc_id = table.column("doc_id")
        inside = pc.and_(pc.greater_equal(doc_id, unit.payload["low"]), pc.less(doc_id, unit.payload["high"]))
        parts.append(table.filter(pc.and_(inside, table.column("kept"))))
    return pa.concat_tables(parts).combine_chunks()


def main(argv: list[str] | None = None) -> None:
    """Run the stage as a process."""
    stage_main(NAME, "Write a snapshot's corpus shards and its index segment.", INPUTS, run, argv)


if __name__ == "__main__":
    # Tasks unpickle what this module defines by its importable name, not by value from __main__.
    from spark_jobs.curate import main as importable_main

    run_main(importable_main)
