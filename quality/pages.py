"""The web pages of the reports: a list, and each report by snapshot and run. Script-free, and they say so."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
        """All reports, newest first; for a run that has one report, that report."""
        lake = open_lake()
        found = [r for r in pointers(lake) if run_id in ("", r["run_id"])]
        if run_id and len(found) == 1:
            return _report(lake, found[0])
        base = request.scope.get("root_path", "").rstrip("/")
        rows = "".join(_row(base, r) for r in found)
        return _page(_INDEX.replace("ROWS", rows or "<tr><td colspan='4'>No report yet.</td></tr>"))

    @app.get("/reports/{snapshot}/{key}", response_class=HTMLResponse)
    def report(snapshot: str, key: str) -> HTMLResponse:
        """One report; only what a pointer names is ever served."""
        lake = open_lake()
        for found in pointers(lake):
            if (found["snapshot"], found["key"]) == (snapshot, key):
                return _report(lake, found)
        raise HTTPException(404, "no such report", headers=HEADERS)

    return app


def _row(base: str, found: Mapping[str, str]) -> str:
    """One line of the list; every value in it is escaped."""
    link = f"{base}/reports/{found['snapshot']}/{found['key']}"
    snapshot, verdict, written, run_id = (escape(found[k]) for k in ("snapshot", "verdict", "written", "run_id"))
    badge = f"<span class='badge {verdict.replace(' ', '-')}'>{verdict}</span>"
    cells = (f"<a href='{escape(link)}'>{snapshot}</a>", badge, written.replace("T", " ").partition("+")[0], run_id)
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _report(lake: Lake, found: Mapping[str, str]) -> HTMLResponse:
    return _page(lake.path(lake.manifest(found["report"]).files[0]).read_text(encoding="utf-8"))


def _page(html: str) -> HTMLResponse:
    return HTMLResponse(html, headers=HEADERS)


_INDEX = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Data quality</title><style>
body { font: 15px/1.5 system-ui, sans-serif; color: #1d2a33; background: #f5f7f8; margin: 28px auto;
  max-width: 1000px; }
table { background: #fff; border: 1px solid #dde3e7; border-radius: 8px; width: 100%; border-spacing: 0; }
th { text-align: left; color: #5c6b75; } th, td { padding: 8px 14px; border-bottom: 1px solid #edf0f2; }
.badge { padding: 1px 10px; border-radius: 12px; color: #fff; font-size: 13px; font-weight: 600;
  background: #5c6b75; }
.pass { background: #3f7d3a; }
.warn { background: #b8862b; } .block { background: #b23a32; } .error { background: #7a2c6b; }
</style></head><body><h1>Data quality reports</h1>
<table><tr><th>snapshot</th><th>verdict</th><th>written (UTC)</th><th>run</th></tr>ROWS</table>
</body></html>
"""
