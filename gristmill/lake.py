"""The lake: immutable, content-addressed datasets over three storage primitives.

A dataset is a manifest `manifests/<digest>.json` that names its files. The digest covers the schema and
the sorted (unit, sha256, rows, mass balance) of the files, so equal content has one digest wherever and however it was
made. Where it was made stands beside it in `provenance/<digest>/`, outside the digest.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from gristmill.errors import UserError
from gristmill.profile import Profile
from gristmill.schemas import FILE_DATASETS, SCHEMAS
from gristmill.scores import model_of
from gristmill.signals import schema
from gristmill.signals.scores import score_signals
from gristmill.storage import PosixStorage, Storage

ROW_GROUP_ROWS = 16_384
_BLOCK = 1 << 20
_GROUP = 32 << 20
"""Bytes in memory after which a table writer ends its row group."""


class LakeError(UserError):
    """The lake does not hold what was asked, or refuses what was offered; the message says why."""


@dataclass(frozen=True)
class Account:
    """Mass balance of one unit of work: records_in = out + sum(removed) + quarantined.

    `other` counts by kind what was read and is no input of the stage, such as request records.
    """

    records_in: int
    out: int
    removed: Mapping[str, int] = field(default_factory=dict)
    quarantined: int = 0
    other: Mapping[str, int] = field(default_factory=dict)

    @property
    def residual(self) -> int:
        """0 when the balance closes."""
        return self.records_in - self.out - sum(self.removed.values()) - self.quarantined

    def content(self) -> dict[str, Any]:
        """What a digest says of it. `other` came later, and a dataset without it keeps its digest."""
        return {key: value for key, value in asdict(self).items() if value or key != "other"}

    @staticmethod
    def total(accounts: Sequence[Account]) -> Account:
        """The sum over units; reasons and kinds in sorted order."""
        return Account(
            sum(a.records_in for a in accounts),
            sum(a.out for a in accounts),
            _sum_by_key([a.removed for a in accounts]),
            sum(a.quarantined for a in accounts),
            _sum_by_key([a.other for a in accounts]),
        )


@dataclass(frozen=True)
class FileEntry:
    """One file of a dataset: `unit` is its key in the dataset, `path` its unique name in the lake."""

    unit: str
    path: str
    sha256: str
    rows: int
    bytes: int
    account: Account | None = None

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> FileEntry:
        account = data.get("account")
        return FileEntry(**{**data, "account": Account(**account) if account else None})


@dataclass(frozen=True)
class Manifest:
    """A published dataset; files are in unit order."""

    digest: str
    dataset: str
    files: tuple[FileEntry, ...]

    @property
    def rows(self) -> int:
        return sum(f.rows for f in self.files)

    @property
    def bytes(self) -> int:
        return sum(f.bytes for f in self.files)

    @property
    def account(self) -> Account | None:
        """The mass balance of the whole dataset; None where its stage keeps none."""
        accounts = [f.account for f in self.files if f.account is not None]
        return Account.total(accounts) if accounts else None

    def file(self, unit: str) -> FileEntry:
        """The file of one unit; raises LakeError."""
        for entry in self.files:
            if entry.unit == unit:
                return entry
        raise LakeError(f"dataset {self.dataset} {self.digest[:12]} has no unit '{unit}'")


class Lake:
    """Reads and publishes datasets; every writer may be one of two, and may be killed at any instant."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage

    @classmethod
    def open(cls, profile: Profile) -> Lake:
        """The lake of a profile, created when absent."""
        return cls(PosixStorage(profile.lake))

    # Writing

    def write_table(self, dataset: str, unit: str, table: pa.Table, account: Account | None = None) -> FileEntry:
        """Write `table` as the file of `unit`, cast to the declared schema. Visible only once published.

        The bytes depend on the rows alone: one chunk per column, fixed row groups, one codec and level, no
        run metadata. Raises LakeError when the columns are not those declared.
        """
        data = encode_table(dataset, table)
        return self._write(dataset, unit, ".parquet", data, table.num_rows, account)

    def table_writer(self, dataset: str, unit: str) -> TableWriter:
        """A writer of the file of `unit`, for rows that are too many to hold. Visible only once published."""
        key = _object_key(dataset, unit, ".parquet")
        return TableWriter(self.storage, key, unit, declared(dataset), self._new_path(key))

    def write_file(self, dataset: str, unit: str, source: Path) -> FileEntry:
        """Copy any file into the lake as `unit` of one of FILE_DATASETS."""
        if dataset not in FILE_DATASETS:
            raise LakeError(f"dataset '{dataset}' holds tables; files belong to {sorted(FILE_DATASETS)}")
        key = _object_key(dataset, unit, source.suffix)
        path = self._new_path(key)
        shutil.copyfile(source, path)
        self.storage.seal(key)
        return FileEntry(unit, key, hash_file(path), 0, path.stat().st_size)

    def _write(
        self, dataset: str, unit: str, suffix: str, data: bytes, rows: int, account: Account | None
    ) -> FileEntry:
        key = _object_key(dataset, unit, suffix)
        self._new_path(key).write_bytes(data)
        self.storage.seal(key)
        return FileEntry(unit, key, hashlib.sha256(data).hexdigest(), rows, len(data), account)

    def _new_path(self, key: str) -> Path:
        path = self.storage.local_path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def publish(self, dataset: str, files: Sequence[FileEntry], provenance: Mapping[str, Any]) -> Manifest:
        """Publish `files` as one dataset; content that is already published keeps its first files.

        Raises LakeError for an unclosed mass balance, a repeated unit or a missing file.
        """
        entries = tuple(sorted(files, key=lambda f: f.unit))
        self._check(dataset, entries)
        digest = dataset_digest(dataset, entries)
        body = {"dataset": dataset, "schema": schema_text(dataset), "files": [asdict(f) for f in entries]}
        self._put_or_heal(digest, canonical_json(body), entries)
        self.storage.put_if_absent(f"provenance/{digest}/{uuid.uuid4().hex}.json", canonical_json(provenance))
        return self.manifest(digest)

    def _put_or_heal(self, digest: str, body: bytes, entries: Sequence[FileEntry]) -> None:
        """Create the manifest. One that stands becomes young; it is replaced if it or its files are damaged."""
        key = f"manifests/{digest}.json"
        while not self.storage.put_if_absent(key, body):
            # Touched before it is read: from here on garbage collection spares it.
            if not self.storage.touch(key) or (standing := self.storage.get(key)) is None:
                continue
            if self._whole(digest, standing, entries) or self.storage.compare_and_swap(key, standing, body):
                return

    def _whole(self, digest: str, standing: bytes, entries: Sequence[FileEntry]) -> bool:
        """Whether a standing manifest names intact files; those that are among `entries` are known to be."""
        known = {entry.path for entry in entries}
        try:
            return all(f.path in known or self.intact(f) for f in _decode_manifest(digest, standing).files)
        except LakeError:
            return False

    def _check(self, dataset: str, entries: Sequence[FileEntry]) -> None:
        if len({f.unit for f in entries}) != len(entries):
            raise LakeError(f"{dataset}: a unit appears twice among {[f.unit for f in entries]}")
        for entry in entries:
            if entry.account is not None and entry.account.residual:
                raise LakeError(
                    f"{dataset} unit {entry.unit}: the mass balance does not close by "
                    f"{entry.account.residual} records: {entry.account}"
                )
            path = self.path(entry)
            if not path.is_file() or path.stat().st_size != entry.bytes:
                raise LakeError(f"{dataset} unit {entry.unit}: {path} is missing or has another size")

    # Reading

    def manifest(self, digest: str) -> Manifest:
        """The published dataset with this digest; raises LakeError when there is none or it was changed."""
        data = self.storage.get(f"manifests/{digest}.json")
        if data is None:
            raise LakeError(f"no dataset with digest '{digest}' in this lake; `gristmill status` lists releases")
        return _decode_manifest(digest, data)

    def path(self, entry: FileEntry) -> Path:
        """Where a task reads the file."""
        return self.storage.local_path(entry.path)

    def read_file(self, entry: FileEntry, columns: Sequence[str] | None = None) -> pa.Table:
        """The rows of one Parquet file. Raises LakeError when it is lost or damaged."""
        try:
            # ParquetFile, not the dataset reader: a lake path may look like a Hive partition.
            with pq.ParquetFile(self.path(entry)) as file:
                return file.read(columns=list(columns) if columns is not None else None)
        except (OSError, pa.ArrowException) as error:
            raise LakeError(f"{self.path(entry)} cannot be read ({error}); run `gristmill verify`") from error

    def read(self, digest: str, columns: Sequence[str] | None = None) -> pa.Table:
        """All rows of a dataset, in unit order."""
        manifest = self.manifest(digest)
        if not manifest.files:
            table = declared(manifest.dataset).empty_table()
            return table.select(list(columns)) if columns is not None else table
        return pa.concat_tables([self.read_file(f, columns) for f in manifest.files])

    def intact(self, entry: FileEntry) -> bool:
        """Whether the file is there, with the bytes that were published."""
        path = self.path(entry)
        try:
            return path.stat().st_size == entry.bytes and hash_file(path) == entry.sha256
        except OSError:
            return False

    def damaged(self, manifest: Manifest) -> list[str]:
        """Paths of the files that are lost or whose bytes are not the published ones."""
        return [str(self.path(entry)) for entry in manifest.files if not self.intact(entry)]


