"""A small client of Airflow's REST API."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx

from gristmill.errors import UserError

JSON = dict[str, Any]
_JSON = {"Accept": "application/json"}
# Airflow writes its audit log on the API server's event loop. With SQLite that waits for a lock whose holder needs
# the same loop to commit, until SQLite's time-out of 5 s: the request is rolled back and may be sent again.
_TRIES_AT_BUSY_DATABASE = 4


class ServiceError(UserError):
    """Airflow refused a request; `status` is the HTTP status, the message is Airflow's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Client:
    """Calls of the API as one user; the token is renewed when it has expired."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=30.0, trust_env=False)
        self._credentials = {"username": user, "password": password}

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None, **query: Any) -> JSON:
        """One call of `/api/v2<path>`; raises ServiceError."""
        answer = self._send(method, path, body, query)
        if answer.status_code == 401:
            token = self._http.post("/auth/token", json=self._credentials)
            if token.status_code != 201:
                raise ServiceError(token.status_code, f"login refused: {_detail(token)}")
            self._http.headers["Authorization"] = f"Bearer {token.json()['access_token']}"
            answer = self._send(method, path, body, query)
        for _ in range(1, _TRIES_AT_BUSY_DATABASE):
            if not _rolled_back(answer):
                break
            answer = self._send(method, path, body, query)
        if answer.status_code >= 400:
            raise ServiceError(answer.status_code, _detail(answer))
        return dict((answer.json() if answer.content else None) or {})

    def _send(self, method: str, path: str, body: Mapping[str, Any] | None, query: Mapping[str, Any]) -> httpx.Response:
        try:
            return self._http.request(method, f"/api/v2{path}", json=body, params=dict(query), headers=_JSON)
        except httpx.TransportError as error:
            raise ServiceError(0, f"Airflow does not answer: {error}") from error

    def healthy(self) -> bool:
        """Whether metadata database, scheduler and DAG processor say so."""
        try:
            answer = self._http.get("/api/v2/monitor/health")
        except httpx.TransportError:
            return False
        parts = answer.json() if answer.status_code == 200 else {}
        needed = ("metadatabase", "scheduler", "dag_processor")
        return all((parts.get(name) or {}).get("status") == "healthy" for name in needed)

    def set_pool(self, name: str, slots: int, description: str) -> None:
        """Create a pool unless it exists; an operator's change to it stays."""
        body = {"name": name, "slots": slots, "description": description}
        try:
            self.call("POST", "/pools", body)
        except ServiceError as error:
            if error.status != 409:
                raise

    def dag(self, dag_id: str) -> JSON | None:
        """A DAG, or None while it is not parsed."""
        try:
            return self.call("GET", f"/dags/{dag_id}")
        except ServiceError as error:
            if error.status != 404:
                raise
            return None

    def unpause(self, dag_id: str) -> None:
        self.call("PATCH", f"/dags/{dag_id}", {"is_paused": False}, update_mask="is_paused")

    def backfill(self, dag_id: str, first: str, last: str, reprocess: str, max_active_runs: int) -> JSON:
        """Create a backfill for partition dates `first` to `last` (YYYY-MM-DD, inclusive)."""
        body = {
            "dag_id": dag_id, "from_date": f"{first}T00:00:00Z", "to_date": f"{last}T00:00:00Z",
            "reprocess_behavior": reprocess, "max_active_runs": max_active_runs,
        }  # fmt: skip
        return self.call("POST", "/backfills", body)

    def forget_next_run(self, dag_id: str, deadline_seconds: float = 60.0) -> None:
        """Have a DAG parsed again and wait until its next scheduled run is known anew.

        Airflow works out the next run when it parses; without this, a DAG that is unpaused right after its
        first backfill was created starts the same partitions a second time by schedule.
        """
        before = self.call("GET", f"/dags/{dag_id}")
        self.call("PUT", f"/parseDagFile/{before['file_token']}")
        deadline = time.monotonic() + deadline_seconds
        while time.monotonic() < deadline:
            now = self.call("GET", f"/dags/{dag_id}")
            if now["last_parsed_time"] != before["last_parsed_time"]:
                return
            time.sleep(0.3)
        raise ServiceError(0, f"DAG {dag_id} was not parsed again within {deadline_seconds:.0f} s")

    def runs(self, dag_id: str = "~") -> list[JSON]:
        """The newest 100 runs, newest first."""
        found: list[JSON] = self.call("GET", f"/dags/{dag_id}/dagRuns", limit=100, order_by="-id")["dag_runs"]
        return found

    def tasks(self, dag_id: str, run_id: str) -> list[JSON]:
        """Task instances of a run."""
        found: list[JSON] = self.call("GET", f"{_run(dag_id, run_id)}/taskInstances", limit=100)["task_instances"]
        return found

    def trigger(self, dag_id: str, run_id: str | None = None, **body: Any) -> JSON:
        """Start one run; `body` may hold partition_key and conf."""
        named = {} if run_id is None else {"dag_run_id": run_id}
        return self.call("POST", f"/dags/{dag_id}/dagRuns", {"logical_date": None, **named, **body})

    def clear_failed(self, dag_id: str, run_id: str) -> None:
        """Run the failed tasks of a run, and what follows them, again."""
        self.call("POST", f"{_run(dag_id, run_id)}/clear", {"dry_run": False, "only_failed": True})

    def waiting_requests(self) -> list[JSON]:
        """The newest 100 requests that wait for a person, each with `body` and `task_instance`."""
        query: JSON = {"response_received": False, "state": "awaiting_input", "limit": 100, "order_by": "-created_at"}
        found: list[JSON] = self.call("GET", "/dags/~/dagRuns/~/hitlDetails", **query)["hitl_details"]
        return found

    def respond(self, task: JSON, option: str, reason: str) -> None:
        """Answer the request of a task instance. Raises ServiceError: 403 for who is not asked, 409 when answered."""
        path = f"{_run(task['dag_id'], task['dag_run_id'])}/taskInstances/{task['task_id']}/{task['map_index']}"
        body = {"chosen_options": [option], "params_input": {"reason": reason}}
        self.call("PATCH", f"{path}/hitlDetails", body)

    def log(self, dag_id: str, run_id: str, task_id: str, attempt: int) -> list[str]:
        """Lines of a task's log."""
        answer = self.call("GET", f"{_run(dag_id, run_id)}/taskInstances/{task_id}/logs/{attempt}")
        return [text for line in answer["content"] for text in _log_lines(line)]


def _log_lines(line: Any) -> list[str]:
    """The message of a log entry, and of the exceptions in it; log-group markers are left out."""
    if not isinstance(line, dict):
        return [str(line)]
    event = str(line.get("event", ""))
    errors = [f"{e.get('exc_type')}: {e.get('exc_value')}" for e in line.get("error_detail") or []]
    return [*([] if event.startswith("::") else [event]), *errors]


def _run(dag_id: str, run_id: str) -> str:
    return f"/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}"


def _rolled_back(answer: httpx.Response) -> bool:
    """Whether the metadata database, not the request, was at fault."""
    return answer.status_code == 500 and "Database error" in _detail(answer)


def _detail(answer: httpx.Response) -> str:
    try:
        detail = answer.json()["detail"]
    except (ValueError, KeyError, TypeError):
        return f"HTTP {answer.status_code}"
    return detail if isinstance(detail, str) else str(detail)
