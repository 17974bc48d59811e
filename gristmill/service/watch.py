"""Follow runs to their end and say what changes: which task of which run, and since when."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence

from gristmill.process import say
from gristmill.service.client import JSON, Client, ServiceError

FINAL = ("success", "failed")
POLL_SECONDS = 1.0
QUIET_SECONDS = 15.0
_SILENT = (None, "scheduled", "queued")
_NOISE = re.compile(
    r"\d\d/\d\d/\d\d |WARNING: |To adjust logging|Setting default log|Using Spark's default|running --profile|output "
)
"""What the JVM says, and what is for the next task rather than for a person."""


class Watch:
    """Polls the API; prints a line per change of a task's state, and one when nothing changed for a while."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.began = time.monotonic()
        self.spoke = self.began
        self.states: dict[tuple[str, str, str], str] = {}
        self.running: tuple[str, str, str, int] | None = None

    def until_final(self, dag: str, find: Callable[[], Sequence[JSON]], wanted: int = 1) -> list[JSON]:
        """Report on the runs that `find` gives until `wanted` of them are there and all have ended."""
        while True:
            runs = list(find())
            for run in runs:
                self._report(dag, run)
            if len(runs) >= wanted and all(run["state"] in FINAL for run in runs):
                return runs
            if time.monotonic() - self.spoke > QUIET_SECONDS:
                self.say(f"... {self._last_words()}")
            time.sleep(POLL_SECONDS)

    def say(self, text: str) -> None:
        """A line with the seconds since the start."""
        self.spoke = time.monotonic()
        say(f"[{self.spoke - self.began:5.0f} s] {text}")

    def _report(self, dag: str, run: JSON) -> None:
        run_id = run["dag_run_id"]
        label = f"{dag} {run.get('partition_key') or run_id}"
        if self.states.get((dag, run_id, "")) in FINAL:
            return
        for task in self.client.tasks(dag, run_id):
            name, state = task["task_id"], task["state"]
            if state in _SILENT or not self._changed((dag, run_id, name), state):
                continue
            seconds = f" in {task['duration']:.0f} s" if state in FINAL and task.get("duration") else ""
            self.say(f"{label}: {name} {state}{seconds}")
            if state == "awaiting_input":
                self.say("a reviewer has to answer: see `gristmill verdict list`")
            if state == "running":
                self.running = (dag, run_id, name, task["try_number"])
        if run["state"] in FINAL and self._changed((dag, run_id, ""), run["state"]):
            self.say(f"{label}: run {run['state'].upper()}")

    def _last_words(self) -> str:
        """What the task that was seen running last says of its progress."""
        if self.running is None:
            return "waiting for the scheduler"
        dag, run_id, task, attempt = self.running
        try:
            lines = [line for line in self.client.log(dag, run_id, task, attempt) if not _NOISE.match(line)]
        except ServiceError:
            lines = []
        last = lines[-1][:160] if lines else "running"
        return last if last.startswith(task) else f"{task}: {last}"

    def _changed(self, key: tuple[str, str, str], state: str) -> bool:
        changed = self.states.get(key) != state
        self.states[key] = state
        return changed
