"""The index segment of a release: the band keys of its kept documents, sorted within fixed key prefixes.

Signatures are read once: each task turns some files into a run of keys, then each prefix gathers its keys from all
runs. So keys are what moves, 17 bytes each and 14 a document. A set of segments is the history index. Each prefix opens
each run, which is cheap up to some hundred million documents a snapshot and grows with their square.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gristmill.lake import FileEntry, Lake, Manifest, sha256_json
from gristmill.ledger import Attempt
from gristmill.schemas import SCHEMAS
from gristmill.settings import Settings
from gristmill.units import Stage, Unit, UnitOutput, group_units, run_stage, run_units
from spark_jobs.clusters.shape import Shape
from spark_jobs.clusters.signatures import BAND_COLUMNS, signature_rows
from spark_jobs.history.keys import bands_and_keys, digits_for, prefixes, sorted_rows
from spark_jobs.stage import StageContext

RUN_DOCUMENTS = 300_000
"""Documents after which a run ends: their 4.2 million keys take 400 MB until they are written."""


_READ = ("minhash", "decisions")


class IndexConfig(Settings):
    """No option: bands and keys come with the signatures."""


def run_index(context: StageContext, attempt: Attempt) -> Manifest:
    """Write the segment: its runs, then one unit per key prefix."""
    lake, inputs = context.lake, {name: context.inputs[name] for name in _READ}
    runs = _runs(context)
    inputs = {**inputs, "runs": sha256_json([run.sha256 for run in runs])}
    units = [Unit(p, inputs, {"runs": runs}) for p in prefixes(digits_for(sum(run.rows for run in runs)))]
    stage = Stage("index", 2, ("index",), IndexConfig(), gather)
    return run_stage(lake, stage, units, context.tasks, attempt)["index"]


def _runs(context: StageContext) -> list[FileEntry]:
    """The keys of all kept documents, in files of about RUN_DOCUMENTS documents that are cut by no prefix."""
    signed, decided = ({f.unit: f for f in context.lake.manifest(context.inputs[n]).files} for n in _READ)
    groups: list[list[str]] = []
    documents = 0
    for unit, entry in signed.items():
        if not groups or documents + entry.rows > RUN_DOCUMENTS:
            groups.append([])
            documents = 0
        groups[-1].append(unit)
        documents += entry.rows
    units = [_run(group[0], [(signed[unit], decided[unit]) for unit in group]) for group in groups]
    stage = Stage("index.run", 1, ("index",), IndexConfig(), sort_run)
    results = context.tasks(partial(run_units, context.lake, stage), group_units(units))
    return [files["index"] for group in results for _, files, _ in group]


def _run(key: str, files: Sequence[tuple[FileEntry, FileEntry]]) -> Unit:
    inputs = {f"{kind}/{f.unit}": f.sha256 for pair in files for kind, f in zip(_READ, pair, strict=True)}
    return Unit(f"run-{key}", inputs, {"files": files}, sum(signed.bytes for signed, _ in files))


def sort_run(lake: Lake, unit: Unit, config: IndexConfig) -> UnitOutput:
    """All keys of the kept documents of some files, sorted by key, so that those of any prefix lie together."""
    shape = Shape()
    keys, ids = [np.empty((0, shape.bands), np.uint64)], [np.empty(0, np.int64)]
    for signed, decided in unit.payload["files"]:
        decisions = lake.read_file(decided, ["doc_id", "kept"])
        kept = decisions.column("doc_id").filter(decisions.column("kept"))
        table = lake.read_file(signed, ["doc_id", *BAND_COLUMNS])
        table = table.filter(pc.is_in(table.column("doc_id"), kept.combine_chunks())).drop_null()
        values = signature_rows(table)
        keys.append(np.stack([shape.keys(values, band) for band in range(shape.bands)], axis=1))
        ids.append(table.column("doc_id").to_numpy())
    key = np.concatenate(keys).ravel()
    band = np.tile(np.arange(shape.bands, dtype=np.int8), len(key) // shape.bands)
    doc_id = np.repeat(np.concatenate(ids), shape.bands)
    order = np.argsort(key)
    table = pa.table([band[order], key[order], doc_id[order]], schema=SCHEMAS["index"])
    return UnitOutput({"index": table})


def gather(lake: Lake, unit: Unit, config: IndexConfig) -> UnitOutput:
    """The keys of all runs that start with the unit's prefix, sorted by (band, key, doc_id)."""
    rows = sorted_rows(lake, [(run, {"": 0}) for run in unit.payload["runs"]], unit.key)
    band, key = bands_and_keys(rows.bucket, unit.key)
    return UnitOutput({"index": pa.table([band, key, rows.doc_id], schema=SCHEMAS["index"])})
