"""The checkpoints of a run as files: which are whole, which is the newest, which may go. No torch here.

A checkpoint is written into a hidden folder. COMPLETE.json, with the sha256 of every file, is written into it when
all bytes are on the disk; then the folder gets its name, and `latest` is replaced. So a folder `step-*` without
COMPLETE.json is no checkpoint, and one with other bytes than it tells is a damaged one.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from gristmill.errors import UserError
from gristmill.lake import hash_file
from gristmill.settings import Settings

COMPLETE, LATEST = "COMPLETE.json", "latest"


class CheckpointError(UserError):
    """No checkpoint can be trusted, or it belongs to another run; the message says what to do."""


class CheckpointConfig(Settings):
    """A checkpoint every `every` steps and at the end. The newest `keep` stay, and those of a multiple of
    `keep_every`. `asynchronous`: the run goes on as soon as the state is copied in memory, which takes as much
    memory again; else it waits until the bytes are on the disk.
    """

    every: int = Field(default=100, ge=1)
    keep: int = Field(default=2, ge=1)
    keep_every: int | None = Field(default=None, ge=1)
    asynchronous: bool = False

    @model_validator(mode="after")
    def _met(self) -> CheckpointConfig:
        if self.keep_every and self.keep_every % self.every:
            raise ValueError(f"keep_every {self.keep_every} must be a multiple of every {self.every}")
        return self


@dataclass(frozen=True)
class Found:
    """The newest whole checkpoint (None: there is none to go on from), and why later ones were passed over."""

    tag: str | None
    seal: dict[str, Any]
    damaged: dict[str, str]


@dataclass(frozen=True)
class Shelf:
    """The folder of one run's checkpoints; `step-00000040` is the tag of one."""

    folder: Path
    keep: int
    keep_every: int | None = None

    def tags(self) -> list[str]:
        """Of the checkpoints that were completed once, oldest first."""
        found = (path.name for path in self.folder.glob("step-*") if (path / COMPLETE).is_file())
        return sorted(found, key=step_of)

    def newest(self) -> Found:
        """The newest checkpoint whose files have their digests.

        Raises CheckpointError when there were checkpoints and none is left that can be trusted: a run must not
        start again from nothing because a disk was not mounted.
        """
        damaged: dict[str, str] = {}
        for tag in reversed(self.tags()):
            seal, problem = self.inspect(tag)
            if problem is None:
                return Found(tag, seal, damaged)
            damaged[tag] = problem
        if damaged or (self.folder / LATEST).is_file():
            why = "; ".join(f"{tag}: {problem}" for tag, problem in damaged.items()) or "the last one is gone"
            raise CheckpointError(
                f"no checkpoint in {self.folder} can be trusted ({why}); restore one, or delete the folder to start "
                f"again from step 0"
            )
        return Found(None, {}, damaged)

    def inspect(self, tag: str) -> tuple[dict[str, Any], str | None]:
        """(content of COMPLETE.json, what is wrong with the checkpoint or None)."""
        folder = self.folder / tag
        try:
            seal: dict[str, Any] = json.loads((folder / COMPLETE).read_bytes())
            files = {folder / name: str(digest) for name, digest in seal["files"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return {}, f"{COMPLETE} cannot be read"
        for path, digest in files.items():
            try:
                if hash_file(path) != digest:
                    return seal, f"{path.relative_to(folder)} has other bytes than were saved"
            except OSError:
                return seal, f"{path.relative_to(folder)} is missing or cannot be read"
        return seal, None

    def set_aside(self, tag: str) -> None:
        """Take a damaged checkpoint out of the row; it stays for a look until a newer one is complete."""
        target = self.folder / f"damaged-{tag}"
        shutil.rmtree(target, ignore_errors=True)
        (self.folder / tag).rename(target)
        sync_folder(self.folder)

    def begin(self, step: int) -> Path:
        """An empty hidden folder for the checkpoint of a step; what kills left of others goes."""
        for left in self.folder.glob(".step-*"):
            shutil.rmtree(left)
        folder = self.writing(step)
        folder.mkdir(parents=True)
        return folder

    def writing(self, step: int) -> Path:
        """Where the checkpoint of a step is written."""
        return self.folder / f".{tag_of(step)}"

    def complete(self, written: Path, seal: dict[str, Any]) -> Path:
        """Seal a folder of `begin`, whose files are on the disk already, give it its name, and drop old ones.

        A step that has a checkpoint keeps the one it has: between two of them there would be none.
        """
        write_durably(written / COMPLETE, json.dumps(seal, sort_keys=True))
        for folder in {path.parent for path in written.rglob("*")}:
            sync_folder(folder)
        target = self.folder / written.name.removeprefix(".")
        if (target / COMPLETE).is_file():
            shutil.rmtree(written)
        else:
            shutil.rmtree(target, ignore_errors=True)
            written.rename(target)
        sync_folder(self.folder)
        write_durably(self.folder / LATEST, target.name)
        self._prune(target.name)
        return target

    def _prune(self, newest: str) -> None:
        """Drop what is not kept; `newest` was just completed."""
        for tag in self.tags()[: -self.keep]:
            if not self.keep_every or step_of(tag) % self.keep_every:
                discard(self.folder / tag)
        for damaged in self.folder.glob("damaged-step-*"):
            if step_of(damaged.name.removeprefix("damaged-")) <= step_of(newest):
                shutil.rmtree(damaged)


def tag_of(step: int) -> str:
    """Name of the checkpoint of a step."""
    return f"step-{step:08d}"


def step_of(tag: str) -> int:
    """The step of a checkpoint's name."""
    return int(tag.removeprefix("step-"))


def discard(folder: Path) -> None:
    """Delete a checkpoint. Unsealed first: a kill in the middle leaves an unfinished one, not a damaged one."""
    (folder / COMPLETE).unlink(missing_ok=True)
    shutil.rmtree(folder)


def write_durably(path: Path, text: str) -> None:
    """Replace a file, whole or not at all, also if the machine loses power."""
    temporary = path.with_name(f"{path.name}.tmp")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Flush the names in a folder to the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
