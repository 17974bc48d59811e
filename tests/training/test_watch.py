"""Launcher and keeper: who survives whose death, with small commands in place of ranks."""

from __future__ import annotations

import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from training import keeper, shelf, watch
from training.keeper import EXIT_STOPPED, LOCK, WATCHED
from training.route import Route

LAUNCHER = """
import os, sys
from pathlib import Path
from training.watch import run_kept
import signal
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
sys.exit(run_kept(Path(sys.argv[1]), sys.argv[2:], os.environ))
"""
WAITS = """
import os, signal, sys
signal.signal(signal.SIGTERM, lambda *_: (print("saved", flush=True), os._exit(0)))
print("pid", os.getpid(), flush=True)
open(sys.argv[1]).read()
print("went on", flush=True)
sys.exit(7)
"""
"""Goes on when somebody opens a pipe, as a training does that takes its time."""


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Path]:
    """A run's folder with a pipe; nothing of it outlives the test."""
    os.mkfifo(tmp_path / "pipe")
    yield tmp_path
    if (found := watch.find(tmp_path)) is not None:
        signal.pidfd_send_signal(found, signal.SIGKILL)
        os.close(found)


def command(code: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", code, *arguments]


def launch(run: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(LAUNCHER, str(run), *command(WAITS, str(run / "pipe"))),
        stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


def trainer(launcher: subprocess.Popen[str]) -> int:
    """A pidfd of the command under a launcher, once it runs."""
    assert launcher.stdout is not None
    return os.pidfd_open(int(launcher.stdout.readline().split()[1]))


def ended(descriptor: int) -> bool:
    """The limit only keeps a broken test from hanging."""
    found = bool(select.select([descriptor], [], [], 60)[0])
    os.close(descriptor)
    return found


@pytest.mark.parametrize("code", [0, 7])
def test_the_output_and_the_exit_code_come_through(run: Path, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    work = command(f"import sys; print('step 1'); print('bad', file=sys.stderr); sys.exit({code})")
    assert watch.run_kept(run, work, os.environ) == code
    assert set(capsys.readouterr().out.split("\n")) == {"step 1", "bad", ""}
    assert watch.find(run) is None


def test_a_second_run_does_not_show_the_first_ones_output(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for word in ("one", "two"):
        watch.run_kept(run, command(f"print('{word}')"), os.environ)
        assert capsys.readouterr().out == f"{word}\n"


def test_a_launcher_that_is_told_to_stop_lets_the_ranks_save_and_leaves_nothing(run: Path) -> None:
    launcher = launch(run)
    child = trainer(launcher)
    launcher.terminate()
    launcher.communicate()
    assert launcher.returncode == 143
    assert ended(child)
    assert watch.find(run) is None
    assert "saved" in (run / keeper.LOG).read_text()


@pytest.mark.fault
def test_a_training_goes_on_when_its_launcher_is_killed_and_the_next_one_finds_it(run: Path) -> None:
    first = launch(run)
    child = trainer(first)
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    found = watch.find(run)
    assert found is not None, "the keeper died with its launcher"
    os.close(found)

    second = launch(run)
    assert second.stdout is not None
    assert "is training already; watching it" in second.stdout.readline()
    (run / "pipe").write_text("")
    output, _ = second.communicate()
    assert output == "went on\n"
    assert second.returncode == 7
    assert ended(child)


def test_a_launcher_whose_keeper_gives_way_watches_the_other_one(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when the launcher before it was killed just after it had started a keeper."""
    other = launch(run)
    child = trainer(other)
    answers = iter([lambda folder: None, watch.find])
    monkeypatch.setattr(watch, "find", lambda folder: next(answers)(folder))
    monkeypatch.setattr(watch, "say", lambda _: threading.Thread(target=(run / "pipe").write_text, args=("",)).start())
    assert watch.run_kept(run, command("print('never')"), os.environ) == 7
    assert ended(child)
    other.communicate()


@pytest.mark.fault
def test_ranks_die_with_their_keeper(run: Path) -> None:
    launcher = launch(run)
    child = trainer(launcher)
    found = watch.find(run)
    assert found is not None
    signal.pidfd_send_signal(found, signal.SIGKILL)
    os.close(found)
    assert ended(child)
    launcher.communicate()
    assert launcher.returncode == 256 - signal.SIGKILL


def test_a_pid_that_another_process_has_by_now_is_no_keeper(run: Path) -> None:
    (run / LOCK).write_text(str(os.getpid()))
    assert watch.find(run) is None


def test_a_second_keeper_gives_way(run: Path) -> None:
    with (run / LOCK).open("ab+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = subprocess.run([sys.executable, "-m", "training.keeper", str(run), "/bin/false"], check=False)
    assert found.returncode == keeper.EXIT_TAKEN


def test_a_training_that_nobody_watches_is_stopped(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "POLL_SECONDS", 0.05)
    monkeypatch.setattr(keeper, "UNWATCHED_SECONDS", 0.0)
    assert keeper.keep(run, command(WAITS, str(run / "pipe"))) == EXIT_STOPPED


def test_a_training_that_somebody_watches_is_not(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(keeper, "UNWATCHED_SECONDS", 0.0)
    with (run / WATCHED).open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert keeper.keep(run, command("import sys; print('hello'); sys.exit(3)")) == 3


PROGRESS = """
import os, sys
from pathlib import Path
checkpoints, log = Path(sys.argv[1]), Path(sys.argv[2])
starts = len(log.read_text()) if log.exists() else 0
log.write_text("x" * (starts + 1))
(checkpoints / "latest").write_text(f"step-{min(starts + 1, 3):08d}")
os.kill(os.getpid(), 9)
"""


@pytest.mark.fault
def test_killed_ranks_are_started_again_as_long_as_they_get_further(run: Path) -> None:
    checkpoints = run / "checkpoints"
    checkpoints.mkdir()
    (run / "request.json").write_text(json.dumps({"checkpoints": str(checkpoints)}))
    code = keeper.keep(run, command(PROGRESS, str(checkpoints), str(run / "starts")))
    assert code == -signal.SIGKILL
    assert (run / "starts").read_text() == "xxxx", "three that saved, one that did not"


def test_progress_is_the_newest_checkpoint_and_the_rollbacks(run: Path) -> None:
    assert keeper.progress(run) == (0, 0)
    (run / "request.json").write_text(json.dumps({"checkpoints": str(run)}))
    (run / shelf.LATEST).write_text(shelf.tag_of(40))
    Route().rolled_back(41, to=40).write(run)
    assert keeper.progress(run) == (40, 1)
