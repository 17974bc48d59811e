"""The parent of a private Airflow: `python -m gristmill.service.supervisor PROFILE` until SIGINT or SIGTERM.

It adopts every orphan among its descendants, so at its end nothing that Airflow started is left.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

from gristmill.children import start
from gristmill.profile import load_profile
from gristmill.service.home import COMPONENTS, Home
from gristmill.service.processes import Process, adopt_orphans, carries, descendants, end_all, reap, send

IDLE_STOP_SECONDS = 8.0
"""Time for components without a running task to end by themselves."""

RESTART_SECONDS = 5.0


class Supervisor:
    """Starts the components, restarts one that ends, stops them all."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.components: dict[str, subprocess.Popen[str]] = {}
        self.stopping = False

    def run(self) -> int:
        """Until a signal; 1 when the database cannot be migrated."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop)
        adopt_orphans()
        try:
            if not self._migrate():
                return 1
            while not self.stopping:
                self._start_missing()
                time.sleep(0.2)
        finally:
            self._end()
        return 0

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.stopping = True

    def _migrate(self) -> bool:
        """Bring the database to this Airflow's schema, once per version and database."""
        from importlib.metadata import version

        state = f"{version('apache-airflow-core')} {self.home.database.rpartition('@')[2]}\n"
        if self.home.migrated.is_file() and self.home.migrated.read_text(encoding="utf-8") == state:
            return True
        process = self._component("db-migrate", ["db", "migrate"])
        while process.poll() is None and not self.stopping:
            time.sleep(0.05)
        if process.returncode != 0:
            return False
        self.home.migrated.write_text(state, encoding="utf-8")
        return True

    def _start_missing(self) -> None:
        for name in COMPONENTS:
            process = self.components.get(name)
            if process is None:
                self.components[name] = self._component(name, _arguments(name))
            elif process.poll() is not None:
                print(f"{name} ended with code {process.returncode}; starting it again", flush=True)
                self._end_orphans()
                time.sleep(RESTART_SECONDS)
                self.components[name] = self._component(name, _arguments(name))

    def _end_orphans(self) -> None:
        """End what a dead component left behind: workers without a scheduler would wait for ever. Trainings that go on
        without a worker stay, and are found by the retry."""
        ours = {process.pid for process in self.components.values() if process.poll() is None}

        def orphans() -> list[Process]:
            found = descendants(os.getpid())
            mine = {p.pid for p in found if p.parent == os.getpid() and not carries(p.pid, "GRISTMILL_KEPT", "1")}
            roots = mine - ours
            return [p for p in found if p.pid in roots]

        end_all(orphans, grace_seconds=5.0)

    def _component(self, name: str, arguments: list[str]) -> subprocess.Popen[str]:
        with self.home.component_log(name).open("a", encoding="utf-8") as log:
            command = [sys.executable, "-m", "airflow", *arguments]
            return start(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)

    def _end(self) -> None:
        """SIGINT, on which idle components end cleanly; then whatever is left, tasks and all."""
        send([p for p in descendants(os.getpid()) if p.parent == os.getpid()], signal.SIGINT)
        deadline = time.monotonic() + IDLE_STOP_SECONDS
        while descendants(os.getpid()) and time.monotonic() < deadline:
            reap()
            time.sleep(0.05)
        end_all(lambda: descendants(os.getpid()), grace_seconds=10.0)


def _arguments(name: str) -> list[str]:
    # Task logs are read from the common disk: no log server listens.
    return [name, *(["--skip-serve-logs"] if name == "scheduler" else [])]


if __name__ == "__main__":
    sys.exit(Supervisor(Home(load_profile(str(Path(sys.argv[1]))))).run())
