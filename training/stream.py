"""Token streams: verified shards, decoded once per digest into local memory maps, with the table of their documents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from gristmill import verdicts
from gristmill.kept import Writer, kept
from gristmill.lake import FileEntry, Lake, LakeError, hash_file
from gristmill.source import local_copy

DOCUMENT = np.dtype([("start", "<i8"), ("length", "<i8"), ("snapshot", "<i4"), ("doc_id", "<i8")])
"""One document: its first token in the stream, its tokens, its snapshot's place in `TokenStream.snapshots`."""

SMALL = 1 << 16
"""Tokens below this number take two bytes each."""

_COLUMNS = ("snapshot", "doc_id", "tokens")
_BATCH_ROWS = 4096


@dataclass(frozen=True)
class TokenStream:
    """A split of a token dataset: `tokens` (tokens,) uint16 or uint32, `documents` (documents,) of DOCUMENT."""

    digest: str
    split: str
    tokens: NDArray[Any]
    documents: NDArray[Any]
    snapshots: tuple[str, ...]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each document."""
        lengths: NDArray[np.int64] = self.documents["length"]
        return lengths


def approved_stream(lake: Lake, tokens: str, split: str, folder: Path, objects: str | None = None) -> TokenStream:
    """What may be trained on. Raises NotApproved without an approving verdict, else as `mapped_stream`."""
    verdicts.require_approved(lake, tokens)
    return mapped_stream(lake, tokens, split, folder, objects)


def token_stream(lake: Lake, tokens: str, split: str, folder: Path) -> NDArray[Any]:
    """The tokens alone of `approved_stream`."""
    return approved_stream(lake, tokens, split, folder).tokens


def mapped_stream(lake: Lake, tokens: str, split: str, folder: Path, objects: str | None = None) -> TokenStream:
    """The split as memory maps under `folder`, made once per digest and verified at each opening.

    `objects`: path or URL, for any file system that fsspec knows, of a copy of the lake; shards that the lake's own
    folder does not hold are read there.

    Raises LakeError for a shard whose bytes are not those published or that nobody holds, KeptError for damaged maps,
    SourceError for a URL of a scheme that cannot be used.
    """

    def make(writer: Writer) -> Mapping[str, Any]:
        manifest = lake.manifest(tokens)
        if manifest.dataset != "tokens":
            raise LakeError(f"{tokens[:12]} is a dataset of {manifest.dataset}; give the digest of tokens")
        entries = [entry for entry in manifest.files if entry.unit.startswith(split)]
        return _Decoder(writer).decode(lake, entries, objects)

    found = kept(folder, f"{tokens}-{split}", make)
    return TokenStream(
        tokens, split, found.arrays["tokens"], found.arrays["documents"], tuple(found.facts["snapshots"])
    )


class _Decoder:
    """Appends shards to the two arrays: tokens of two bytes while they fit."""

    def __init__(self, writer: Writer) -> None:
        self.writer = writer
        self.dtype: np.dtype[Any] = np.dtype("<u2")
        self.snapshots: list[str] = []
        self.count = 0

    def decode(self, lake: Lake, entries: list[FileEntry], objects: str | None) -> Mapping[str, Any]:
        """All shards in order; from the start again, with four bytes a token, when one does not fit two."""
        while True:
            self._begin()
            if all(self._shard(lake, entry, objects) for entry in entries):
                return {"snapshots": self.snapshots}
            self.dtype = np.dtype("<u4")

    def _begin(self) -> None:
        self.count, self.snapshots = 0, []
        for name, dtype in (("tokens", self.dtype), ("documents", DOCUMENT)):
            self.writer.clear(name)
            self.writer.array(name, np.empty(0, dtype))

    def _shard(self, lake: Lake, entry: FileEntry, objects: str | None) -> bool:
        """False when a token does not fit. Memory holds a batch of documents."""
        with verified(lake, entry, objects) as path, pq.ParquetFile(path) as file:
            for batch in file.iter_batches(_BATCH_ROWS, columns=list(_COLUMNS)):
                values = batch.column("tokens").flatten().to_numpy()
                if self.dtype.itemsize == 2 and len(values) and values.max() >= SMALL:
                    return False
                self.writer.array("tokens", values.astype(self.dtype))
                self.writer.array("documents", self._documents(batch))
        return True

    def _documents(self, batch: pa.RecordBatch) -> NDArray[Any]:
        table = np.empty(batch.num_rows, DOCUMENT)
        table["length"] = batch.column("tokens").value_lengths().to_numpy()
        table["start"] = self.count + np.cumsum(table["length"]) - table["length"]
        table["doc_id"] = batch.column("doc_id").to_numpy()
        names = batch.column("snapshot").dictionary_encode()
        self.snapshots += [name for name in names.dictionary.to_pylist() if name not in self.snapshots]
        places = np.array([self.snapshots.index(name) for name in names.dictionary.to_pylist()], np.int32)
        table["snapshot"] = places[names.indices.to_numpy()]
        self.count += int(table["length"].sum())
        return table


@contextmanager
def verified(lake: Lake, entry: FileEntry, objects: str | None = None) -> Iterator[Path]:
    """A local file with the shard's published bytes. Raises LakeError when they are others, damaged or nowhere."""
    path = lake.path(entry)
    address = f"{objects.rstrip('/')}/{entry.path}" if objects and not path.exists() else str(path)
    try:
        with local_copy(address) as local:
            if hash_file(local) != entry.sha256:
                raise LakeError(f"{address} is not the shard that was published; run `gristmill verify`")
            yield local
    except (OSError, pa.ArrowException) as error:
        raise LakeError(f"{address} cannot be read ({error}); run `gristmill verify`") from error
