"""The reports inside the Airflow UI: what the plugin mounts, and who may see it. Fails closed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import Depends, HTTPException

from gristmill.lake import Lake
from gristmill.profile import load_profile
from quality.pages import create_app

PREFIX = "/quality"


def guards() -> Sequence[Any]:
    """Dependencies that let in only those who may see plugins; without Airflow nobody may."""
    try:
        from airflow.api_fastapi.auth.managers.models.resource_details import AccessView
        from airflow.api_fastapi.core_api.security import requires_access_view
    except ImportError:
        return [Depends(_refuse)]
    return [Depends(requires_access_view(AccessView.PLUGINS))]


def _refuse() -> None:
    raise HTTPException(403, "reports are shown inside Airflow only")


def _open_lake() -> Lake:
    return Lake.open(load_profile())


APP = {"app": create_app(guards(), _open_lake), "url_prefix": PREFIX, "name": "Gristmill data quality"}

VIEWS = [
    {
        "name": "Data quality", "href": f"{PREFIX}/", "destination": "nav", "category": "browse",
        "url_route": "data-quality",
    },
    {
        "name": "Data quality", "href": f"{PREFIX}/?run_id={{RUN_ID}}", "destination": "dag_run",
        "url_route": "data-quality-run",
    },
]  # fmt: skip
