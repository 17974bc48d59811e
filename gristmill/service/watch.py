"""Follow runs to their end and say what changes: which task of which run, and since when."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from gristmill.process import say
from gristmill.service.api import Api

FINAL = ("success", "failed")
POLL_SECONDS = 1.0
QUIET_SECONDS = 15.0


class Watch:
    """Polls the API; prints a line per change of a task's state, and one when nothing changed for a while."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.began = time.monotonic()
        self.spoke = self.began
        self.states: dict[tuple[str, str, str], str] = {}
        self.running = ""

    def until(self, done: Callable[[], bool], dags: tuple[str, ...]) -> None:
        """Report on the runs of `dags` until `done` says so."""
        while True:
            finished = done()
            for dag in dags:
                for run in self.api.runs(dag):
                    self._report(dag, run)
            if finished:
                return
            if time.monotonic() - self.spoke > QUIET_SECONDS:
                self._say(f"... {self.running or 'waiting for the scheduler'}")
            time.sleep(POLL_SECONDS)

    def _report(self, dag: str, run: dict[str, Any]) -> None:
        label = run.get("partition_key") or run["dag_run_id"]
        if self.states.get((dag, run["dag_run_id"], "")) in FINAL:
            return
        for task in self.api.tasks(dag, run["dag_run_id"]):
            state = task["state"] or "waiting"
            if state in ("waiting", "scheduled", "queued"):
                continue
            if self._changed(dag, run["dag_run_id"], task["task_id"], state):
                seconds = f" in {task['duration']:.0f} s" if state in FINAL and task.get("duration") else ""
                self._say(f"{dag} {label}: {task['task_id']} {state}{seconds}")
                if state == "running":
                    self.running = f"{dag} {label}: {task['task_id']} is running"
        if run["state"] in FINAL and self._changed(dag, run["dag_run_id"], "", run["state"]):
            self._say(f"{dag} {label}: run {run['state'].upper()}")

    def _changed(self, dag: str, run: str, task: str, state: str) -> bool:
        key = (dag, run, task)
        changed = self.states.get(key) != state
        self.states[key] = state
        return changed

    def _say(self, text: str) -> None:
        self.spoke = time.monotonic()
        say(f"[{self.spoke - self.began:5.0f} s] {text}")
