"""A small client of Airflow's REST API (v2): what the demo, backfill and tests need of it."""

from __future__ import annotations

from datetime import date
from typing import Any
from urllib.parse import quote

import httpx

from gristmill.errors import UserError


class ApiError(UserError):
    """The API refused; `status` is the HTTP status, the message is Airflow's own."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"Airflow refused ({status}): {text}")
        self.status = status


class Api:
    """Logged in on creation; raises httpx.HTTPError while the server is not up."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self.client = httpx.Client(base_url=url, timeout=30, trust_env=False)
        answer = self.client.post("/auth/token", json={"username": user, "password": password})
        answer.raise_for_status()
        self.client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def request(self, method: str, path: str, **options: Any) -> Any:
        """One call below /api/v2; raises ApiError with Airflow's sentence."""
        answer = self.client.request(method, f"/api/v2{path}", **options)
        if answer.is_error:
            try:
                detail = answer.json().get("detail", answer.text)
            except ValueError:
                detail = answer.text
            raise ApiError(answer.status_code, str(detail)[:500])
        return answer.json() if answer.content else None

    def pool(self, name: str, slots: int, description: str) -> None:
        """Make a pool; one that exists keeps the slots that a person gave it."""
        body = {"name": name, "slots": slots, "description": description}
        try:
            self.request("POST", "/pools", json=body)
        except ApiError as error:
            if error.status != 409:
                raise

    def dag_ids(self) -> set[str]:
        """DAGs that can be triggered."""
        return {dag["dag_id"] for dag in self.request("GET", "/dags", params={"limit": 100})["dags"]}

    def import_errors(self) -> list[str]:
        """Stack traces of DAG files that cannot be imported."""
        return [error["stack_trace"] for error in self.request("GET", "/importErrors")["import_errors"]]

    def partition_keys_known(self, keys: set[str]) -> bool:
        """Whether the stored crawl_snapshot DAG already has these catalogue entries: a dry run over all time."""
        body = {"dag_id": "crawl_snapshot", "from_date": "1900-01-01T00:00:00Z", "to_date": "2999-01-01T00:00:00Z",
                "reprocess_behavior": "completed"}  # fmt: skip
        try:
            found = self.request("POST", "/backfills/dry_run", json=body)["backfills"]
        except ApiError:
            return False
        return keys <= {str(row.get("partition_key")) for row in found}

    def unpause(self, dag_id: str) -> None:
        """Let the scheduler run it."""
        self.request("PATCH", f"/dags/{dag_id}", json={"is_paused": False})

    def backfill(self, start: date, end: date, reprocess: str) -> int:
        """Backfill crawl_snapshot over [start, end]; the id of the backfill."""
        body = {
            "dag_id": "crawl_snapshot", "from_date": f"{start}T00:00:00Z", "to_date": f"{end}T00:00:00Z",
            "max_active_runs": 1, "reprocess_behavior": reprocess, "run_backwards": False, "dag_run_conf": {},
        }  # fmt: skip
        return int(self.request("POST", "/backfills", json=body)["id"])

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        """Runs of a DAG, newest first."""
        params = {"limit": 100, "order_by": "-run_after"}
        found: list[dict[str, Any]] = self.request("GET", f"/dags/{dag_id}/dagRuns", params=params)["dag_runs"]
        return found

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Task instances of a run."""
        path = f"/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}/taskInstances"
        found: list[dict[str, Any]] = self.request("GET", path, params={"limit": 100})["task_instances"]
        return found

    def trigger(self, dag_id: str, **body: Any) -> dict[str, Any]:
        """Trigger one run."""
        answer: dict[str, Any] = self.request("POST", f"/dags/{dag_id}/dagRuns", json={"logical_date": None, **body})
        return answer

    def log(self, dag_id: str, run_id: str, task_id: str, attempt: int) -> list[str]:
        """Lines of a task's log."""
        path = f"/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}/taskInstances/{task_id}/logs/{attempt}"
        content = self.request("GET", path, headers={"Accept": "application/json"})["content"]
        return [str(line.get("event", line)) if isinstance(line, dict) else str(line) for line in content]
