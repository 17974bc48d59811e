"""The registry of signals: every column that `annotate` measures, by family, with its definition and source."""

from __future__ import annotations

import pyarrow as pa

from gristmill.datasets import SIGNAL_FAMILIES
from gristmill.signals.content import CONTENT
from gristmill.signals.heuristics import HEURISTICS
from gristmill.signals.language import LANGUAGE
from gristmill.signals.lines import LINES
from gristmill.signals.minhash import MINHASH
from gristmill.signals.pii import PII
from gristmill.signals.signal import Signal
from gristmill.signals.url import URL

_MEASURED: dict[str, tuple[Signal, ...]] = {
    "url": URL, "language": LANGUAGE, "heuristics": HEURISTICS, "lines": LINES, "content": CONTENT, "pii": PII,
    "minhash": MINHASH,
}  # fmt: skip

FAMILIES: dict[str, tuple[Signal, ...]] = {name: _MEASURED[name] for name in SIGNAL_FAMILIES}
"""Family -> its signals, in the order of their columns after doc_id."""


def schema(signals: tuple[Signal, ...]) -> pa.Schema:
    """The declared schema of a family: doc_id, then its signals."""
    return pa.schema([pa.field("doc_id", pa.int64(), nullable=False), *(signal.field for signal in signals)])
