"""The web pages of the reports: a list, and each report by snapshot and run. Script-free, and they say so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse

from gristmill.lake import Lake
from quality.report import pointers

HEADERS = {
    # A page inside Airflow's UI has the UI's origin: nothing in it may run.
    "Content-Security-Policy": "sandbox allow-same-origin; default-src 'none'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def create_app(dependencies: Sequence[Any], open_lake: Callable[[], Lake]) -> FastAPI:
    """The app; `dependencies` decide who may see any of it."""
    app = FastAPI(dependencies=list(dependencies), docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/", response_class=HTMLResponse)
    def index(request: Request, run_id: str = "") -> HTMLResponse:
        """All reports; those of one run when `run_id` is given."""
        base = request.scope.get("root_path", "").rstrip("/")
        found = [r for r in pointers(open_lake()) if run_id in ("", r["run_id"])]
        rows = "".join(_row(base, r["snapshot"], r["run_id"], r["key"]) for r in found)
        return _page(_INDEX.replace("ROWS", rows or "<tr><td colspan='2'>No report yet.</td></tr>"))

    @app.get("/reports/{snapshot}/{key}", response_class=HTMLResponse)
    def report(snapshot: str, key: str) -> HTMLResponse:
        """One report; only what a pointer names is ever served."""
        lake = open_lake()
        for found in pointers(lake):
            if (found["snapshot"], found["key"]) == (snapshot, key):
                entry = lake.manifest(found["report"]).files[0]
                return _page(lake.path(entry).read_text(encoding="utf-8"))
        raise HTTPException(404, "no such report", headers=HEADERS)

    return app


def _row(base: str, snapshot: str, run_id: str, key: str) -> str:
    link = f"{base}/reports/{snapshot}/{key}"
    return f"<tr><td><a href='{escape(link)}'>{escape(snapshot)}</a></td><td>{escape(run_id)}</td></tr>"


def _page(html: str) -> HTMLResponse:
    return HTMLResponse(html, headers=HEADERS)


_INDEX = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Data quality</title><style>
body { font: 15px/1.5 system-ui, sans-serif; color: #1d2a33; background: #f5f7f8; margin: 28px auto; max-width: 900px; }
table { background: #fff; border: 1px solid #dde3e7; border-radius: 8px; width: 100%; border-spacing: 0; }
th { text-align: left; color: #5c6b75; } th, td { padding: 8px 14px; border-bottom: 1px solid #edf0f2; }
</style></head><body><h1>Data quality reports</h1><table><tr><th>snapshot</th><th>run</th></tr>ROWS</table>
</body></html>
"""
