"""Checkpoints as files: every state that a kill or a bad disk can leave."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from gristmill.lake import hash_file
from training import shelf
from training.shelf import COMPLETE, LATEST, CheckpointConfig, CheckpointError, Shelf, tag_of

FILES = ("model.pt", "deep/optimizer.pt")


class Killed(BaseException):
    """Where a kill hits."""


def save(place: Shelf, step: int) -> None:
    """As a run does, with two files."""
    folder = place.begin(step)
    for name in FILES:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(f"{name} of {step}")
    place.complete(folder, {"step": step, "files": {name: hash_file(folder / name) for name in FILES}})


def filled(folder: Path, *steps: int, keep: int = 3, keep_every: int | None = None) -> Shelf:
    place = Shelf(folder, keep, keep_every)
    for step in steps:
        save(place, step)
    return place


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_run_without_checkpoints_has_none(tmp_path: Path) -> None:
    assert Shelf(tmp_path / "absent", 2).newest().tag is None


def test_the_newest_is_found_and_the_oldest_go(tmp_path: Path) -> None:
    place = filled(tmp_path, 2, 4, 100_000_000, keep=2)
    found = place.newest()
    assert (found.tag, found.seal["step"], found.damaged) == ("step-100000000", 100_000_000, {})
    assert names(tmp_path) == ["latest", "step-00000004", "step-100000000"]
    assert (tmp_path / LATEST).read_text() == "step-100000000"


def test_some_are_kept_for_good(tmp_path: Path) -> None:
    place = filled(tmp_path, *range(1, 11), keep=2, keep_every=4)
    assert place.tags() == [tag_of(step) for step in (4, 8, 9, 10)]


@pytest.mark.parametrize("name", [*FILES, COMPLETE])
@pytest.mark.parametrize("damage", ["flipped", "cut", "gone"])
def test_a_damaged_checkpoint_is_passed_over_with_a_reason(tmp_path: Path, name: str, damage: str) -> None:
    place = filled(tmp_path, 2, 4)
    path = tmp_path / tag_of(4) / name
    data = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(data[:-1] if damage == "cut" else bytes([data[0] ^ 1]) + data[1:])
    found = place.newest()
    assert found.tag == tag_of(2)
    if (name, damage) != (COMPLETE, "gone"):
        assert name in found.damaged[tag_of(4)]


@pytest.mark.parametrize("loss", ["rotten", "without seals", "gone"])
def test_a_run_whose_checkpoints_are_all_lost_does_not_start_from_nothing(tmp_path: Path, loss: str) -> None:
    place = filled(tmp_path, 2, 4)
    for tag in place.tags():
        if loss == "rotten":
            (tmp_path / tag / "model.pt").write_bytes(b"rot")
        elif loss == "without seals":
            (tmp_path / tag / COMPLETE).unlink()
        else:
            shutil.rmtree(tmp_path / tag)
    with pytest.raises(CheckpointError, match="restore one, or delete the folder"):
        place.newest()


def test_a_damaged_one_stays_for_a_look_until_the_run_is_past_it(tmp_path: Path) -> None:
    place = filled(tmp_path, 2, 4)
    place.set_aside(tag_of(4))
    assert place.newest().tag == tag_of(2)
    save(place, 3)
    assert "damaged-step-00000004" in names(tmp_path)
    save(place, 4)
    assert names(tmp_path) == ["latest", *map(tag_of, (2, 3, 4))]


CHANGES = ("fsync", "rename", "replace", "unlink", "mkdir", "rmdir")


def dies_at(number: int, act: Callable[[], None]) -> bool:
    """Do something in which the `number`-th change to the disk does not happen any more; whether there was one."""
    left = number

    def counted(change: Callable[..., Any]) -> Callable[..., Any]:
        def act(*args: Any, **options: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                raise Killed
            return change(*args, **options)

        return act

    with pytest.MonkeyPatch.context() as patch:
        for name in CHANGES:
            patch.setattr(os, name, counted(getattr(os, name)))
        try:
            act()
        except Killed:
            return True
    return False


@pytest.mark.parametrize("steps", [(2, 4), (4,)])
def test_a_kill_at_any_change_to_the_disk_leaves_a_whole_checkpoint(tmp_path: Path, steps: tuple[int, ...]) -> None:
    """The old one or the new one, and the next save works; also where a step is saved a second time."""
    number = 0
    died = True
    while died:
        number += 1
        place = filled(tmp_path / str(number), 1, *steps, keep=1)
        died = dies_at(number, lambda place=place: save(place, 4))  # type: ignore[misc]
        found = place.newest()
        assert found.tag in {tag_of(step) for step in (*steps, 4)}, number
        assert {place.inspect(tag)[1] for tag in place.tags()} == {None}, number
        save(place, 5)
        assert names(place.folder) == ["latest", tag_of(5)]
    assert number > 8


def test_keeping_what_is_never_saved_is_refused() -> None:
    with pytest.raises(ValidationError, match="multiple of every"):
        CheckpointConfig(every=100, keep_every=250)


def test_what_is_replaced_is_old_or_new_and_leaves_nothing_beside(tmp_path: Path) -> None:
    path = tmp_path / "latest"
    shelf.write_durably(path, "one")
    shelf.write_durably(path, "two")
    assert (path.read_text(), names(tmp_path)) == ("two", ["latest"])
