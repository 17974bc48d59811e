"""The index segment of a release: the band keys of its kept documents, sorted within fixed key prefixes.

A set of segments is the history index: two snapshots meet prefix by prefix, with sorted keys.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gristmill.lake import FileEntry, Lake, Manifest
from gristmill.ledger import Attempt
from gristmill.schemas import SCHEMAS
from gristmill.settings import Settings
from gristmill.units import Stage, Unit, UnitOutput, run_stage
from spark_jobs.clusters.shape import Shape
from spark_jobs.clusters.signatures import BAND_COLUMNS, signature_rows
from spark_jobs.stage import StageContext

PREFIXES = "0123456789abcdef"
"""The first hexadecimal digit of a key names its file."""


class IndexConfig(Settings):
    """No option: bands and keys come with the signatures."""


def run_index(context: StageContext, attempt: Attempt) -> Manifest:
    """Write the segment, one unit per key prefix."""
    lake = context.lake
    names = ("minhash", "decisions")
    files = {name: lake.manifest(context.inputs[name]).files for name in names}
    inputs = {name: context.inputs[name] for name in names}
    stage = Stage("index", 2, ("index",), IndexConfig(), compute)
    units = [Unit(prefix, inputs, files) for prefix in PREFIXES]
    return run_stage(lake, stage, units, context.tasks, attempt)["index"]


def compute(lake: Lake, unit: Unit, config: IndexConfig) -> UnitOutput:
    """The keys of all bands that start with the unit's prefix, sorted by (band, key, doc_id)."""
    digit = PREFIXES.index(unit.key)
    kept = _kept(lake, unit.payload["decisions"])
    bands, keys, ids = [np.empty(0, np.int8)], [np.empty(0, np.uint64)], [np.empty(0, np.int64)]
    shape = Shape()
    for entry in unit.payload["minhash"]:
        table = lake.read_file(entry, ["doc_id", *BAND_COLUMNS])
        table = table.filter(pc.is_in(table.column("doc_id"), kept)).drop_null()
        doc_id, values = table.column("doc_id").to_numpy(), signature_rows(table)
        for band in range(shape.bands):
            key = shape.keys(values, band)
            mine = (key >> np.uint64(60)) == digit
            bands.append(np.full(int(mine.sum()), band, np.int8))
            keys.append(key[mine])
            ids.append(doc_id[mine])
    columns = (np.concatenate(bands), np.concatenate(keys), np.concatenate(ids))
    order = np.lexsort(columns[::-1])
    return UnitOutput({"index": pa.table([column[order] for column in columns], schema=SCHEMAS["index"])})


def _kept(lake: Lake, decisions: Sequence[FileEntry]) -> pa.Array:
    tables = [lake.read_file(entry, ["doc_id", "kept"]) for entry in decisions]
    table = pa.concat_tables(tables)
    return table.column("doc_id").filter(table.column("kept")).combine_chunks()
