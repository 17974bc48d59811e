"""The reports inside the Airflow UI: a small FastAPI app that the plugin mounts. Fails closed.

A navigation iframe may run scripts with the UI's origin, so pages are script-free and say so in their policy.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse

from gristmill.lake import Lake
from gristmill.profile import load_profile
from quality.report import pointers

PREFIX = "/quality"
HEADERS = {
    "Content-Security-Policy": "sandbox allow-same-origin; default-src 'none'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


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


def create_app(dependencies: Sequence[Any]) -> FastAPI:
    """The app: a list of reports, and each report by snapshot and run."""
    app = FastAPI(dependencies=list(dependencies), docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/", response_class=HTMLResponse)
    def index(request: Request, run_id: str = "") -> HTMLResponse:
        """All reports; those of one run when `run_id` is given."""
        found = [r for r in pointers(_lake()) if run_id in ("", r["run_id"])]
        base = request.scope.get("root_path", "").rstrip("/")
        rows = "".join(
            f"<tr><td><a href='{escape(base)}/reports/{escape(r['snapshot'])}/{escape(r['key'])}'>{escape(r['snapshot'])}</a>"
            f"</td><td>{escape(r['run_id'])}</td></tr>"
            for r in found
        )
        return _page(_INDEX.replace("ROWS", rows or "<tr><td colspan=2>No report yet.</td></tr>"))

    @app.get("/reports/{snapshot}/{key}", response_class=HTMLResponse)
    def report(snapshot: str, key: str) -> HTMLResponse:
        """One report; only what a pointer names is ever served."""
        lake = _lake()
        for found in pointers(lake):
            if (found["snapshot"], found["key"]) == (snapshot, key):
                entry = lake.manifest(found["report"]).files[0]
                return _page(lake.path(entry).read_text(encoding="utf-8"))
        raise HTTPException(404, "no such report")

    return app


def _lake() -> Lake:
    return Lake.open(load_profile())


def _page(html: str) -> HTMLResponse:
    return HTMLResponse(html, headers=HEADERS)


_INDEX = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Data quality</title><style>
body { font: 15px/1.5 system-ui, sans-serif; color: #1d2a33; background: #f5f7f8; margin: 28px auto; max-width: 900px; }
table { background: #fff; border: 1px solid #dde3e7; border-radius: 8px; width: 100%; border-spacing: 0; }
th { text-align: left; color: #5c6b75; } th, td { padding: 8px 14px; border-bottom: 1px solid #edf0f2; }
</style></head><body><h1>Data quality reports</h1><table><tr><th>snapshot</th><th>run</th></tr>ROWS</table></body></html>
"""

APP = {"app": create_app(guards()), "url_prefix": PREFIX, "name": "Gristmill data quality"}

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
