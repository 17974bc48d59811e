"""The launcher's side of a keeper: start it or find it, show what its ranks say, stop it."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from gristmill.process import say
from training.keeper import ENDED, EXIT_TAKEN, GRACE_SECONDS, LOCK, LOG, is_held

FOLLOW_SECONDS = 0.2
"""Between two looks at the log."""


def run_kept(folder: Path, command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a command under a keeper, or watch the keeper that the run has already; the command's exit code.

    When this process is told to stop (any exception), so is the keeper. When it is killed, the keeper goes on.
    """
    with (folder / LOG).open("ab") as log, (folder / LOG).open("rb") as output:
        output.seek(0, os.SEEK_END)
        while True:
            keeper, process = find(folder), None
            if keeper is None:
                process = subprocess.Popen(
                    [sys.executable, "-m", "training.keeper", str(folder), *command],
                    env={**environment, "GRISTMILL_KEPT": "1"},  # spared when a scheduler is started again
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                )  # fmt: skip
                keeper = os.pidfd_open(process.pid)
            else:
                say(f"{folder.name} is training already; watching it")
            _watch(keeper, output)
            # Another keeper can have been on its way, started by a launcher that was killed since.
            if process is None or process.wait() != EXIT_TAKEN:
                break
    ended = folder / ENDED
    return int(json.loads(ended.read_bytes())["code"]) if ended.is_file() else -signal.SIGKILL


def find(folder: Path) -> int | None:
    """A pidfd of the run's living keeper; None when there is none."""
    path = folder / LOCK
    if not is_held(path):
        return None
    try:
        descriptor = os.pidfd_open(int(path.read_text(encoding="utf-8") or 0))
    except (ValueError, OSError):
        return None
    # Its lock tells that the pid was still its own when the descriptor was made.
    if is_held(path):
        return descriptor
    os.close(descriptor)
    return None


def _watch(keeper: int, output: BinaryIO) -> None:
    """Hand on the log until the keeper has ended."""
    ended = False
    try:
        while not ended:
            ended = bool(select.select([keeper], [], [], FOLLOW_SECONDS)[0])
            if text := output.read():
                sys.stdout.write(text.decode(errors="backslashreplace"))
                sys.stdout.flush()
    except BaseException:
        _end(keeper)
        raise
    finally:
        os.close(keeper)


def _end(keeper: int) -> None:
    """Let the ranks save and end; kill what does not."""
    with suppress(ProcessLookupError):
        signal.pidfd_send_signal(keeper, signal.SIGTERM)
    if not select.select([keeper], [], [], GRACE_SECONDS + 5)[0]:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(keeper, signal.SIGKILL)
