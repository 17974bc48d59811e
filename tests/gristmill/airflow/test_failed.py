"""Failed tasks: the profile's notifiers hear of each once, with a link and without a word of its error."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytestmark = pytest.mark.airflow

pytest.importorskip("airflow")
from gristmill.airflow import links  # noqa: E402
from gristmill.airflow.failed import task_failed  # noqa: E402
from gristmill.airflow.operators import GateOperator, StageOperator  # noqa: E402


@pytest.fixture(autouse=True)
def _profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(
        f"{{work_dir: {tmp_path}, lake: l, policy: p, gates: g, mix: m, pretrain: t,"
        "alerts: [{kind: log, events: [failed]}]}"
    )
    monkeypatch.setenv("GRISTMILL_PROFILE", str(path))
    monkeypatch.setattr(links, "conf", SimpleNamespace(get=lambda *names, fallback: "http://127.0.0.1:8080/"))


def context(task: Any, key: str | None = "snap") -> dict[str, Any]:
    run = SimpleNamespace(dag_id="crawl_snapshot", run_id="manual__a b", partition_key=key)
    return {"dag_run": run, "task": task, "exception": ValueError("crawled words")}


@pytest.mark.parametrize(("key", "scope"), [("snap", "snap"), (None, "manual__a b")])
def test_a_failed_task_is_told_with_a_link_and_without_its_error(
    caplog: pytest.LogCaptureFixture, key: str | None, scope: str
) -> None:
    task_failed(context(StageOperator(task_id="extract", module="m"), key))
    [record] = caplog.records
    said = record.getMessage()
    assert said.startswith(f"Gristmill: crawl_snapshot on {scope} failed at extract\n")
    assert said.endswith("http://127.0.0.1:8080/dags/crawl_snapshot/runs/manual__a%20b")
    assert "crawled" not in said


def test_a_gate_that_judged_has_told_itself_and_one_that_did_not_is_told(caplog: pytest.LogCaptureFixture) -> None:
    gate = GateOperator(task_id="gate", module="m")
    gate.summary = {"subject": "5" * 64}
    task_failed(context(gate))
    assert caplog.records == []
    task_failed(context(GateOperator(task_id="gate", module="m")))
    assert len(caplog.records) == 1
