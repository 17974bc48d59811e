"""Start and stop the private Airflow: API server, scheduler and DAG processor, each in a session of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from gristmill.errors import UserError
from gristmill.process import say
from gristmill.profile import Profile
from gristmill.service.api import Api
from gristmill.service.environment import (
    HOST,
    MARKER,
    USER,
    airflow_home,
    free_ports,
    password,
    service_environment,
)
from gristmill.service.processes import marked, stop_all

COMPONENTS = ("api-server", "scheduler", "dag-processor")
DAGS = ("crawl_snapshot", "corpus_ready", "pretrain")
POOLS = {"spark": "one Spark session at a time", "training": "one training run at a time"}
START_SECONDS = 180


class LocalAirflow:
    """The private Airflow of one profile. Its state file holds ports and pids; the marker finds the processes."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.home = airflow_home(profile)
        self.state_file = self.home / "service.json"

    @property
    def running(self) -> bool:
        """Whether all components live."""
        alive = set(marked(MARKER, str(self.home)))
        state = self._state()
        return bool(state) and set(state["pids"].values()) <= alive

    @property
    def url(self) -> str:
        """Address of the UI and the API."""
        return f"http://{HOST}:{self._state()['port']}"

    def api(self) -> Api:
        """A client that is logged in."""
        return Api(self.url, USER, password(self.profile))

    def start(self) -> None:
        """Start what is not running, and wait until the three DAGs can be triggered. Raises UserError."""
        if self.running:
            return
        self.stop()
        began = time.monotonic()
        port, *logs = free_ports(3)
        environment = service_environment(self.profile, port, (logs[0], logs[1]))
        (self.home / "logs").mkdir(parents=True, exist_ok=True)
        say("airflow: preparing the database")
        self._airflow(environment, "db", "migrate")
        pids = {name: self._component(name, environment) for name in COMPONENTS}
        self.state_file.write_text(json.dumps({"port": port, "pids": pids}), encoding="utf-8")
        say(f"airflow: starting on {self.url}")
        api = self._wait_for_api()
        for name, text in POOLS.items():
            api.pool(name, slots=1, description=text)
        self._wait_for_dags(api)
        say(f"airflow: ready after {time.monotonic() - began:.0f} s")

    def stop(self) -> None:
        """End every process of the service; does nothing when there is none."""
        state = self._state()
        alive = set(marked(MARKER, str(self.home)))
        first = [pid for pid in state.get("pids", {}).values() if pid in alive]
        stop_all(MARKER, str(self.home), first, grace_seconds=20)
        self.state_file.unlink(missing_ok=True)

    def _state(self) -> dict[str, Any]:
        try:
            state: dict[str, Any] = json.loads(self.state_file.read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return {}
        return state

    def _log(self, name: str) -> Path:
        return self.home / "logs" / f"{name}.log"

    def _airflow(self, environment: Mapping[str, str], *arguments: str) -> None:
        command = [sys.executable, "-m", "airflow", *arguments]
        with self._log(arguments[0]).open("ab") as log:
            done = subprocess.run(command, env=dict(environment), cwd=self.home, stdout=log, stderr=log, check=False)
        if done.returncode:
            raise UserError(f"`airflow {' '.join(arguments)}` failed:\n{tail(self._log(arguments[0]))}")

    def _component(self, name: str, environment: Mapping[str, str]) -> int:
        """Start one component. A shell's background job ignores SIGINT, so its default is restored."""
        with self._log(name).open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "airflow", name], env=dict(environment), cwd=self.home, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True,
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler) and None,
            )  # fmt: skip
        return process.pid

    def _wait_for_api(self) -> Api:
        for _ in self._patience("the API server", "api-server"):
            try:
                return self.api()
            except httpx.HTTPError:
                continue
        raise AssertionError("unreachable")

    def _wait_for_dags(self, api: Api) -> None:
        for _ in self._patience("the DAGs", "dag-processor"):
            if errors := api.import_errors():
                raise UserError("a DAG file cannot be imported:\n" + "\n".join(errors))
            if set(DAGS) <= api.dag_ids():
                return

    def _patience(self, what: str, component: str) -> Any:
        """Yield until START_SECONDS are over or a component has died; then raise UserError with its log's end."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            yield
            alive = set(marked(MARKER, str(self.home)))
            for name, pid in self._state()["pids"].items():
                if pid not in alive:
                    raise UserError(f"airflow {name} ended while starting:\n{tail(self._log(name))}")
            time.sleep(0.5)
        raise UserError(f"{what} did not come up in {START_SECONDS} s:\n{tail(self._log(component))}")


def tail(path: Path, lines: int = 15) -> str:
    """The last lines of a log."""
    if not path.is_file():
        return f"(no log at {path})"
    return "\n".join([f"  {path}:", *path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]])
