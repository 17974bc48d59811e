"""Saving and resuming, with an engine that writes two small shards as DeepSpeed does."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.distributed as dist

from gristmill.lake import hash_file
from training.checkpoint import Checkpoints, NotSaved, differences
from training.events import Events, read_events
from training.shelf import COMPLETE, CheckpointError, Shelf, tag_of
from training.snapshot import Snapshot
from training.universal import Layout

IDENTITY: dict[str, Any] = {"config": {"seed": 1, "model": {"width": 8}}, "digests": {"tokens": "t" * 64}}


class Writer:
    """DeepSpeed's checkpoint engine."""

    def save(self, state_dict: Any, path: str) -> None:
        torch.save(state_dict, path)


class Engine:
    """Its state is a tensor, which changes at every step."""

    module = None

    def __init__(self, value: float = 0.0) -> None:
        self.state = torch.full((1000,), value)
        self.checkpoint_engine = Writer()

    def save_checkpoint(self, folder: str, tag: str, client_state: dict[str, Any], save_latest: bool) -> None:
        assert not save_latest
        for name in ("model.pt", "optimizer.pt"):
            self.checkpoint_engine.save({"tensor": self.state}, str(Path(folder) / tag / name))

    def load_checkpoint(self, folder: str, tag: str) -> tuple[str, dict[str, Any]]:
        self.state = torch.load(Path(folder) / tag / "model.pt")["tensor"]
        return folder, {}


@pytest.fixture(autouse=True)
def _alone() -> Iterator[None]:
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.fixture(params=[False, True], ids=["at once", "asynchronous"])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., Checkpoints]:
    """Makes the checkpoints of a run."""

    def make(layout: Layout | None = None, **identity: Any) -> Checkpoints:
        shelf = Shelf(tmp_path / "checkpoints", keep=2)
        return Checkpoints(
            shelf, {**IDENTITY, **identity}, layout or Layout(1, 1), Events(tmp_path), asynchronous=request.param
        )

    return make


Made = Callable[..., Checkpoints]


def saved(checkpoints: Checkpoints, *steps: int) -> Checkpoints:
    for step in steps:
        checkpoints.save(Engine(step), {"step": step, "guard": {"ema": step / 2}})
    checkpoints.wait()
    return checkpoints


def test_a_run_without_checkpoints_starts_anew(made: Made) -> None:
    assert made().resume(Engine()) is None


def test_a_run_goes_on_with_the_state_of_its_newest_checkpoint(made: Made, tmp_path: Path) -> None:
    saved(made(), 2, 4)
    engine = Engine()
    assert made().resume(engine) == {"step": 4, "guard": {"ema": 2.0}}
    assert float(engine.state[0]) == 4
    assert [(row["event"], row["step"]) for row in read_events(tmp_path)] == [
        ("saved", 2), ("saved", 4), ("resumed", 4)
    ]  # fmt: skip


def test_what_the_run_does_after_save_is_not_in_the_checkpoint(made: Made) -> None:
    checkpoints, engine = made(), Engine(3)
    checkpoints.save(engine, {"step": 3})
    engine.state.fill_(99)
    checkpoints.wait()
    resumed = Engine()
    made().resume(resumed)
    assert float(resumed.state[0]) == 3


def test_random_numbers_go_on_where_they_were(made: Made) -> None:
    torch.manual_seed(5)
    np.random.seed(5)
    saved(made(), 2)
    expected = torch.rand(3), np.random.rand(3)
    made().resume(Engine())
    assert torch.equal(torch.rand(3), expected[0])
    assert np.array_equal(np.random.rand(3), expected[1])


def test_the_seal_names_every_file_with_its_digest(made: Made, tmp_path: Path) -> None:
    shelf = saved(made(), 2).shelf
    seal, problem = shelf.inspect(tag_of(2))
    assert problem is None
    assert set(seal["files"]) == {"model.pt", "optimizer.pt", "rank-00000.json", "state.json"}
    assert {path.name for path in (shelf.folder / tag_of(2)).iterdir()} == {*seal["files"], COMPLETE}
    assert seal["digests"] == IDENTITY["digests"]


