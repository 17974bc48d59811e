"""The installed Airflow plugin: the timetable, and the web pages that the rooms register."""

from __future__ import annotations

import logging
from importlib.metadata import entry_points
from typing import Any

from airflow.plugins_manager import AirflowPlugin

from gristmill.airflow.timetable import CrawlSnapshotTimetable

log = logging.getLogger(__name__)


def _pages() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """(apps, views) of the entry points `gristmill.airflow_apps`; one that cannot be loaded is left out, loudly."""
    apps, views = [], []
    for entry in entry_points(group="gristmill.airflow_apps"):
        try:
            module = entry.load()
        except Exception:
            log.exception("web page '%s' cannot be loaded and is not shown", entry.name)
            continue
        apps.append(module.APP)
        views.extend(module.VIEWS)
    return apps, views


class GristmillPlugin(AirflowPlugin):
    """What Airflow loads through the entry point `airflow.plugins`."""

    name = "gristmill"
    timetables = [CrawlSnapshotTimetable]  # noqa: RUF012
    fastapi_apps, external_views = _pages()
