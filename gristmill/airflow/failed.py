"""Failed tasks: what ends a run before a gate could say anything calls the profile's notifiers too."""

from __future__ import annotations

from typing import Any


def task_failed(context: dict[str, Any]) -> None:
    """Airflow calls this after the last try of a task. A gate that judged has told its verdict itself."""
    from gristmill.airflow.links import run_url
    from gristmill.alerts import failed_alert
    from gristmill.notifiers import notify
    from gristmill.profile import load_profile

    run, task = context["dag_run"], context["task"]
    if getattr(task, "summary", {}).get("subject"):
        return
    scope = run.partition_key or run.run_id
    notify(load_profile().alerts, failed_alert(run.dag_id, task.task_id, scope, run_url(run.dag_id, run.run_id)))