def _sum_by_key(counts: Sequence[Mapping[str, int]]) -> dict[str, int]:
    """Keys that only ever had 0 stay: a rule that never fired is in the account."""
    keys = sorted({key for each in counts for key in each})
    return {key: sum(each.get(key, 0) for each in counts) for key in keys}


def encode_table(dataset: str, table: pa.Table) -> bytes:
    """The Parquet bytes of `table` under the declared schema of `dataset`. Raises LakeError."""
    schema = declared(dataset)
    if table.column_names != schema.names:
        raise LakeError(f"{dataset}: columns are {table.column_names}, declared are {schema.names}")
    try:
        table = table.cast(schema).combine_chunks()
    except (pa.ArrowException, ValueError) as error:
        raise LakeError(f"{dataset}: the rows do not fit the declared schema: {error}") from error
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd", compression_level=3, row_group_size=ROW_GROUP_ROWS, version="2.6")
    return sink.getvalue()


def dataset_digest(dataset: str, files: Sequence[FileEntry]) -> str:
    """sha256 over the schema and the sorted (unit, sha256, rows, mass balance) of the files.

    The balance is content: with equal rows and another account a dataset is another dataset.
    """
    return _digest(schema_text(dataset), files)


def _digest(schema: str, files: Sequence[FileEntry]) -> str:
    content = [[f.unit, f.sha256, f.rows, f.account.content() if f.account else None] for f in files]
    return sha256_json({"schema": schema, "files": sorted(content, key=lambda entry: str(entry[0]))})


