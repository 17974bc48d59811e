"""The bytes of a crawl file, wherever they are: in place for a local path, as a temporary copy for a URL."""

from __future__ import annotations

import mmap
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import fsspec
from fsspec.registry import known_implementations

from gristmill.errors import UserError

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)(?:::|://)")
_PACKAGES = {
    "abfs": "adlfs", "adl": "adlfs", "az": "adlfs", "gcs": "gcsfs", "gs": "gcsfs", "hf": "huggingface_hub",
    "http": "aiohttp", "https": "aiohttp", "oss": "ossfs", "s3": "s3fs", "s3a": "s3fs", "sftp": "paramiko",
    "smb": "smbprotocol", "webhdfs": "requests",
}  # fmt: skip
_BLOCK = 1 << 20


class SourceError(UserError):
    """An address that cannot be read on this machine; the message says what to install or correct."""


def is_url(path: str) -> bool:
    """Whether `path` names bytes by scheme (s3://, https://) instead of a file of this machine."""
    return _SCHEME.match(path) is not None


def size(path: str) -> int:
    """Bytes of a file or of what a URL names. Raises OSError, and SourceError for a scheme that cannot be used."""
    if not is_url(path):
        return Path(path).stat().st_size
    system, name = _system(path)
    known = system.info(name).get("size")
    if known is None:
        raise SourceError(f"{path}: the server does not say how large it is; fetch the file and list the local copy")
    return int(known)


@contextmanager
def local_copy(path: str) -> Iterator[Path]:
    """A local file with the bytes: the file itself, or a copy in the temporary folder that ends with the context.

    Raises OSError, and SourceError for a scheme that cannot be used.
    """
    if not is_url(path):
        yield Path(path)
        return
    system, name = _system(path)
    with tempfile.NamedTemporaryFile(prefix="gristmill-") as copy:
        with system.open(name, "rb") as remote:
            shutil.copyfileobj(remote, copy, _BLOCK)
        copy.flush()
        yield Path(copy.name)


@contextmanager
def mapped(path: Path) -> Iterator[memoryview]:
    """The bytes of a local file without reading them into memory. Raises OSError."""
    with path.open("rb") as file:
        if not path.stat().st_size:
            yield memoryview(b"")
            return
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        view = memoryview(data)
        try:
            yield view
        finally:
            # What an exception still holds of it is let go with the exception.
            with suppress(BufferError):
                view.release()
                data.close()


def _system(url: str) -> tuple[Any, str]:
    """fsspec's file system for `url` and the name in it."""
    found = _SCHEME.match(url)
    scheme = found[1].lower() if found else ""
    if scheme not in known_implementations and scheme not in fsspec.available_protocols():
        raise SourceError(f"{url}: no such scheme as '{scheme}'; use a path, or s3://, gs://, https:// or hdfs://")
    try:
        return fsspec.core.url_to_fs(url)  # type: ignore[no-any-return]
    except ImportError:
        package = _PACKAGES.get(scheme, f"that fsspec names for '{scheme}'")
        raise SourceError(f"{url}: reading {scheme}:// needs a package more: pip install {package}") from None
    except (TypeError, ValueError) as error:
        raise SourceError(f"{url}: {scheme}:// does not take it ({error}); correct the address") from None
