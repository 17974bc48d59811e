"""The launcher: what it refuses, what it resumes, and what it leaves behind."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from gristmill import ledger
from gristmill.errors import UserError
from gristmill.verdicts import NotApproved
from training import launch
from training.events import read_events

Benches = Callable[..., Any]
Trained = Callable[[int], Any]


def arguments(bench: Any, *options: str) -> list[str]:
    inputs = [f"--input=tokens={bench.tokens}", f"--input=tokenizer={bench.tokenizer}"]
    return [f"--profile={bench.profile.source}", *inputs, *options]


@pytest.mark.parametrize("verdict", [None, "block"])
def test_tokens_that_no_gate_approved_start_no_process(benches: Benches, tmp_path: Path, verdict: str | None) -> None:
    bench = benches(tmp_path, verdict=verdict)
    with pytest.raises(NotApproved):
        launch.main(arguments(bench))
    assert not (bench.profile.work_dir / "runs").exists()


def test_another_tokenizer_than_the_approved_one_is_refused(benches: Benches, tmp_path: Path) -> None:
    bench = benches(tmp_path)
    with pytest.raises(UserError, match=f"give --input tokenizer={bench.tokenizer}"):
        launch.main([*arguments(bench), f"--input=tokenizer={'0' * 64}"])


def test_an_unknown_size_is_an_error_that_names_the_nearest(benches: Benches, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="did you mean 'nano'"):
        launch.main(arguments(benches(tmp_path), "--model-size=nanno"))


def test_a_damaged_shard_ends_the_run_before_its_processes_start(
    benches: Benches, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = benches(tmp_path)
    path = bench.lake.path(bench.lake.manifest(bench.tokens).file("train-00000"))
    path.write_bytes(path.read_bytes()[:-1])
    monkeypatch.setattr(launch, "run_ranks", lambda *_: pytest.fail("the ranks were started"))
    with pytest.raises(UserError, match="not the shard that was published"):
        launch.main(arguments(bench))
    assert [record["status"] for record in ledger.ended(bench.lake)] == ["failed"]


def test_a_second_launcher_of_a_run_waits_for_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting, order = threading.Event(), []
    monkeypatch.setattr(launch, "say", lambda _: waiting.set())

    def second() -> None:
        with launch.alone(tmp_path / "run"):
            order.append("second")

    thread = threading.Thread(target=second)
    with launch.alone(tmp_path / "run"):
        thread.start()
        assert waiting.wait(60)
        thread.join(0.2)
        order.append("first")
    thread.join(60)
    assert order == ["first", "second"]


def test_the_same_tokens_for_another_mix_are_another_run(
    benches: Benches, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench, trained = benches(tmp_path), []

    def pretrain(lake: Any, profile: Any, config: Any, folder: Path, inputs: Any, mix: str, started_by: str) -> str:
        with ledger.attempt(lake, stage="train", scope=folder.name, config={}, inputs=inputs) as attempt:
            attempt.outputs["weights"] = bench.tokens
        trained.append(mix)
        return str(bench.tokens)

    monkeypatch.setattr(launch, "pretrain", pretrain)
    for options in ("--mix=selection", "--mix=selection"), ("--mix=bench",), ():
        launch.main(arguments(bench, *options))
    assert trained == ["selection", "bench"]


@pytest.mark.train
def test_a_finished_request_is_not_trained_again(trained: Trained) -> None:
    run = trained(1)
    again = run.bench.train("--zero-stage=1")
    assert "finished already" in again.output
    assert (again.id, again.weights) == (run.id, run.weights)
    assert [record["stage"] for record in ledger.ended(run.bench.lake, run.id)].count("train") == 1


@pytest.mark.train
def test_a_run_whose_steps_are_all_skipped_does_not_look_healthy(benches: Benches, tmp_path: Path) -> None:
    bench = benches(tmp_path, optimizer={"learning_rate": 1e30}, schedule={"warmup_steps": 0})
    process = bench.launch()
    output, _ = process.communicate()
    assert process.returncode == 2, output
    assert re.search(
        "error: step [0-9]+: [0-9]+ of [0-9]+ steps were skipped.*change the `guard` group", output.splitlines()[-1]
    )
    assert ledger.newest_output(bench.lake, run_id(bench), "weights") is None


@pytest.mark.train
def test_a_run_that_is_stopped_saves_and_resumes_to_the_very_same_model(
    benches: Benches, trained: Trained, tmp_path: Path
) -> None:
    bench, whole = benches(tmp_path), trained(2)
    process = bench.launch("--zero-stage=2", GRISTMILL_TEST=str(tmp_path))
    read_until(process, "step 1/")
    process.terminate()
    output, _ = process.communicate()
    assert process.returncode == launch.EXIT_STOPPED, output
    assert marked(tmp_path) == []
    stopped_at = checkpoints(bench, whole.id)[-1]
    assert 0 < stopped_at < 20

    resumed = bench.train("--zero-stage=2")
    assert f"resuming after step {stopped_at}" in resumed.output
    assert_same(resumed, whole)


@pytest.mark.train
@pytest.mark.fault
def test_a_run_outlives_its_launcher_and_a_killed_rank_and_ends_in_the_very_same_model(
    benches: Benches, trained: Trained, tmp_path: Path
) -> None:
    bench, whole = benches(tmp_path, checkpoint={"every": 4, "keep": 2, "asynchronous": True}), trained(3)
    first = bench.launch("--zero-stage=3", GRISTMILL_TEST=str(tmp_path))
    read_until(first, "step 1/")
    first.kill()
    first.communicate()

    second = bench.launch("--zero-stage=3", GRISTMILL_TEST=str(tmp_path))
    read_until(second, "watching it")
    read_until(second, "step 10/")
    os.kill(rank(tmp_path, 1), signal.SIGKILL)
    output, _ = second.communicate()
    assert second.returncode == 0, output
    assert "starting them again" in output
    assert re.search("resuming after step (4|8|12|16)", output)
    assert marked(tmp_path) == []
    assert_same(type(whole)(bench, whole.id, "", output), whole)
    happened = [row["event"] for row in read_events(bench.profile.work_dir / "runs" / whole.id)]
    assert happened.index("restarted") < happened.index("resumed")


@pytest.mark.train
@pytest.mark.fault
@pytest.mark.long
@pytest.mark.parametrize("seed", range(8))
def test_a_kill_at_any_moment_costs_at_most_the_steps_since_the_last_checkpoint(
    benches: Benches, trained: Trained, tmp_path: Path, seed: int
) -> None:
    draw = random.Random(seed)
    stage, asynchronous = draw.choice([1, 2, 3]), draw.random() < 0.5
    bench, whole = benches(tmp_path, checkpoint={"every": 2, "asynchronous": asynchronous}), trained(stage)
    options = [f"--zero-stage={stage}"]
    victim, step = draw.randrange(2), draw.randrange(1, 20)
    process = bench.launch(*options, GRISTMILL_TEST=str(tmp_path))
    read_until(process, "step 1/")
    folder = bench.lake.storage.local_path(f"checkpoints/{whole.id}")
    metrics = bench.profile.work_dir / "runs" / whole.id / "metrics.jsonl"
    saving = draw.random() < 0.5
    while len(metrics.read_text().splitlines()) < step or (saving and not list(folder.glob(".step-*"))):
        if process.poll() is not None or step == 20:
            break
    before = checkpoints(bench, whole.id)
    victims = [pid for pid in [rank(tmp_path, victim)] if pid]
    for pid in victims:
        os.kill(pid, signal.SIGKILL)
    output, _ = process.communicate()
    if process.returncode:
        output = bench.train(*options).output
    if victims and before:
        resumed = re.findall("resuming after step ([0-9]+)", output)
        assert all(int(each) >= before[-1] for each in resumed), output
    assert marked(tmp_path) == []
    assert_same(type(whole)(bench, whole.id, "", output), whole)


def assert_same(resumed: Any, whole: Any) -> None:
    """Equal to the last bit, with one line per step."""
    assert resumed.id == whole.id
    assert resumed.losses == whole.losses
    one, other = (load_file(str(run.folder / "model.safetensors")) for run in (resumed, whole))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def run_id(bench: Any) -> str:
    return str(next((bench.profile.work_dir / "runs").iterdir()).name)


def checkpoints(bench: Any, run: str) -> list[int]:
    """Steps of the sealed checkpoints of a run."""
    folder = bench.lake.storage.local_path(f"checkpoints/{run}")
    return sorted(json.loads(path.read_bytes())["step"] for path in folder.glob("*/COMPLETE.json"))


def read_until(process: Popen[str], text: str) -> None:
    assert process.stdout is not None
    seen = []
    for line in process.stdout:
        seen.append(line)
        if text in line:
            return
    pytest.fail(f"no '{text}' in: {''.join(seen)}")


def marked(folder: Path) -> list[int]:
    """Processes that were started with this test's mark in their environment."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            environment = path.read_bytes()
        except OSError:
            continue
        if f"GRISTMILL_TEST={folder}".encode() in environment.split(b"\0"):
            found.append(int(path.parent.name))
    return found


def rank(folder: Path, number: int) -> int:
    """The pid of a rank of this test's run; 0 when it has ended."""
    for pid in marked(folder):
        try:
            environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if f"RANK={number}".encode() in environment:
            return pid
    return 0


def test_ranks_get_their_share_of_the_cores_and_the_user_can_say_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    cores = len(os.sched_getaffinity(0))
    assert launch.rank_environment(1)["OMP_NUM_THREADS"] == str(cores)
    assert launch.rank_environment(10 * cores)["OMP_NUM_THREADS"] == "1"
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert launch.rank_environment(1)["OMP_NUM_THREADS"] == "7"
