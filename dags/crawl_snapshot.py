"""crawl_snapshot: one crawl snapshot, from WARC files to a judged release."""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Asset, TriggerRule, chain

from gristmill.airflow.operators import StageOperator
from gristmill.airflow.timetable import SnapshotTimetable
from gristmill.datasets import MADE_BY, SIGNAL_FAMILIES, made_by

DOCUMENTATION = """
One run per snapshot of the catalogue (`gristmill snapshot list`); the snapshot's id is the run's **partition key**.

* **Backfill**: Trigger -> Backfill, the snapshots' dates as bounds; or `gristmill backfill --from --to`.
* **One snapshot**: Trigger -> Advanced Options -> partition key.
* The **report** is published whatever happens (tab *Data quality* of the run).
* If the **gate** blocks, nothing is released and nothing downstream starts: see docs/gate-blocked.md.
* Clearing or repeating a run is cheap: units of work that are done are reused.
"""

RELEASES = Asset(name="gristmill_releases", uri="gristmill://releases", group="gristmill")
JUDGED = MADE_BY
MEASURED = {name: task for name, task in MADE_BY.items() if task != "measure"}

with DAG(
    dag_id="crawl_snapshot",
    schedule=SnapshotTimetable(),
    start_date=datetime(2013, 1, 1),
    max_active_runs=1,
    tags=["gristmill", "data"],
    doc_md=DOCUMENTATION,
    default_args={
        "owner": "data-engineering",
        "retries": 1,
        "retry_delay": timedelta(seconds=10),
        "execution_timeout": timedelta(hours=24),
    },
):
    extract = StageOperator(task_id="extract", module="spark_jobs.extract", pool="spark")
    annotate = StageOperator(
        task_id="annotate", module="spark_jobs.annotate", inputs=made_by(("documents",)), pool="spark"
    )
    deduplicate = StageOperator(
        task_id="deduplicate", module="spark_jobs.deduplicate", pool="spark",
        inputs=made_by(("documents", "lines", "minhash")),
    )  # fmt: skip
    decide = StageOperator(
        task_id="decide", module="spark_jobs.decide", pool="spark",
        inputs=made_by(("documents", *SIGNAL_FAMILIES, "duplicates")),
    )  # fmt: skip
    curate = StageOperator(
        task_id="curate", module="spark_jobs.curate", pool="spark",
        inputs=made_by(("documents", "heuristics", "lines", "minhash", "boilerplate", "decisions")),
    )  # fmt: skip
    measure = StageOperator(task_id="measure", module="quality.measure", inputs=MEASURED, pool="default_pool")
    gate = StageOperator(
        task_id="gate", module="quality.gate", inputs=JUDGED, options={"kind": "snapshot"}, pool="default_pool"
    )
    release = StageOperator(
        task_id="release", module="gristmill.release", inputs=JUDGED, outlets=[RELEASES], pool="default_pool"
    )
    report = StageOperator(
        task_id="report", module="quality.report", inputs=JUDGED, allow_missing=True, pool="default_pool",
        trigger_rule=TriggerRule.ALL_DONE,
    )  # fmt: skip
    # A run's state is that of its leaves; the report alone would turn a blocked run green.
    finish = EmptyOperator(task_id="finish", pool="default_pool")

    chain(extract, annotate, deduplicate, decide, curate, measure, gate, release, report, finish)
    release >> finish
