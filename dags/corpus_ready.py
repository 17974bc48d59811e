"""corpus_ready: released snapshots start pretraining, once, when the profile's mix is complete."""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG, PartitionedAssetTimetable, task

from gristmill.airflow.operators import RELEASES
from gristmill.airflow.ready import requested_run

with DAG(
    dag_id="corpus_ready",
    schedule=PartitionedAssetTimetable(assets=RELEASES),
    start_date=datetime(2000, 1, 1),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    tags=["gristmill", "data"],
    default_args={
        "owner": "data-engineering",
        "retries": 1,
        "retry_delay": timedelta(seconds=20),
        "execution_timeout": timedelta(hours=1),
    },
    doc_md="Runs for every released snapshot. Starts `pretrain` when the mix that the profile names is complete and "
    "has `auto_start`; else its log says what is missing.",
) as dag:

    @task.short_circuit
    def mix_complete() -> str | None:
        """The id of the pretraining run to start; nothing follows without one."""
        return requested_run()

    mix_complete() >> TriggerDagRunOperator(
        task_id="start_pretrain",
        trigger_dag_id="pretrain",
        trigger_run_id="{{ ti.xcom_pull(task_ids='mix_complete') }}",
        skip_when_already_exists=True,
        logical_date=None,
    )
