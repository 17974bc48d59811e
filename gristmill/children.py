"""Child processes that do not outlive their parent."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


def start(
    command: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: Path | None = None, **options: Any
) -> subprocess.Popen[str]:
    """Start `command` in a process group of its own; the kernel kills it when this process dies.

    The signal follows the thread that starts the child, so start children from the main thread.
    """
    return subprocess.Popen(
        command, env=None if env is None else dict(env), cwd=cwd, text=True, start_new_session=True,
        preexec_fn=_die_with(os.getpid()), **options,
    )  # fmt: skip


def kill_group(process: subprocess.Popen[str], grace_seconds: float = 10.0) -> None:
    """SIGTERM to the child's group, SIGKILL to what is left of it after the grace."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(grace_seconds)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def signal_at_parents_death(number: signal.Signals) -> None:
    """Let the kernel send this process a signal when the thread that started it ends."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, number)


def _die_with(parent: int) -> Callable[[], None]:
    def prepare() -> None:
        signal_at_parents_death(signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    return prepare