def _decode_manifest(digest: str, data: bytes) -> Manifest:
    """The manifest in `data`; raises LakeError unless its content has this digest."""
    try:
        body = json.loads(data)
        files = tuple(FileEntry.from_json(f) for f in body["files"])
        dataset, schema = body["dataset"], body["schema"]
    except (ValueError, KeyError, TypeError) as error:
        raise LakeError(f"manifest {digest} is not readable ({error}); run its stage again") from None
    if _digest(schema, files) != digest:
        raise LakeError(f"manifest {digest} was changed: its content has another digest; run its stage again")
    return Manifest(digest, dataset, files)


def canonical_json(value: Any) -> bytes:
    """One spelling per value: sorted keys, no spaces, UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str).encode()


def sha256_json(value: Any) -> str:
    """sha256 hex of the canonical JSON of `value`."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


def hash_file(path: Path) -> str:
    """sha256 hex of a file, read in blocks."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


class TableWriter:
    """One Parquet file, written as its rows come, in ascending key order; memory holds one row group.

    Row groups end with the append that fills them, so the bytes depend on the appends alone.
    """

    def __init__(self, storage: Storage, key: str, unit: str, schema: pa.Schema, path: Path) -> None:
        self._storage, self._key, self._unit, self._path = storage, key, unit, path
        self._writer = pq.ParquetWriter(path, schema, compression="zstd", compression_level=3, version="2.6")
        self._schema, self._pending, self._rows = schema, list[pa.Table](), 0

    def append(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add rows under the declared schema. Raises LakeError when the lake has no room for them."""
        self._pending.append(pa.Table.from_pylist(list(rows), schema=self._schema))
        if sum(t.num_rows for t in self._pending) >= ROW_GROUP_ROWS or sum(t.nbytes for t in self._pending) >= _GROUP:
            self._flush()

    def finish(self, account: Account | None = None) -> FileEntry:
        """Complete the file."""
        self._flush()
        self._write(self._writer.close)
        self._storage.seal(self._key)
        return FileEntry(self._unit, self._key, hash_file(self._path), self._rows, self._path.stat().st_size, account)

    def _flush(self) -> None:
        if self._pending:
            table = pa.concat_tables(self._pending).combine_chunks()
            self._rows += table.num_rows
            self._pending.clear()
            self._write(lambda: self._writer.write_table(table, row_group_size=ROW_GROUP_ROWS))

    def _write(self, action: Callable[[], None]) -> None:
        try:
            action()
        except OSError as error:
            raise LakeError(f"{self._path} cannot be written ({error}); make room, then run the stage again") from None

    def __enter__(self) -> TableWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Leave no half of a file behind."""
        if kind is not None:
            with suppress(OSError):
                self._writer.close()
            self._path.unlink(missing_ok=True)


def declared(dataset: str) -> pa.Schema:
    """The declared schema of a dataset of tables; raises LakeError."""
    if (model := model_of(dataset)) is not None:
        return schema(score_signals(model[0]))
    if dataset not in SCHEMAS:
        raise LakeError(f"no table dataset '{dataset}' is declared; declared are {sorted(SCHEMAS)}")
    return SCHEMAS[dataset]


def schema_text(dataset: str) -> str:
    """What a dataset's digest says of its schema; raises LakeError."""
    if dataset in FILE_DATASETS:
        return dataset
    return f"{dataset}: {declared(dataset).to_string(show_field_metadata=True)}"


def _object_key(dataset: str, unit: str, suffix: str) -> str:
    safe = "".join(c if c.isalnum() or c in "-_." else "_" for c in unit)
    return f"objects/{dataset}/{safe}-{uuid.uuid4().hex}{suffix}"
