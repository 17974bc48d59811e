"""The plugin shows guarded pages only."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points

import pytest
from fastapi import Depends, FastAPI

pytestmark = pytest.mark.airflow

pytest.importorskip("airflow")
from gristmill.airflow.links import ReportLink  # noqa: E402
from gristmill.airflow.plugin import GristmillPlugin, Unguarded, pages, require_guard  # noqa: E402
from gristmill.airflow.timetable import SnapshotTimetable  # noqa: E402

GUARD = [Depends(lambda: None)]


def test_an_app_without_a_guard_or_with_schema_pages_is_refused() -> None:
    with pytest.raises(Unguarded, match="no dependency"):
        require_guard(FastAPI(docs_url=None, redoc_url=None, openapi_url=None))
    with pytest.raises(Unguarded, match="openapi_url"):
        require_guard(FastAPI(dependencies=GUARD, docs_url=None, redoc_url=None))
    require_guard(FastAPI(dependencies=GUARD, docs_url=None, redoc_url=None, openapi_url=None))


def test_a_page_that_cannot_be_imported_is_left_out() -> None:
    assert pages([EntryPoint("broken", "no_such_module", "gristmill.airflow_apps")]) == ([], [])


def test_the_installed_plugin_has_the_timetable_and_the_quality_pages() -> None:
    [entry] = [e for e in entry_points(group="airflow.plugins") if e.name == "gristmill"]
    assert entry.load() is GristmillPlugin
    assert GristmillPlugin.timetables == [SnapshotTimetable]
    assert [type(link) for link in GristmillPlugin.operator_extra_links] == [ReportLink]
    assert [app["url_prefix"] for app in GristmillPlugin.fastapi_apps] == ["/quality"]
    assert {view["destination"] for view in GristmillPlugin.external_views} == {"nav", "dag_run"}
