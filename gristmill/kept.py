"""Arrays that are costly to make, kept in a local folder: made once per name, whole or not there, and verified."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gristmill.errors import UserError
from gristmill.lake import hash_file

RECORD = "record.json"


class KeptError(UserError):
    """What is kept is damaged, or cannot be written; the message names the folder."""


@dataclass(frozen=True)
class Kept:
    """Read-only memory maps by name, each of one dimension, and the facts that their maker told."""

    arrays: Mapping[str, NDArray[Any]]
    facts: Mapping[str, Any]


class Writer:
    """What a maker writes to: arrays grow by appending, so that none needs to fit in memory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.types: dict[str, Any] = {}

    def array(self, name: str, values: NDArray[Any]) -> None:
        """Append `values` to the array `name`; all parts of one array have one type."""
        described = np.lib.format.dtype_to_descr(values.dtype)
        if self.types.setdefault(name, described) != described:
            raise ValueError(f"array {name} is of type {self.types[name]}, not {described}")
        with (self.folder / name).open("ab") as file:
            file.write(np.ascontiguousarray(values).data)

    def clear(self, name: str) -> None:
        """Forget what was appended to an array."""
        (self.folder / name).unlink(missing_ok=True)
        self.types.pop(name, None)

    def finish(self, facts: Mapping[str, Any]) -> None:
        """Write the record, which names the sha256 of every array, and make all of it durable."""
        record: dict[str, Any] = {"facts": dict(facts), "arrays": {}}
        for name, described in self.types.items():
            path = self.folder / name
            record["arrays"][name] = {"type": described, "sha256": hash_file(path)}
            _sync(path)
        (self.folder / RECORD).write_text(json.dumps(record, indent=1), encoding="utf-8")
        _sync(self.folder / RECORD)
        _sync(self.folder)


def kept(folder: Path, name: str, make: Callable[[Writer], Mapping[str, Any]]) -> Kept:
    """What is kept under `name`; made by `make`, which returns its facts, unless it is there.

    Of several processes that ask at once one makes it and the others wait. Raises KeptError when an array does not
    have the bytes that were written.
    """
    path = folder / name
    if not path.is_dir():
        try:
            _make(folder, name, make)
        except OSError as error:
            raise KeptError(
                f"{path} cannot be written ({error.strerror or error}); make room, then run again"
            ) from None
    return _opened(path)


def _make(folder: Path, name: str, make: Callable[[Writer], Mapping[str, Any]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        if (folder / name).is_dir():
            return
        # Who holds the lock is the only one to write, so this can only be what a kill left.
        temporary = folder / f"{name}.tmp"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        try:
            writer = Writer(temporary)
            writer.finish(make(writer))
            temporary.rename(folder / name)
            _sync(folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def _opened(path: Path) -> Kept:
    try:
        record = json.loads((path / RECORD).read_bytes())
        arrays = {name: _mapped(path / name, entry) for name, entry in record["arrays"].items()}
        return Kept(arrays, record["facts"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _damaged(path) from error


def _mapped(path: Path, entry: Mapping[str, Any]) -> NDArray[Any]:
    kind = entry["type"]
    dtype = np.dtype([tuple(field) for field in kind] if isinstance(kind, list) else kind)
    if path.stat().st_size == 0:  # which cannot be mapped
        if entry["sha256"] != hashlib.sha256().hexdigest():
            raise _damaged(path.parent)
        return np.empty(0, dtype)
    # A plain array over the map: slices of np.memmap cost a microsecond each.
    mapped = np.memmap(path, dtype, mode="r").view(np.ndarray)
    # Hashed through the map itself: what is verified is what will be read.
    if hashlib.sha256(mapped.view(np.uint8).data).hexdigest() != entry["sha256"]:
        raise _damaged(path.parent)
    return mapped


def _damaged(path: Path) -> KeptError:
    return KeptError(f"{path} does not hold what was written there; look after the disk, delete it and run again")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """A lock on the folder itself, which the kernel releases when its holder dies."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
