"""How many tokens training took of a snapshot: counted where a token dataset has them, else estimated from bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gristmill.lake import FileEntry, Lake, LakeError
from quality.views.lineage import provenance

BYTES_PER_TOKEN = 4.0
"""Of English under the vocabularies in use; other languages and scripts have two to five."""


@dataclass(frozen=True)
class Tokenised:
    """`tokens` of `documents`; `request` is the training request that they were made for, empty for an estimate."""

    tokens: float
    documents: float
    request: str = ""


def tokenised(
    lake: Lake, records: Sequence[Mapping[str, Any]], snapshot: str, corpus: str, size: float | None
) -> Tokenised | None:
    """Of the newest token dataset that was made from exactly this corpus; else by the `size` of the corpus, in bytes.

    `records` are the ended attempts of the whole ledger, oldest first.
    """
    made = [(record["scope"], record["outputs"]["tokens"]) for record in records if "tokens" in record["outputs"]]
    for request, tokens in reversed(made):
        stored = lake.storage.get(f"manifests/{tokens}.json") is not None
        if stored and provenance(lake, tokens).get("inputs", {}).get(f"corpus.{snapshot}") == corpus:
            try:
                counts = [_counted(lake, entry, snapshot) for entry in lake.manifest(tokens).files]
            except (LakeError, OSError, pa.ArrowException):
                continue  # lost since: an older dataset or the estimate stands in
            return Tokenised(sum(n for n, _ in counts), sum(documents for _, documents in counts), request)
    return None if size is None else Tokenised(size / BYTES_PER_TOKEN, 0)


def _counted(lake: Lake, entry: FileEntry, snapshot: str) -> tuple[int, int]:
    """(tokens, documents) of a snapshot in one file: the rows of a file lie in the stream one after the other, so that
    their offsets and the number of tokens in the file's footer give the length of each. No token is read."""
    rows = lake.read_file(entry, ["snapshot", "stream_offset"])
    offsets = rows.column("stream_offset").to_numpy()
    mine = pc.equal(rows.column("snapshot"), snapshot).to_numpy()
    if not mine.any():
        return 0, 0
    lengths = np.diff(offsets, append=offsets[0] + _tokens_in(lake, entry))
    return int(lengths[mine].sum()), int(mine.sum())


def _tokens_in(lake: Lake, entry: FileEntry) -> int:
    """All tokens of a file, as its footer counts them."""
    footer = pq.read_metadata(lake.path(entry))
    groups = (footer.row_group(number) for number in range(footer.num_row_groups))
    columns = (group.column(number) for group in groups for number in range(group.num_columns))
    return sum(column.num_values for column in columns if column.path_in_schema.startswith("tokens."))
