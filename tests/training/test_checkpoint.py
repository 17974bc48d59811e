"""Checkpoints are whole or not there: every state that a kill or a bad disk can leave."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch.distributed as dist

from training.checkpoint import COMPLETE, CheckpointError, Checkpoints

IDENTITY: dict[str, Any] = {"config": {"seed": 1}, "digests": {"tokens": "t" * 64}}


class Engine:
    """Writes two shards as DeepSpeed does, in place; dies between them when told to."""

    def __init__(self) -> None:
        self.state, self.loaded, self.dies = b"", "", False

    def save_checkpoint(self, folder: str, tag: str, client_state: dict[str, int], save_latest: bool) -> None:
        assert not save_latest
        for name in ("model.pt", "optimizer.pt"):
            (Path(folder) / tag).mkdir(parents=True, exist_ok=True)
            (Path(folder) / tag / name).write_bytes(self.state + str(client_state["step"]).encode())
            if self.dies:
                raise KeyboardInterrupt

    def load_checkpoint(self, folder: str, tag: str) -> tuple[str, dict[str, int]]:
        self.loaded = tag
        return folder, {"step": int((Path(folder) / tag / "model.pt").read_bytes())}


@pytest.fixture(autouse=True)
def _alone() -> Iterator[None]:
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    yield
    dist.destroy_process_group()


def saved(folder: Path, *steps: int, keep: int = 3, **identity: Any) -> Checkpoints:
    checkpoints = Checkpoints(folder, {**IDENTITY, **identity}, keep)
    for step in steps:
        checkpoints.save(Engine(), step)
    return checkpoints


def tags(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_run_without_checkpoints_starts_at_step_0(tmp_path: Path) -> None:
    assert saved(tmp_path / "absent").resume(Engine()) == 0


def test_the_newest_complete_checkpoint_is_resumed_and_the_oldest_go(tmp_path: Path) -> None:
    checkpoints, engine = saved(tmp_path, 2, 4, 10, keep=2), Engine()
    assert checkpoints.resume(engine) == 10
    assert engine.loaded == "step-00000010"
    assert tags(tmp_path) == ["step-00000004", "step-00000010"]


def test_a_checkpoint_whose_writer_was_killed_is_never_loaded(tmp_path: Path) -> None:
    checkpoints, dying = saved(tmp_path, 2), Engine()
    dying.dies = True
    with pytest.raises(KeyboardInterrupt):
        checkpoints.save(dying, 4)
    assert "step-00000004" in tags(tmp_path)
    assert checkpoints.resume(Engine()) == 2
    checkpoints.save(Engine(), 4)
    assert checkpoints.resume(Engine()) == 4


def test_a_checkpoint_that_was_never_sealed_goes_once_a_later_one_is(tmp_path: Path) -> None:
    checkpoints, dying = saved(tmp_path, 2), Engine()
    dying.dies = True
    for step in (4, 9):
        with pytest.raises(KeyboardInterrupt):
            checkpoints.save(dying, step)
    checkpoints.save(Engine(), 6)
    assert tags(tmp_path) == ["step-00000002", "step-00000006", "step-00000009"]


def test_what_was_just_saved_is_kept_before_a_damaged_later_one(tmp_path: Path) -> None:
    checkpoints = saved(tmp_path, 2, 9)
    (tmp_path / "step-00000009" / "model.pt").write_bytes(b"rot")
    saved(tmp_path, 4, keep=1)
    assert checkpoints.resume(Engine()) == 4


def test_only_unfinished_checkpoints_are_as_good_as_none(tmp_path: Path) -> None:
    checkpoints = saved(tmp_path, 4)
    (tmp_path / "step-00000004" / COMPLETE).unlink()
    assert checkpoints.resume(Engine()) == 0


@pytest.mark.parametrize("name", ["model.pt", "optimizer.pt", COMPLETE])
@pytest.mark.parametrize("damage", ["flipped", "cut", "gone"])
def test_a_damaged_checkpoint_is_passed_over(tmp_path: Path, name: str, damage: str) -> None:
    checkpoints = saved(tmp_path, 2, 4)
    path = tmp_path / "step-00000004" / name
    data = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(data[:-1] if damage == "cut" else bytes([data[0] ^ 1]) + data[1:])
    assert checkpoints.resume(Engine()) == 2


def test_a_run_does_not_start_again_from_nothing_when_all_its_checkpoints_are_damaged(tmp_path: Path) -> None:
    checkpoints = saved(tmp_path, 2, 4)
    for path in tmp_path.glob("*/model.pt"):
        path.write_bytes(b"rot")
    with pytest.raises(CheckpointError, match="restore them, or delete the folder"):
        checkpoints.resume(Engine())


@pytest.mark.parametrize("other", [{"config": {"seed": 2}}, {"digests": {"tokens": "u" * 64}}])
def test_a_checkpoint_of_another_config_or_other_data_is_refused(tmp_path: Path, other: dict[str, Any]) -> None:
    saved(tmp_path, 2)
    with pytest.raises(CheckpointError, match="another config or other data"):
        saved(tmp_path, **other).resume(Engine())
