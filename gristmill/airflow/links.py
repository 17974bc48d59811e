"""Links from tasks and messages to the quality pages of the same Airflow."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from airflow.sdk import BaseOperatorLink
from airflow.sdk.configuration import conf

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey


def report_url(run_id: str, scope: str) -> str:
    """The page of a run: the report of a snapshot's, or of a training run's with scope `run`."""
    page = f"runs/{quote(run_id, safe='')}" if scope == "run" else f"?run_id={quote(run_id, safe='')}"
    return f"{_base()}/quality/{page}"


def run_url(dag: str, run_id: str) -> str:
    """Airflow's own page of a run."""
    return f"{_base()}/dags/{quote(dag, safe='')}/runs/{quote(run_id, safe='')}"


def _base() -> str:
    return str(conf.get("api", "base_url", fallback="")).rstrip("/")


class ReportLink(BaseOperatorLink):
    """A button on the task that opens the run's report."""

    name = "Quality report"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Asked on the worker when the task ends or begins to wait."""
        return report_url(ti_key.run_id, getattr(operator, "scope", "snapshot"))
