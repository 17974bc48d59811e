"""From a kernel's figures to the table of a family."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gristmill.signals import schema
from gristmill.signals.signal import Signal


def table_of(
    doc_id: pa.Array, signals: tuple[Signal, ...], figures: NDArray[np.float64], others: Mapping[str, pa.Array]
) -> pa.Table:
    """The table of a family. `figures` (documents, signals) has NaN for null; `others` are the columns that are no
    figures. Shares and numbers are rounded to 1e-6."""
    columns = [doc_id.combine_chunks() if isinstance(doc_id, pa.ChunkedArray) else doc_id]
    for position, signal in enumerate(signals):
        column = others.get(signal.name)
        columns.append(_column(signal, figures[:, position]) if column is None else column)
    return pa.table(columns, schema=schema(signals))


def _column(signal: Signal, values: NDArray[np.float64]) -> pa.Array:
    missing = np.isnan(values)
    present = np.where(missing, 0.0, values)
    if pa.types.is_boolean(signal.type):
        return pa.array(present > 0, mask=missing)
    if pa.types.is_integer(signal.type):
        return pa.array(present.astype(np.int32), mask=missing)
    return pa.array(np.round(present, 6).astype(np.float32), mask=missing)
