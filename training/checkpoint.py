"""Saving and resuming a run, all ranks together; `training.shelf` tells what is whole.

DeepSpeed makes the shards. They are written into a hidden folder, each rank flushes and hashes its own, and rank 0
seals the folder when all have; asynchronously in a thread. The ranks share the file system.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from gristmill.lake import hash_file
from gristmill.process import say
from training import universal
from training.events import Events
from training.random_state import capture, restore
from training.shelf import CheckpointError, Found, Shelf, step_of, write_durably
from training.snapshot import Snapshot, sync_file

STATE = "state.json"
"""What the run knows besides the engine: step, guard, route, config, digests; and of each rank rank-00000.json."""

POLL_SECONDS = 0.02


class NotSaved(Exception):
    """A checkpoint could not be written; the one before is still there, and a retry resumes from it."""


class Checkpoints:
    """The checkpoints of one run.

    `identity` (model, data, objectives, batch, optimizer) must be equal for a resume; `layout` (ranks, ZeRO stage,
    tensor and pipeline parallel) may differ where `training.universal` can convert.
    """

    def __init__(
        self, shelf: Shelf, identity: dict[str, Any], layout: universal.Layout, events: Events, asynchronous: bool
    ) -> None:
        self.shelf, self.identity, self.layout, self.events = shelf, identity, layout, events
        self.asynchronous = asynchronous
        self._writer: threading.Thread | None = None
        self._error: BaseException | None = None

    def save(self, engine: Any, state: dict[str, Any]) -> None:
        """Collective. Save the engine and `state` (plain JSON with `step`).

        Without `asynchronous` the checkpoint is complete after it; with it, when `wait` has returned.
        Raises NotSaved, also for an asynchronous save before.
        """
        self.wait()
        clock, step = time.monotonic(), int(state["step"])
        rank = dist.get_rank()
        if rank == 0:
            self.shelf.begin(step)
        dist.barrier()
        folder = self.shelf.writing(step)
        snapshot = Snapshot(in_memory=self.asynchronous)
        snapshot.take(engine, folder)
        snapshot.text(folder / f"rank-{rank:05d}.json", json.dumps(capture()))
        if (compressor := getattr(engine, "compressor", None)) is not None:
            snapshot.tensors(compressor.residuals, folder / f"residuals-{rank:05d}.pt")
        if rank == 0:
            snapshot.text(folder / STATE, json.dumps(state, sort_keys=True))
            if self.layout.tells_no_names:
                snapshot.text(folder / universal.GROUPS, json.dumps(universal.parameter_names(engine)))
        # Until here the engine's state was read; from here on it may change.
        self._start(lambda: self._finish(snapshot, folder, step, clock))
        if not self.asynchronous:
            self.wait()

    def check(self) -> None:
        """Raises NotSaved when an asynchronous save went wrong. To be called once a step."""
        if self._error is not None:
            raise NotSaved(f"a checkpoint was not written: {self._error}") from self._error

    def wait(self) -> None:
        """Collective. Until the last save is complete on all ranks; raises NotSaved."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.join()
        self.check()
        if writer is not None:
            # A rank that ends before the folder is sealed would take the others with it.
            dist.barrier()

    def resume(self, engine: Any) -> dict[str, Any] | None:
        """Collective. Load the newest whole checkpoint; its `state`, or None when there never was one.

        Raises CheckpointError when checkpoints exist but none is whole, when the newest is of another request,
        or when it cannot be loaded with this layout.
        """
        found = self._found()
        if found.tag is None:
            return None
        folder = self.shelf.folder / found.tag
        saved = universal.Layout(**found.seal["layout"])
        converted = universal.load(engine, folder, saved, self.layout)
        state: dict[str, Any] = json.loads((folder / STATE).read_bytes())
        own = folder / f"rank-{dist.get_rank():05d}.json"
        same_ranks = saved.ranks == self.layout.ranks
        restore(json.loads(own.read_bytes()) if same_ranks else None, int(state["step"]))
        left = folder / f"residuals-{dist.get_rank():05d}.pt"
        if (compressor := getattr(engine, "compressor", None)) is not None and same_ranks and left.is_file():
            compressor.residuals = torch.load(left, weights_only=True)
        self.events.write(
            "resumed", state["step"], ranks=self.layout.ranks, zero_stage=self.layout.zero_stage, converted=converted
        )
        return state

    def _found(self) -> Found:
        """Rank 0 looks, all ranks get the same answer or the same error."""
        answer: list[Any] = [None, None]
        if dist.get_rank() == 0:
            try:
                answer[0] = self._look()
            except CheckpointError as error:
                answer[1] = str(error)
        dist.broadcast_object_list(answer)
        if answer[1] is not None:
            raise CheckpointError(answer[1])
        found: Found = answer[0]
        return found

    def _look(self) -> Found:
        found = self.shelf.newest()
        if found.tag is None:
            return found
        for tag, reason in found.damaged.items():
            self.events.write("damaged", step_of(tag), checkpoint=tag, reason=reason)
            say(f"checkpoint {tag} is damaged and passed over: {reason}; going back to {found.tag}")
            self.shelf.set_aside(tag)
        if different := differences(found.seal["identity"], self.identity):
            raise CheckpointError(
                f"{self.shelf.folder / found.tag} belongs to another run: {', '.join(different)} differ; use another "
                f"seed or run"
            )
        universal.check(universal.Layout(**found.seal["layout"]), self.layout)
        return found

    def _start(self, finish: Callable[[], None]) -> None:
        def work() -> None:
            try:
                finish()
            except BaseException as error:
                self._error = error

        self._writer = threading.Thread(target=work, name="checkpoint", daemon=True)
        self._writer.start()

    def _finish(self, snapshot: Snapshot, folder: Path, step: int, clock: float) -> None:
        """Bytes to the disk, digests, and on rank 0 the seal, when all ranks have told theirs."""
        digests = snapshot.write(folder)
        sealed = folder / f".digests-{dist.get_rank():05d}"
        write_durably(sealed, json.dumps(digests))
        if dist.get_rank() != 0:
            return
        for rank in range(self.layout.ranks):
            path = folder / f".digests-{rank:05d}"
            while not path.is_file():
                time.sleep(POLL_SECONDS)
            digests |= json.loads(path.read_bytes())
            path.unlink()
        files = {str(path.relative_to(folder)): path for path in sorted(folder.rglob("*")) if path.is_file()}
        # What DeepSpeed copies itself: its recovery script, and files that were offloaded to NVMe.
        for name in files.keys() - digests.keys():
            sync_file(files[name])
            digests[name] = hash_file(files[name])
        seal = {"step": step, "identity": self.identity, "layout": self.layout.__dict__, "files": digests}
        self.shelf.complete(folder, {**seal, "digests": self.identity.get("digests", {})})
        size = sum(path.stat().st_size for path in (self.shelf.folder / folder.name[1:]).rglob("*") if path.is_file())
        self.events.write("saved", step, seconds=round(time.monotonic() - clock, 3), bytes=size)


def differences(saved: Any, wanted: Any, name: str = "") -> list[str]:
    """Dotted names of what is not equal in two nested mappings."""
    if not isinstance(saved, dict) or not isinstance(wanted, dict):
        return [] if saved == wanted else [name]
    below = {key: f"{name}.{key}" if name else str(key) for key in sorted(saved.keys() | wanted.keys())}
    return [each for key, path in below.items() for each in differences(saved.get(key), wanted.get(key), path)]
