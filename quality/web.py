"""The reports inside the Airflow UI: what the plugin mounts, and who may see and do what. Fails closed."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from urllib.parse import urlsplit

from fastapi import Depends, HTTPException, Request

from gristmill.lake import Lake
from gristmill.profile import load_profile
from quality.forms import Forms
from quality.web_app import Access, create_app

PREFIX = "/quality"
DAG = "crawl_snapshot"
"""Who may read this DAG may read what it reports."""

TRAINING_DAG = "pretrain"
"""Who may also read this one may read about training runs."""


def access() -> Access:
    """Airflow's login, roles, users and secret key; without Airflow nobody may see anything."""
    try:
        from airflow.api_fastapi.auth.managers.models.resource_details import AccessView
        from airflow.api_fastapi.core_api.security import get_user, requires_access_dag, requires_access_view
        from airflow.configuration import conf
    except ImportError:
        return Access([Depends(_refuse)], _refuse, tuple, Forms(b""))

    asks = Depends(get_user)

    def who(user: Any = asks) -> str:
        return str(user.get_name())

    may_see_training = requires_access_dag("GET", param_dag_id=TRAINING_DAG)

    def sees_training(request: Request, user: Any = asks) -> bool:
        try:
            may_see_training(request, user)
        except HTTPException:
            return False
        return True

    guards = [
        Depends(requires_access_view(AccessView.PLUGINS)),
        Depends(requires_access_dag("GET", param_dag_id=DAG)),
    ]
    secret = f"gristmill forms {conf.get('api', 'secret_key')}".encode()
    address = urlsplit(conf.get("api", "base_url", fallback="")).netloc
    return Access(guards, who, _reviewers, Forms(secret), {address} - {""}, sees_training)


def _refuse() -> str:
    raise HTTPException(403, "reports are shown inside Airflow only")


def _reviewers() -> Collection[str]:
    return load_profile().airflow.reviewers


def _open_lake() -> Lake:
    return Lake.open(load_profile())


APP = {"app": create_app(access(), _open_lake), "url_prefix": PREFIX, "name": "Gristmill data quality"}

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
