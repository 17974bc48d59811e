"""Late runs and links: what Airflow is given, and what the profile's notifiers are told."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytestmark = pytest.mark.airflow

pytest.importorskip("airflow")
from gristmill.airflow import links  # noqa: E402
from gristmill.airflow.late import deadline, run_is_late  # noqa: E402
from gristmill.airflow.links import ReportLink, report_url, run_url  # noqa: E402


@pytest.fixture(autouse=True)
def _address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "conf", SimpleNamespace(get=lambda *names, fallback: "http://127.0.0.1:8080/"))


@pytest.fixture
def profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "p.yaml"
    path.write_text(
        f"{{work_dir: {tmp_path}, lake: l, policy: p, gates: g, mix: m, pretrain: t, airflow: {{late_hours: 3}},"
        "alerts: [{kind: log, events: [late]}]}"
    )
    monkeypatch.setenv("GRISTMILL_PROFILE", str(path))
    return path


def test_the_deadline_is_the_profiles_and_needs_no_triggerer(profile: Path) -> None:
    found = deadline()
    assert found.interval == timedelta(hours=3)
    assert type(found.callback).__name__ == "SyncCallback"
    assert found.callback.path == "gristmill.airflow.late.run_is_late"


def test_a_late_run_is_told_with_a_link_unless_it_has_ended(profile: Path, caplog: pytest.LogCaptureFixture) -> None:
    run = {"dag_id": "crawl_snapshot", "dag_run_id": "manual__a b", "partition_key": "snap", "state": "failed"}
    run_is_late(context={"dag_run": run, "deadline": {}})
    assert caplog.records == []
    run["state"] = "running"
    run_is_late(context={"dag_run": run, "deadline": {}})
    [record] = caplog.records
    assert "crawl_snapshot on snap is late" in record.getMessage()
    assert record.getMessage().endswith("http://127.0.0.1:8080/dags/crawl_snapshot/runs/manual__a%20b")


def test_links_quote_what_a_user_may_have_named() -> None:
    assert report_url("a b&c", "snapshot") == "http://127.0.0.1:8080/quality/?run_id=a%20b%26c"
    assert report_url("../x?y", "run") == "http://127.0.0.1:8080/quality/runs/..%2Fx%3Fy"
    assert run_url("d", "a/b#") == "http://127.0.0.1:8080/dags/d/runs/a%2Fb%23"


@pytest.mark.parametrize(("scope", "end"), [("snapshot", "?run_id=r"), ("run", "runs/r")])
def test_the_button_of_a_task_opens_the_runs_page(scope: str, end: str) -> None:
    operator: Any = SimpleNamespace(scope=scope)
    key: Any = SimpleNamespace(run_id="r")
    assert ReportLink().get_link(operator, ti_key=key).endswith(f"/quality/{end}")
