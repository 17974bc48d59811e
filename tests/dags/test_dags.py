"""The DAG files: light to parse, complete in what an operator relies on, red when they should be."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gristmill.profile import PROJECT

pytestmark = pytest.mark.airflow

INSPECT = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(dag_folder=sys.argv[1])
print(json.dumps({
    "errors": bag.import_errors,
    "heavy": sorted({"pyspark", "torch", "pandas", "deepspeed", "pyarrow.parquet"} & set(sys.modules)),
    "dags": {d.dag_id: {
        "deadlines": [alert.name for alert in d.deadline or []],
        "max_active_runs": d.max_active_runs, "tags": sorted(d.tags), "doc": bool(d.doc_md),
        "native": d.render_template_as_native_obj, "params": sorted(d.params),
        "tasks": {t.task_id: {
            "pool": t.pool, "retries": t.retries, "owner": t.owner, "timeout": t.execution_timeout is not None,
            "rule": t.trigger_rule.value, "leaf": not t.downstream_list, "up": sorted(t.upstream_task_ids),
            "told": [call.__name__ for call in t.on_failure_callback],
            "outlets": [o.name for o in t.outlets], "links": [link.name for link in t.operator_extra_links],
        } for t in d.tasks},
    } for d in bag.dags.values()},
}), file=sys.stderr)
"""


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a fresh process finds in the DAG folder."""
    home = str(tmp_path_factory.mktemp("home"))
    environment = {**os.environ, "AIRFLOW_HOME": home, "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    command = [sys.executable, "-c", INSPECT, str(PROJECT / "dags")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stderr.strip().splitlines()[-1])
    return found


def test_three_dags_and_no_import_error(bag: dict[str, Any]) -> None:
    assert bag["errors"] == {}
    assert sorted(bag["dags"]) == ["corpus_ready", "crawl_snapshot", "pretrain"]


def test_parsing_imports_nothing_heavy(bag: dict[str, Any]) -> None:
    assert bag["heavy"] == []


def test_every_task_has_what_an_operator_relies_on(bag: dict[str, Any]) -> None:
    for dag in bag["dags"].values():
        assert dag["max_active_runs"] == 1
        assert dag["doc"]
        assert "gristmill" in dag["tags"]
        assert dag["native"] is False, "native rendering is not sandboxed"
        for task in dag["tasks"].values():
            assert task["retries"] >= 1
            assert task["timeout"]
            assert task["owner"] != "airflow"
            assert task["pool"] in ("spark", "training", "default_pool")


def test_spark_and_training_share_their_pools(bag: dict[str, Any]) -> None:
    pools = {name: {t for dag in bag["dags"].values() for t, task in dag["tasks"].items() if task["pool"] == name}
             for name in ("spark", "training")}  # fmt: skip
    assert pools["spark"] == {"extract", "annotate", "deduplicate", "decide", "curate", "mix", "tokenize"}
    assert pools["training"] == {"train", "evaluate"}


def test_the_report_runs_after_any_failure_and_the_last_leaf_gives_the_colour(bag: dict[str, Any]) -> None:
    tasks = bag["dags"]["crawl_snapshot"]["tasks"]
    assert [name for name, task in tasks.items() if task["leaf"]] == ["finish"]
    assert {tasks[name]["rule"] for name in ("report", "last_report")} == {"all_done"}
    assert {tasks[name]["rule"] for name in ("approval", "release", "finish")} == {"all_success"}
    assert tasks["finish"]["up"] == ["last_report", "release"]


def test_the_report_is_published_before_anybody_waits_and_again_at_the_end(bag: dict[str, Any]) -> None:
    tasks = bag["dags"]["crawl_snapshot"]["tasks"]
    assert tasks["report"]["up"] == ["gate"]
    assert tasks["release"]["up"] == ["approval"]
    assert tasks["last_report"]["up"] == ["release"]


def test_a_report_that_fails_stops_no_snapshot_and_a_gate_that_fails_does(bag: dict[str, Any]) -> None:
    tasks = bag["dags"]["crawl_snapshot"]["tasks"]
    assert (tasks["approval"]["up"], tasks["approval"]["rule"]) == (["gate", "reported"], "all_success")
    assert (tasks["reported"]["up"], tasks["reported"]["rule"]) == (["report"], "all_done")


def test_each_gate_of_training_is_followed_by_its_approval(bag: dict[str, Any]) -> None:
    tasks = bag["dags"]["pretrain"]["tasks"]
    assert (tasks["approve_tokens"]["up"], tasks["train"]["up"]) == (["gate_tokens"], ["approve_tokens"])
    assert (tasks["approve_model"]["up"], tasks["promote"]["up"]) == (["gate_model"], ["approve_model"])


def test_gates_approvals_and_reports_link_to_the_report(bag: dict[str, Any]) -> None:
    linked = {name for dag in bag["dags"].values() for name, task in dag["tasks"].items()
              if "Quality report" in task["links"]}  # fmt: skip
    assert linked == {
        "gate", "approval", "report", "last_report", "gate_tokens", "approve_tokens", "gate_model", "approve_model"
    }  # fmt: skip


@pytest.mark.parametrize("dag", ["crawl_snapshot", "pretrain"])
def test_a_run_that_takes_too_long_is_noticed(bag: dict[str, Any], dag: str) -> None:
    assert bag["dags"][dag]["deadlines"] == ["late"]


def test_every_task_that_fails_is_told(bag: dict[str, Any]) -> None:
    tasks = {**bag["dags"]["crawl_snapshot"]["tasks"], **bag["dags"]["pretrain"]["tasks"]}
    assert [name for name, task in tasks.items() if task["told"] != ["task_failed"]] == []


def test_only_the_release_announces_a_snapshot(bag: dict[str, Any]) -> None:
    tasks = [item for dag in bag["dags"].values() for item in dag["tasks"].items()]
    announced = {name: task["outlets"] for name, task in tasks if task["outlets"]}
    assert announced == {"release": ["gristmill_releases"]}


def test_dag_files_stay_declarations() -> None:
    for path in Path(PROJECT / "dags").glob("*.py"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 120, path
