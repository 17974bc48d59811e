"""What Airflow loads at start: the timetable, the link to a report, and the web pages that the rooms register.

Fails closed.
"""

from __future__ import annotations

import logging
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from airflow.plugins_manager import AirflowPlugin

from gristmill.airflow.links import ReportLink
from gristmill.airflow.timetable import SnapshotTimetable

log = logging.getLogger(__name__)


class Unguarded(ValueError):
    """A page that would answer without a check of who asks."""


def require_guard(app: Any) -> None:
    """Refuse a FastAPI app that has no application-level dependency, or whose schema pages, which such
    dependencies do not guard, are on. Raises Unguarded."""
    if not app.router.dependencies:
        raise Unguarded("the app has no dependency that checks the user")
    if app.docs_url or app.redoc_url or app.openapi_url:
        raise Unguarded("set docs_url, redoc_url and openapi_url to None")


def pages(entries: list[EntryPoint]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """(fastapi_apps, external_views) of the entry points; one that fails is left out, with its views."""
    apps: list[dict[str, Any]] = []
    views: list[dict[str, Any]] = []
    for entry in entries:
        try:
            module = entry.load()
            require_guard(module.APP["app"])
        except Exception:
            log.exception("page '%s' is not shown", entry.name)
            continue
        apps.append(module.APP)
        views.extend(module.VIEWS)
    return apps, views


_APPS, _VIEWS = pages(list(entry_points(group="gristmill.airflow_apps")))


class GristmillPlugin(AirflowPlugin):
    """Registered under the entry point group `airflow.plugins`."""

    name = "gristmill"
    timetables = [SnapshotTimetable]  # noqa: RUF012  (Airflow's own attribute)
    operator_extra_links = [ReportLink()]  # noqa: RUF012
    fastapi_apps = _APPS
    external_views = _VIEWS
