"""Keeps the ranks of a run, whoever watches: `python -m training.keeper FOLDER COMMAND...`.

The ranks are children of this process, not of the launcher, so a training goes on when the launcher is killed, and
the next launcher of the run finds it. Whether a keeper is alive, the kernel tells: it holds a lock on `keeper` in
the run's folder, and its pid stands in there. Told to stop by SIGTERM, or when nobody has watched for a while, it
lets the ranks save and ends; when it dies, they die.

It starts the ranks again when they ended by an error after new progress: one rank killed in the night, or a
rollback, should wait for nobody.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType

from gristmill.children import kill_group, start
from gristmill.process import say
from gristmill.service.processes import descendants, send
from training import route, shelf
from training.events import Events

LOCK, LOG, ENDED, ERROR = "keeper", "training.log", "ended.json", "error.txt"
"""ERROR is where a rank leaves a user's error: torchrun hands on neither message nor exit code."""

STARTED_BY = "started_by"
"""The run of the scheduler that started or resumed the training last; no part of the request, which is published."""

WATCHED = "lock"
"""The launcher's lock on the run's folder."""

GRACE_SECONDS = 600.0
"""For the ranks to end their step and write a checkpoint."""

UNWATCHED_SECONDS = 1800.0
"""How long a training goes on without a launcher; Airflow starts a lost task again after a few minutes."""

POLL_SECONDS = 2.0

EXIT_STOPPED = 143
EXIT_TAKEN = 75
"""The run has a keeper already."""


def main() -> None:
    """Run the command until it is done, told to stop, or failing without progress."""
    folder, command = Path(sys.argv[1]), sys.argv[2:]
    with (folder / LOCK).open("ab+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit(EXIT_TAKEN)
        lock.truncate(0)
        lock.write(str(os.getpid()).encode())
        lock.flush()
        (folder / ENDED).unlink(missing_ok=True)
        signal.signal(signal.SIGTERM, _stop)
        code = EXIT_STOPPED
        try:
            code = keep(folder, command)
        finally:
            shelf.write_durably(folder / ENDED, json.dumps({"code": code}))


def keep(folder: Path, command: list[str]) -> int:
    """Exit code of the command's last start; EXIT_STOPPED when nobody watched."""
    while True:
        before = progress(folder)
        (folder / ERROR).unlink(missing_ok=True)
        code = _run(folder, command)
        if code in (0, EXIT_STOPPED) or (folder / ERROR).is_file() or progress(folder) == before:
            return code
        Events(folder).write("restarted", progress(folder)[0], code=code)
        say(f"the ranks ended with code {code} after new progress; starting them again")


def progress(folder: Path) -> tuple[int, int]:
    """(step of the newest checkpoint, number of rollbacks) of a run."""
    request = folder / "request.json"
    if not request.is_file():
        return 0, 0
    checkpoints = Path(json.loads(request.read_bytes())["checkpoints"])
    newest = checkpoints / shelf.LATEST
    step = shelf.step_of(newest.read_text(encoding="utf-8")) if newest.is_file() else 0
    return step, len(route.read_route(checkpoints).detours)


def _run(folder: Path, command: list[str]) -> int:
    process = start(command)
    seen = time.monotonic()
    try:
        while True:
            with suppress(subprocess.TimeoutExpired):
                return process.wait(POLL_SECONDS)
            if is_held(folder / WATCHED):
                seen = time.monotonic()
            elif time.monotonic() - seen > UNWATCHED_SECONDS:
                say("nobody has watched this training for a while; saving and stopping")
                _end(process)
                return EXIT_STOPPED
    except BaseException:
        _end(process)
        raise


def _end(process: subprocess.Popen[str]) -> None:
    """Let the ranks save and end. They are told themselves: torchrun would kill them after 30 seconds."""
    if ranks := [found for found in descendants(process.pid) if found.parent == process.pid]:
        send(ranks, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_SECONDS)
    kill_group(process, GRACE_SECONDS)


def _stop(number: int, frame: FrameType | None) -> None:
    """Leave `wait` by an exception: waiting for the child again inside a handler would never return."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(EXIT_STOPPED)


def is_held(path: Path) -> bool:
    """Whether some process holds the lock on a file."""
    with suppress(FileNotFoundError), path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


if __name__ == "__main__":
    main()
