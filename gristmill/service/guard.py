"""Run a command so that nothing of it outlives whoever started it: `python -m gristmill.service.guard CMD...`.

A Spark driver has a JVM with Python workers, a trainer has ranks; some leave their process group. The guard
adopts every orphan among them. When its parent dies, even by SIGKILL, or on SIGTERM, it ends them all.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from types import FrameType

from gristmill.children import signal_at_parents_death, start
from gristmill.service.processes import adopt_orphans, descendants, end_all

GRACE_SECONDS = 15.0
"""Between SIGTERM and SIGKILL: a trainer writes a checkpoint."""


def run(command: list[str]) -> int:
    """The command's exit code; 128 + n when a signal ended it or the guard."""
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    signal_at_parents_death(signal.SIGTERM)
    adopt_orphans()
    code = start(command).wait()
    end_all(lambda: descendants(os.getpid()), grace_seconds=2.0)
    return code if code >= 0 else 128 - code


def _stop(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_all(lambda: descendants(os.getpid()), GRACE_SECONDS)
    os._exit(128 + number)


if __name__ == "__main__":
    try:
        sys.exit(run(sys.argv[1:]))
    except (OSError, subprocess.SubprocessError) as error:
        sys.exit(f"guard: {sys.argv[1:2]} cannot be started: {error}")
