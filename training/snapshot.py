"""The files of one rank's share of a checkpoint: on their way through memory, or written at once."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from gristmill.lake import hash_file


class Snapshot:
    """`in_memory`: files are made in memory, and written by `write`; else at once, and `write` makes them durable."""

    def __init__(self, in_memory: bool) -> None:
        self.in_memory = in_memory
        self.files: dict[Path, memoryview | None] = {}

    def take(self, engine: Any, folder: Path) -> None:
        """Collective. Let DeepSpeed save its engine as checkpoint `folder`; its files of this rank come here."""
        own = engine.checkpoint_engine
        engine.checkpoint_engine = _Collector(own, self)
        try:
            engine.save_checkpoint(str(folder.parent), tag=folder.name, client_state={}, save_latest=False)
        finally:
            engine.checkpoint_engine = own
        if tied := tied_layers(engine):
            self.tensors(tied.state_dict(), tied_file(folder))

    def tensors(self, state: Any, path: Path) -> None:
        """Add a file of torch's."""
        if not self.in_memory:
            torch.save(state, path)
            self.files[path] = None
            return
        buffer = io.BytesIO()
        torch.save(state, buffer)
        self.files[path] = buffer.getbuffer()

    def text(self, path: Path, text: str) -> None:
        """Add a text file."""
        self.files[path] = memoryview(text.encode())

    def write(self, folder: Path) -> dict[str, str]:
        """Bring all bytes to the disk and let go of them; sha256 of each file by its path in `folder`."""
        digests = {}
        for path, content in self.files.items():
            if content is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            sync_file(path)
            digests[str(path.relative_to(folder))] = (
                hash_file(path) if content is None else hashlib.sha256(content).hexdigest()
            )
        self.files.clear()
        return digests


def sync_file(path: Path) -> None:
    """Flush a file's bytes to the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def tied_layers(engine: Any) -> torch.nn.ModuleDict | None:
    """The layers that pipeline stages share, of which DeepSpeed saves none; None without any on this rank."""
    return getattr(engine.module, "tied_modules", None) or None


def tied_file(folder: Path) -> Path:
    """Where a checkpoint has this rank's tied layers."""
    return folder / f"tied-{dist.get_rank():05d}.pt"


class _Collector:
    """DeepSpeed's checkpoint engine, whose `save` goes to a snapshot."""

    def __init__(self, own: Any, snapshot: Snapshot) -> None:
        self._own, self._snapshot = own, snapshot

    def save(self, state_dict: Any, path: str) -> None:
        self._snapshot.tensors(state_dict, Path(path))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._own, name)
