"""crawl_snapshot: one run per crawl snapshot, from its listing to its release."""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, TriggerRule, chain

from gristmill.airflow.operators import ReleaseOperator, SnapshotOperator
from gristmill.airflow.timetable import CrawlSnapshotTimetable
from gristmill.catalogue import Catalogue
from gristmill.lake import Lake
from gristmill.profile import load_profile

profile = load_profile()
dates = Catalogue(Lake.open(profile)).dates()

SPARK_STAGES = ("extract", "annotate", "deduplicate", "decide", "curate")

with DAG(
    dag_id="crawl_snapshot",
    schedule=CrawlSnapshotTimetable({key: day.isoformat() for key, day in dates.items()}),
    start_date=datetime(2000, 1, 1),
    catchup=profile.airflow.catchup,
    max_active_runs=1,
    is_paused_upon_creation=True,
    tags=["gristmill", "data"],
    default_args={
        "owner": "data-engineering",
        "retries": 1,
        "retry_delay": timedelta(seconds=20),
        "execution_timeout": timedelta(hours=24),
    },
    doc_md="""
    One run per crawl snapshot; the **partition key** is the snapshot's id in the catalogue (`gristmill snapshot list`).
    Run past snapshots with *Trigger -> Backfill*; run one again with *Trigger -> Advanced Options -> partition key*.
    A blocked gate releases nothing and starts nothing downstream; the report is published all the same.
    """,
) as dag:
    stages = [SnapshotOperator(task_id=s, module=f"spark_jobs.{s}", pool="spark") for s in SPARK_STAGES]
    measure = SnapshotOperator(task_id="measure", module="quality.measure")
    gate = SnapshotOperator(task_id="gate", module="quality.gate", arguments={"kind": "snapshot"})
    release = ReleaseOperator(task_id="release")
    report = SnapshotOperator(task_id="report", module="quality.report", trigger_rule=TriggerRule.ALL_DONE)
    # The report always runs, so it cannot be the leaf that colours the run.
    finish = EmptyOperator(task_id="finish")
    chain(*stages, measure, gate, release, report)
    [release, report] >> finish
