"""The three primitives that the lake asks of its storage, and their POSIX backend.

Write a new object, put if absent, compare and swap one small pointer. Nothing else changes an object.
"""

from __future__ import annotations

import fcntl
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from gristmill.errors import UserError


class Storage(Protocol):
    """What a backend promises; `tests/gristmill/test_storage.py` is its contract test.

    Keys are relative, `/`-separated names. Every call is atomic under concurrent writers and under
    kill at any instant: a reader sees the whole old value or the whole new one.
    """

    def get(self, key: str) -> bytes | None:
        """The object, or None."""

    def put_if_absent(self, key: str, data: bytes) -> bool:
        """Create the object; False, and nothing changed, when it exists."""

    def compare_and_swap(self, key: str, expected: bytes | None, new: bytes) -> bool:
        """Replace the pointer if it still holds `expected` (None: absent); False otherwise."""

    def list(self, prefix: str) -> list[str]:
        """Keys below `prefix`, sorted."""

    def delete(self, key: str) -> None:
        """Forget the object; absent is fine. For garbage collection and for records of what is lost."""

    def touch(self, key: str) -> bool:
        """Make the object young, so that garbage collection spares it; False when it is gone."""

    def modified(self, key: str) -> float | None:
        """When it was written or touched, in seconds since the epoch; None when it is gone."""

    def local_path(self, key: str) -> Path:
        """A path at which a task may read the object or write a new one under a unique name."""

    def seal(self, key: str) -> None:
        """Make an object written through `local_path` durable."""


class StorageError(UserError):
    """The storage could not do what it promises; the message names the path."""


class PosixStorage:
    """A folder on a local or shared POSIX file system (needs hard links and advisory locks).

    Beside the objects it holds `tmp/`, objects that are being written, and `locks/`.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        with _explained(self.root):
            self.root.mkdir(parents=True, exist_ok=True)

    def local_path(self, key: str) -> Path:
        path = (self.root / key).resolve()
        if not path.is_relative_to(self.root) or path == self.root:
            raise StorageError(f"key '{key}' leaves the lake {self.root}")
        return path

    def get(self, key: str) -> bytes | None:
        try:
            return self.local_path(key).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def put_if_absent(self, key: str, data: bytes) -> bool:
        path = self.local_path(key)
        if path.exists():
            return False
        with _explained(path), self._temporary(data) as temporary:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                # A hard link appears whole or not at all, and fails where the name exists.
                os.link(temporary, path)
            except FileExistsError:
                return False
            _sync_folder(path.parent)
        return True

    def compare_and_swap(self, key: str, expected: bytes | None, new: bytes) -> bool:
        path = self.local_path(key)
        with _explained(path), _locked(self.local_path(f"locks/{key}.lock")):
            if self.get(key) != expected:
                return False
            with self._temporary(new) as temporary:
                path.parent.mkdir(parents=True, exist_ok=True)
                os.replace(temporary, path)
            _sync_folder(path.parent)
        return True

    def list(self, prefix: str) -> list[str]:
        folder = self.local_path(prefix)
        return sorted(p.relative_to(self.root).as_posix() for p in folder.rglob("*") if p.is_file())

    def delete(self, key: str) -> None:
        self.local_path(key).unlink(missing_ok=True)

    def touch(self, key: str) -> bool:
        try:
            os.utime(self.local_path(key))
        except FileNotFoundError:
            return False
        return True

    def modified(self, key: str) -> float | None:
        try:
            return self.local_path(key).stat().st_mtime
        except FileNotFoundError:
            return None

    def seal(self, key: str) -> None:
        path = self.local_path(key)
        with path.open("rb") as file:
            os.fsync(file.fileno())
        _sync_folder(path.parent)

    @contextmanager
    def _temporary(self, data: bytes) -> Iterator[Path]:
        """A synced file with `data`; gone at the end unless it was moved."""
        temporary = self.root / "tmp" / uuid.uuid4().hex
        temporary.parent.mkdir(exist_ok=True)
        try:
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            yield temporary
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """An advisory lock that the kernel releases when its holder dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn an OSError into a StorageError that names the path."""
    try:
        yield
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror or error}") from error


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
