"""Do the files hold the columns that their dataset declares?"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.parquet as pq

from gristmill.lake import Lake, declared
from gristmill.schemas import SCHEMAS
from gristmill.scores import among
from quality.metrics.rows import Metrics


def schemas(metrics: Metrics, lake: Lake, digests: Mapping[str, str]) -> None:
    """Number of files whose schema is another one, by dataset; reads one footer a file."""
    wrong: dict[str, int] = {}
    for name in sorted({*digests} & {*SCHEMAS} | {*among(digests)}):
        schema = declared(name)
        files = lake.manifest(digests[name]).files
        if other := sum(not _is_declared(str(lake.path(entry)), schema) for entry in files):
            wrong[name] = other
    metrics.total("contract", "other_schemas", sum(wrong.values()))
    metrics.per_key("contract", "other_schemas", "dataset", wrong)


def _is_declared(path: str, schema: pa.Schema) -> bool:
    try:
        return _plain(pq.read_schema(path)) == _plain(schema)
    except (OSError, pa.ArrowException):
        return False


def _plain(schema: pa.Schema) -> list[tuple[str, bool, pa.DataType]]:
    """Parquet has no timestamps in seconds: those come back in milliseconds."""
    second = pa.timestamp("s", tz="UTC")
    kinds = [pa.timestamp("ms", tz="UTC") if f.type == second else f.type for f in schema]
    return [(f.name, f.nullable, kind) for f, kind in zip(schema, kinds, strict=True)]
