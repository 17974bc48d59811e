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
        """Forget the object; absent is fine. Only garbage collection calls this."""

    def local_path(self, key: str) -> Path:
        """A path at which a task may read the object or write a new one under a unique name."""

    def seal(self, key: str) -> None:
        """Make an object written through `local_path` durable."""


class StorageError(UserError):
    """The storage could not do what it promises; the message names the path."""


class PosixStorage:
    """A folder on a local or shared POSIX file system (needs hard links and advisory locks)."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
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
        with self._written(path, data) as temporary:
            try:
                # A hard link appears whole or not at all, and fails where the name exists.
                os.link(temporary, path)
            except FileExistsError:
                return False
        _sync_folder(path.parent)
        return True

    def compare_and_swap(self, key: str, expected: bytes | None, new: bytes) -> bool:
        path = self.local_path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(path.with_name(path.name + ".lock")):
            if self.get(key) != expected:
                return False
            with self._written(path, new) as temporary:
                os.replace(temporary, path)
            _sync_folder(path.parent)
        return True

    def list(self, prefix: str) -> list[str]:
        folder = self.local_path(prefix)
        if not folder.is_dir():
            return []
        found = (p for p in folder.rglob("*") if p.is_file() and not _is_private(p))
        return sorted(p.relative_to(self.root).as_posix() for p in found)

    def delete(self, key: str) -> None:
        self.local_path(key).unlink(missing_ok=True)

    def seal(self, key: str) -> None:
        path = self.local_path(key)
        with path.open("rb") as file:
            os.fsync(file.fileno())
        _sync_folder(path.parent)

    @contextmanager
    def _written(self, path: Path, data: bytes) -> Iterator[Path]:
        """A synced temporary file beside `path` with `data`; gone at the end unless it was moved."""
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
        try:
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            yield temporary
        except OSError as error:
            raise StorageError(f"cannot write {path}: {error.strerror or error}") from error
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """An advisory lock that the kernel releases when its holder dies."""
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _is_private(path: Path) -> bool:
    return path.name.endswith((".tmp", ".lock"))


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
