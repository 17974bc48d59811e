"""Token streams: verified shards, decoded once per digest into a memory map."""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from gristmill import verdicts
from gristmill.lake import FileEntry, Lake, LakeError, hash_file


def token_stream(lake: Lake, tokens: str, split: str, folder: Path) -> NDArray[np.uint32]:
    """The split's tokens as one memory map under `folder`, made once per digest.

    Raises NotApproved unless the dataset has an approving verdict, LakeError for a shard whose bytes are not
    those published.
    """
    verdicts.require_approved(lake, tokens)
    path = folder / f"{tokens}-{split}.u32"
    if not path.is_file():
        _decode(lake, tokens, split, path)
    if path.stat().st_size == 0:  # which cannot be mapped
        return np.empty(0, np.uint32)
    return np.memmap(path, np.uint32, mode="r")


def _decode(lake: Lake, tokens: str, split: str, path: Path) -> None:
    """Write beside and rename, so that two ranks or a kill never show half a stream."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        with temporary.open("wb") as file:
            for entry in lake.manifest(tokens).files:
                if entry.unit.startswith(split):
                    _write_shard(lake, entry, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _write_shard(lake: Lake, entry: FileEntry, file: BinaryIO) -> None:
    if hash_file(lake.path(entry)) != entry.sha256:
        raise LakeError(f"{lake.path(entry)} is not the shard that was published; run `gristmill verify`")
    for chunk in lake.read_file(entry, ["tokens"]).column("tokens").chunks:
        file.write(chunk.flatten().to_numpy().astype("<u4").tobytes())