def test_a_damaged_checkpoint_is_passed_over_loudly(
    made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shelf = saved(made(), 2, 4).shelf
    (shelf.folder / tag_of(4) / "model.pt").write_bytes(b"rot")
    assert (made().resume(Engine()) or {})["step"] == 2
    assert "step-00000004 is damaged and passed over" in capsys.readouterr().out
    damaged = [row for row in read_events(tmp_path) if row["event"] == "damaged"]
    assert [(row["step"], "model.pt" in row["reason"]) for row in damaged] == [(4, True)]
    saved(made(), 4)
    assert (made().resume(Engine()) or {})["step"] == 4


def test_a_run_does_not_start_again_from_nothing_when_all_its_checkpoints_are_damaged(made: Made) -> None:
    shelf = saved(made(), 2, 4).shelf
    for path in shelf.folder.glob("*/model.pt"):
        path.write_bytes(b"rot")
    with pytest.raises(CheckpointError, match="restore one, or delete the folder"):
        made().resume(Engine())


@pytest.mark.parametrize(
    ("other", "name"),
    [({"config": {"seed": 2, "model": {"width": 8}}}, "config.seed"), ({"digests": {"tokens": "u"}}, "digests.tokens")],
)
def test_a_checkpoint_of_another_config_or_other_data_is_refused_by_name(
    made: Made, other: dict[str, Any], name: str
) -> None:
    saved(made(), 2)
    with pytest.raises(CheckpointError, match=f"another run: {name} differ"):
        made(**other).resume(Engine())


def test_a_layout_that_cannot_be_converted_is_refused_before_anything_is_loaded(made: Made) -> None:
    saved(made(), 2)
    engine = Engine()
    with pytest.raises(CheckpointError, match="resume with 1 ranks"):
        made(Layout(1, 1, pipeline=2)).resume(engine)
    assert float(engine.state[0]) == 0


def test_a_checkpoint_that_cannot_be_written_ends_the_run_and_leaves_the_one_before(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints = saved(made(), 2)

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("training.snapshot.sync_file", full)
        with pytest.raises(NotSaved, match="No space left"):
            saved(checkpoints, 4)
    with pytest.raises(NotSaved):
        checkpoints.check()
    with pytest.raises(NotSaved):
        checkpoints.save(Engine(6), {"step": 6})
    assert (made().resume(Engine()) or {})["step"] == 2


def test_an_asynchronous_checkpoint_counts_only_once_its_bytes_are_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrived, go = threading.Event(), threading.Event()

    def slow(path: Path) -> None:
        arrived.set()
        assert go.wait(60)

    monkeypatch.setattr("training.snapshot.sync_file", slow)
    checkpoints = Checkpoints(Shelf(tmp_path, 2), IDENTITY, Layout(1, 1), Events(tmp_path), asynchronous=True)
    checkpoints.save(Engine(2), {"step": 2})
    assert arrived.wait(60)
    assert checkpoints.shelf.tags() == []
    checkpoints.check()
    go.set()
    checkpoints.wait()
    assert checkpoints.shelf.tags() == [tag_of(2)]


@pytest.mark.parametrize("in_memory", [False, True])
def test_a_snapshot_in_memory_touches_the_disk_only_when_it_is_written(tmp_path: Path, in_memory: bool) -> None:
    snapshot, tensor, path = Snapshot(in_memory), torch.ones(5), tmp_path / "a.pt"
    snapshot.tensors(tensor, path)
    assert path.exists() is not in_memory
    tensor.zero_()
    digests = snapshot.write(tmp_path)
    assert digests == {"a.pt": hash_file(path)}
    assert torch.load(path).sum() == 5
    assert snapshot.files == {}, "what is written is let go of"


def test_differences_are_named() -> None:
    assert differences({"a": {"b": 1, "c": 2}, "d": [1]}, {"a": {"b": 1, "c": 3}, "d": [1], "e": 0}) == ["a.c", "e"]
    assert differences(IDENTITY, json.loads(json.dumps(IDENTITY))) == []
