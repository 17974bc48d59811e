"""Checkpoints that are whole or not there.

DeepSpeed writes its shards in place and moves `latest` before they are durable. Here a checkpoint counts only
with COMPLETE.json, which rank 0 writes last, with the sha256 of every file; `latest` is not used.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch.distributed as dist

from gristmill.errors import UserError
from gristmill.lake import hash_file

COMPLETE = "COMPLETE.json"


class CheckpointError(UserError):
    """No checkpoint can be trusted, or it belongs to another run; the message says what to do."""


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoints of one run. `identity` (config and data digests) must be equal for a resume."""

    folder: Path
    identity: dict[str, Any]
    keep: int

    def save(self, engine: Any, step: int) -> None:
        """Collective. After it the checkpoint of `step` is complete, and older ones beyond `keep` are gone."""
        tag = f"step-{step:08d}"
        if dist.get_rank() == 0:
            shutil.rmtree(self.folder / tag, ignore_errors=True)
        dist.barrier()
        engine.save_checkpoint(str(self.folder), tag=tag, client_state={"step": step}, save_latest=False)
        dist.barrier()
        if dist.get_rank() == 0:
            self._complete(tag, step)
            self._prune(tag)
        dist.barrier()

    def resume(self, engine: Any) -> int:
        """Collective. Load the newest complete checkpoint; its step, or 0 when there is none.

        Raises CheckpointError when checkpoints exist but none is whole, or the newest is of another request.
        """
        tag = self.newest()
        if tag is None:
            return 0
        path, state = engine.load_checkpoint(str(self.folder), tag=tag)
        if path is None:
            raise CheckpointError(f"DeepSpeed did not load {self.folder / tag}; see its log above")
        return int(state["step"])

    def newest(self) -> str | None:
        """Tag of the newest whole checkpoint; None when no checkpoint was ever completed."""
        tags = sorted((p.name for p in self.folder.glob("step-*") if p.is_dir()), reverse=True)
        sealed = [tag for tag in tags if (self.folder / tag / COMPLETE).is_file()]
        for tag in sealed:
            if self._whole(tag):
                return tag
        if sealed:
            raise CheckpointError(
                f"{self.folder} has checkpoints, but the files of none match their digests; "
                f"restore them, or delete the folder to start again from step 0"
            )
        return None

    def _whole(self, tag: str) -> bool:
        folder = self.folder / tag
        try:
            seal = json.loads((folder / COMPLETE).read_bytes())
        except ValueError:
            return False
        if seal["identity"] != self.identity:
            raise CheckpointError(f"{folder} belongs to another config or other data; use another seed or run")
        return all((folder / name).is_file() and hash_file(folder / name) == digest
                   for name, digest in seal["files"].items())  # fmt: skip

    def _complete(self, tag: str, step: int) -> None:
        folder = self.folder / tag
        files = sorted(p for p in folder.rglob("*") if p.is_file())
        for path in files:
            with path.open("rb") as file:
                os.fsync(file.fileno())
        digests = {str(p.relative_to(folder)): hash_file(p) for p in files}
        seal = {"step": step, "identity": self.identity, "digests": self.identity.get("digests", {}), "files": digests}
        temporary = folder / f"{COMPLETE}.tmp"
        with temporary.open("w", encoding="utf-8") as file:
            json.dump(seal, file, sort_keys=True)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(folder / COMPLETE)

    def _prune(self, tag: str) -> None:
        """Keep the newest checkpoints up to `tag`, which was just completed; later ones were passed over as damaged."""
        folders = sorted(p for p in self.folder.glob("step-*") if p.is_dir() and p.name <= tag)
        kept = [folder for folder in folders if (folder / COMPLETE).is_file()][-self.keep :]
        for folder in folders:
            if folder not in kept:
                # Unsealed first: a kill in the middle leaves an incomplete checkpoint, not a damaged one.
                (folder / COMPLETE).unlink(missing_ok=True)
                shutil.rmtree(folder)
