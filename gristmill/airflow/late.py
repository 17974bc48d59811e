"""Late runs: Airflow's deadline of crawl_snapshot and pretrain calls the profile's notifiers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk.definitions.callback import SyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference

ENDED = ("success", "failed")


def deadline() -> DeadlineAlert:
    """Missed when a run has not ended `airflow.late_hours` of the profile after it was queued.

    A synchronous callback runs in the executor; an asynchronous one would need a triggerer, which no other part needs.
    """
    from gristmill.profile import load_profile

    hours = load_profile().airflow.late_hours
    return DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT, interval=timedelta(hours=hours),
        callback=SyncCallback(run_is_late), name="late",
    )  # fmt: skip


def run_is_late(context: dict[str, Any]) -> None:
    """Airflow calls this with the run once its deadline has passed."""
    from gristmill.airflow.links import run_url
    from gristmill.alerts import late_alert
    from gristmill.notifiers import notify
    from gristmill.profile import load_profile

    run, profile = context["dag_run"], load_profile()
    # Airflow forgets the deadline of a run that succeeded, not of one that failed in time.
    if run["state"] in ENDED:
        return
    dag, run_id = run["dag_id"], run["dag_run_id"]
    scope = run.get("partition_key") or run_id
    notify(profile.alerts, late_alert(dag, scope, profile.airflow.late_hours, run_url(dag, run_id)))
