"""crawl_snapshot: one crawl snapshot, from WARC files to a judged release."""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Asset, TriggerRule, chain

from gristmill.airflow.approval import ApprovalOperator
from gristmill.airflow.failed import task_failed
from gristmill.airflow.late import deadline
from gristmill.airflow.operators import GateOperator, ReportOperator, StageOperator
from gristmill.airflow.timetable import SnapshotTimetable
from gristmill.datasets import MADE_BY, SIGNAL_FAMILIES, made_by
from gristmill.scores import ALL

DOCUMENTATION = """
One run per snapshot of the catalogue (`gristmill snapshot list`); the snapshot's id is the run's **partition key**.

* **Backfill**: Trigger -> Backfill, the snapshots' dates as bounds; or `gristmill backfill --from --to`.
* **One snapshot**: Trigger -> Advanced Options -> partition key.
* The **report** is published whatever happens, before anybody waits (tab *Data quality* of the run), and once more at
  the end, with the answer and the release.
* If the **gate** blocks, nothing is released and nothing downstream starts: see docs/gate-blocked.md.
* If it warns, **approval** waits for a reviewer (button *Required Actions*): see docs/approval.md.
* Clearing or repeating a run is cheap: units of work that are done are reused.
"""

RELEASES = Asset(name="gristmill_releases", uri="gristmill://releases", group="gristmill")
SCORES = {ALL: "annotate"}
JUDGED = MADE_BY | SCORES
MEASURED = {name: task for name, task in MADE_BY.items() if task != "measure"} | SCORES

with DAG(
    dag_id="crawl_snapshot",
    schedule=SnapshotTimetable(),
    start_date=datetime(2013, 1, 1),
    max_active_runs=1,
    tags=["gristmill", "data"],
    doc_md=DOCUMENTATION,
    deadline=deadline(),
    default_args={
        "owner": "data-engineering",
        "retries": 1,
        "retry_delay": timedelta(seconds=10),
        "execution_timeout": timedelta(hours=24),
        "on_failure_callback": task_failed,
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
        inputs=made_by(("documents", *SIGNAL_FAMILIES, "duplicates")) | SCORES,
    )  # fmt: skip
    curate = StageOperator(
        task_id="curate", module="spark_jobs.curate", pool="spark",
        inputs=made_by(("documents", "heuristics", "lines", "minhash", "boilerplate", "decisions")),
    )  # fmt: skip
    measure = StageOperator(task_id="measure", module="quality.measure", inputs=MEASURED, pool="default_pool")
    gate = GateOperator(
        task_id="gate", module="quality.gate", inputs=JUDGED, options={"kind": "snapshot"}, pool="default_pool"
    )
    report, last_report = (
        ReportOperator(
            task_id=name, module="quality.report", inputs=JUDGED, allow_missing=True, pool="default_pool",
            trigger_rule=TriggerRule.ALL_DONE,
        )
        for name in ("report", "last_report")
    )  # fmt: skip
    # Approval waits for the report's end, however it ended: a page that cannot be made stops no snapshot.
    reported = EmptyOperator(task_id="reported", pool="default_pool", trigger_rule=TriggerRule.ALL_DONE)
    approval = ApprovalOperator(task_id="approval", kind="snapshot", inputs=JUDGED, pool="default_pool")
    release = StageOperator(
        task_id="release", module="gristmill.release", inputs=JUDGED, outlets=[RELEASES], pool="default_pool"
    )
    # A run's state is that of its leaves; a report alone would turn a blocked run green.
    finish = EmptyOperator(task_id="finish", pool="default_pool")

    chain(extract, annotate, deduplicate, decide, curate, measure, gate, report, reported)
    chain(reported, approval, release, last_report, finish)
    gate >> approval
    release >> finish
