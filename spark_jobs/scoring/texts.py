"""The texts of a recipe's sources: read, capped, told apart by language and group, each content once."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from gristmill.errors import UserError
from gristmill.lake import FileEntry, Lake, hash_file
from gristmill.release import current
from spark_jobs.policies.inputs import digest_of
from spark_jobs.scoring.recipe import LIMIT, Source
from spark_jobs.text.language import language
from spark_jobs.text.minhash import minhash

SCHEMA = pa.schema([("text", pa.large_string()), ("language", pa.string()), ("group", pa.string()),
                    ("content", pa.binary(16))])  # fmt: skip
"""`content`: hash of words and digits, equal for equal content whatever its case and punctuation."""


class SourceError(UserError):
    """A source of texts that cannot be used; the message names it."""


def read(lake: Lake, role: str, sources: Sequence[Source]) -> tuple[pa.Table, list[dict[str, Any]]]:
    """(texts of all sources, what the card says of each: name, origin, digest, documents, bytes).

    `role`: one of SETS; of `evaluation` every text is read, of others up to the source's limit. Of equal content the
    first stays. Raises SourceError.
    """
    tables, cards = [SCHEMA.empty_table()], []
    for source in sources:
        # An item that is not read is not sought, and would be trained on unseen.
        limit = None if role == "evaluation" else source.limit or LIMIT
        found, origin = _of_file(source, limit) if source.path is not None else _of_snapshot(lake, source, limit)
        table = _complete(found, source)
        tables.append(table)
        cards.append({"name": source.name, **origin, "documents": table.num_rows, "bytes": _bytes(table)})
    return once(pa.concat_tables(tables).combine_chunks()), cards


def once(table: pa.Table) -> pa.Table:
    """The first text of each content."""
    _, first = np.unique(contents(table), return_index=True)
    return table.take(pa.array(np.sort(first)))


def without(table: pa.Table, other: pa.Table) -> pa.Table:
    """The texts whose content is not in `other`."""
    return table.filter(pa.array(~np.isin(contents(table), contents(other))))


def contents(table: pa.Table) -> NDArray[Any]:
    """The content hashes as 16-byte values that compare exactly."""
    # numpy's S16 drops trailing zero bytes; a pair of integers does not.
    raw = b"".join(table.column("content").to_pylist())
    return np.frombuffer(raw, [("low", "<u8"), ("high", "<u8")])


def _bytes(table: pa.Table) -> int:
    return int(pc.sum(pc.binary_length(table.column("text"))).as_py() or 0)


def _complete(table: pa.Table, source: Source) -> pa.Table:
    """Under SCHEMA: languages and groups where the source has none."""
    text = pc.fill_null(table.column("text").cast(pa.large_string()), "").combine_chunks()
    ids = pa.array(np.arange(len(text)))
    spoken = table.column("language") if "language" in table.column_names else language(ids, text)["language"]
    content = minhash(ids, text).column("content_hash")
    own = pa.array([key.hex() for key in content.to_pylist()], pa.string())
    group = pc.coalesce(table.column("group"), own) if "group" in table.column_names else own
    return pa.table([text, spoken.cast(pa.string()), group, content], schema=SCHEMA)


def _of_file(source: Source, limit: int | None) -> tuple[pa.Table, dict[str, Any]]:
    assert source.path is not None
    try:
        table = _parquet(source.path) if source.path.suffix == ".parquet" else _jsonl(source.path)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise SourceError(f"source '{source.name}': {source.path} cannot be read: {error}") from None
    table = table.take(pa.array(spaced(table.num_rows, limit)))
    if source.language is not None:
        kept = [name for name in table.column_names if name != "language"]
        table = table.select(kept).append_column("language", pa.array([source.language] * table.num_rows, pa.string()))
    return table, {"file": source.path.name, "sha256": hash_file(source.path)}


def _parquet(path: Path) -> pa.Table:
    names = pq.read_schema(path).names
    if "text" not in names:
        raise ValueError(f"it has no column 'text' (it has {', '.join(names)})")
    return pq.read_table(path, columns=[name for name in ("text", "language", "group") if name in names])


def _jsonl(path: Path) -> pa.Table:
    rows = list(_lines(path))
    names = ["text", *(name for name in ("language", "group") if any(name in row for row in rows))]
    return pa.table({name: pa.array([row.get(name) for row in rows], pa.string()) for name in names})


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            row = json.loads(line)
            if not isinstance(row, dict) or not isinstance(row.get("text"), str):
                raise ValueError(f"line {number} is no object with a 'text'")
            yield row


def spaced(rows: int, limit: int | None) -> NDArray[np.int64]:
    """`limit` of the numbers below `rows`, evenly spaced; all where there are no more, or without a limit."""
    taken = rows if limit is None else min(rows, limit)
    return (np.arange(taken) * (rows / max(1, taken))).astype(np.int64)


def _of_snapshot(lake: Lake, source: Source, limit: int | None) -> tuple[pa.Table, dict[str, Any]]:
    snapshot = str(source.snapshot)
    wanted = ["documents", "language", *(["decisions"] if source.kept is not None else [])]
    released = current(lake, snapshot)
    digests = {name: digest_of(lake, snapshot, name) for name in wanted}
    if lacking := [name for name, digest in digests.items() if digest is None]:
        raise SourceError(f"source '{source.name}': snapshot '{snapshot}' has no {lacking[0]}; run the snapshot first")
    manifests = {name: lake.manifest(str(digest)) for name, digest in digests.items()}
    documents = manifests["documents"]
    tables = []
    for entry in documents.files:
        share = None if limit is None else -(-limit * entry.rows // max(1, documents.rows))
        tables.append(_of_unit(lake, {name: m.file(entry.unit) for name, m in manifests.items()}, source, share))
    table = pa.concat_tables(tables) if tables else SCHEMA.empty_table()
    origin = {"snapshot": snapshot, "released": released is not None, "digests": digests, "kept": source.kept}
    return table, origin


def _of_unit(lake: Lake, files: dict[str, FileEntry], source: Source, limit: int | None) -> pa.Table:
    """Up to `limit` documents of one file, or all: text, language and, as group, host."""
    table = lake.read_file(files["documents"], ["text", "host"]).rename_columns(["text", "group"])
    table = table.append_column("language", lake.read_file(files["language"], ["language"]).column("language"))
    if source.kept is not None:
        kept = lake.read_file(files["decisions"], ["kept"]).column("kept")
        table = table.filter(kept if source.kept else pc.invert(kept))
    return table.take(pa.array(spaced(table.num_rows, limit)))
