"""corpus_ready: start pretraining once, when every snapshot of the mix is released."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, Asset, PartitionedAssetTimetable

from gristmill.airflow.operators import StartPretraining

DOCUMENTATION = """
Runs for each released snapshot. When all snapshots of the profile's mix are released and the mix says
`auto_start: true`, it starts **pretrain** once for exactly these releases; otherwise its task is skipped and its log
says what is missing.
"""

RELEASES = Asset(name="gristmill_releases", uri="gristmill://releases", group="gristmill")

with DAG(
    dag_id="corpus_ready",
    schedule=PartitionedAssetTimetable(assets=RELEASES),
    catchup=False,
    is_paused_upon_creation=False,
    max_active_runs=1,
    tags=["gristmill", "data", "training"],
    doc_md=DOCUMENTATION,
    default_args={
        "owner": "data-engineering",
        "retries": 1,
        "retry_delay": timedelta(seconds=10),
        "execution_timeout": timedelta(minutes=10),
    },
):
    StartPretraining(task_id="start_pretraining", trigger_dag_id="pretrain", pool="default_pool")
