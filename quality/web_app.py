"""The web app of the reports: every page is script-free and says so, and only what a pointer names is ever served."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import parse_qsl

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from gristmill.lake import Lake
from quality.archive import pointers, read_page
from quality.forms import Forms, check_origin, read_form
from quality.marks import Mark, mark
from quality.responses import answer_errors, base_of, shown
from quality.samples_page import LONGEST, Filters, Visitor, page_number, sample_of, samples_page
from quality.views import compare, index, training, trend
from quality.views.layout import reframe
from quality.views.links import Links, web

Pointer = Mapping[str, Any]


def _nobody() -> bool:
    return False


@dataclass(frozen=True)
class Access:
    """Who may do what. `guards` are dependencies that decide who may read; `who` is one that names the reader;
    `reviewers` may mark; `origins` are further names (host:port) of the server, as browsers see it;
    `sees_training` is a dependency that says whether the reader may also read about training runs."""

    guards: Sequence[Any]
    who: Callable[..., str]
    reviewers: Callable[[], Collection[str]]
    forms: Forms
    origins: Collection[str] = ()
    sees_training: Callable[..., bool] = _nobody


def create_app(access: Access, open_lake: Callable[[], Lake]) -> FastAPI:
    """The app over the lake that `open_lake` opens, once per request."""
    app = FastAPI(dependencies=list(access.guards), docs_url=None, redoc_url=None, openapi_url=None)
    answer_errors(app)
    _reports(app, access, open_lake)
    _training(app, access, open_lake)
    _samples(app, access, open_lake)
    return app


def _reports(app: FastAPI, access: Access, open_lake: Callable[[], Lake]) -> None:
    """The list of reports, each report, and what puts several side by side."""

    @app.get("/", response_class=HTMLResponse)
    def list_of_reports(
        request: Request,
        run_id: str = "",
        snapshot: str = "",
        state: str = "",
        page: str = "",
        trainer: bool = Depends(access.sees_training),
    ) -> HTMLResponse:
        """The reports that the filters leave, newest first; for a run that has one report, that report."""
        lake = open_lake()
        if run_id and len(mine := [p for p in pointers(lake) if p["run_id"] == run_id]) == 1:
            return shown(_stored(lake, mine[0], _links(request, mine[0])))
        links = web(base_of(request))
        filters = {"snapshot": snapshot[:LONGEST], "state": state[:LONGEST], "run_id": run_id[:LONGEST]}
        return shown(index.page(lake, links, **filters, number=page_number(page), training=trainer))

    @app.get("/reports/{snapshot}/{key}", response_class=HTMLResponse)
    def report(request: Request, snapshot: str, key: str) -> HTMLResponse:
        """One report, as it was published, with the menu of the app."""
        lake = open_lake()
        found = _pointer(lake, snapshot, key)
        return shown(_stored(lake, found, _links(request, found)))

    @app.get("/trend", response_class=HTMLResponse)
    def all_snapshots(request: Request) -> HTMLResponse:
        """The figures of every release."""
        return shown(trend.page(open_lake(), web(base_of(request))))

    @app.get("/compare", response_class=HTMLResponse)
    def two_reports(request: Request, a: str = "", b: str = "") -> HTMLResponse:
        """Two reports side by side, or the form that asks which."""
        lake = open_lake()
        known = {pointer["snapshot"] for pointer in pointers(lake)}
        if any(reference and reference.partition("/")[0] not in known for reference in (a, b)):
            raise HTTPException(404, "no such report; choose two from the list")
        return shown(compare.page(lake, a, b, web(base_of(request))))


def _training(app: FastAPI, access: Access, open_lake: Callable[[], Lake]) -> None:
    """The training runs, for who may also read the DAG that trains."""

    def guard(trainer: bool = Depends(access.sees_training)) -> None:
        if not trainer:
            raise HTTPException(403, "training runs are shown to those who may read the DAG that trains")

    guards = [Depends(guard)]

    @app.get("/runs", response_class=HTMLResponse, dependencies=guards)
    def training_runs(request: Request) -> HTMLResponse:
        """All training runs."""
        return shown(training.runs_page(open_lake(), web(base_of(request))))

    @app.get("/runs/{run_id:path}", response_class=HTMLResponse, dependencies=guards)
    def training_run(request: Request, run_id: str) -> HTMLResponse:
        """One training run."""
        return shown(training.page(open_lake(), run_id, web(base_of(request))))


def _samples(app: FastAPI, access: Access, open_lake: Callable[[], Lake]) -> None:
    """The samples of a report, and the marks of reviewers."""

    @app.get("/samples/{snapshot}/{key}", response_class=HTMLResponse)
    def samples(request: Request, snapshot: str, key: str, who: str = Depends(access.who)) -> HTMLResponse:
        """Documents of a report by filters of the query string."""
        lake = open_lake()
        found = _sampled(lake, snapshot, key)
        filters = Filters.of(request.query_params)
        may = who in access.reviewers()
        visitor = Visitor(who, access.forms.token(who, _purpose(snapshot, key)) if may else "")
        links = _links(request, found)
        return shown(samples_page(lake, found, filters, links, visitor, links.samples))

    @app.post("/samples/{snapshot}/{key}/mark")
    def marked(
        request: Request,
        snapshot: str,
        key: str,
        fields: Annotated[dict[str, str], Depends(read_form)],
        who: str = Depends(access.who),
    ) -> RedirectResponse:
        """Store a reviewer's mark and show the same page again."""
        check_origin(request.headers, access.origins)
        access.forms.check(fields.get("token", ""), who, _purpose(snapshot, key))
        if who not in access.reviewers():
            raise HTTPException(403, "only the reviewers listed in the profile may mark decisions")
        lake = open_lake()
        found = _sampled(lake, snapshot, key)
        query = Filters.of(dict(parse_qsl(fields.get("filters", "")))).query()
        doc_id = _mark(lake, found, who, fields)
        address = f"{_links(request, found).samples}?{query}#d{doc_id}"
        return RedirectResponse(address, 303, headers={"Cache-Control": "no-store"})


def _mark(lake: Lake, found: Pointer, who: str, fields: Mapping[str, str]) -> int:
    """Store what the form says; the decision that it judges is read from the samples."""
    given, verdict = fields.get("doc_id", ""), fields.get("verdict", "")
    doc_id = int(given) if given.isascii() and given.isdigit() and len(given) < 20 else -1
    row = sample_of(lake, found["samples"], doc_id) if doc_id < 1 << 63 else None
    if row is None:
        raise HTTPException(404, "no such sample")
    if verdict not in ("right", "wrong"):
        raise HTTPException(400, "say whether the decision is right or wrong")
    mark(lake, Mark(
        found["snapshot"], doc_id, row["rule"], row["pick"], verdict == "right", who, row["decisions"],
        fields.get("note", ""),
    ))  # fmt: skip
    return doc_id


def _pointer(lake: Lake, snapshot: str, key: str) -> Pointer:
    """The report that is asked for; nothing of a request ever becomes a part of a path."""
    for found in pointers(lake):
        if (found["snapshot"], found["key"]) == (snapshot, key):
            return found
    raise HTTPException(404, "no such report")


def _sampled(lake: Lake, snapshot: str, key: str) -> Pointer:
    found = _pointer(lake, snapshot, key)
    if not found.get("samples"):
        raise HTTPException(404, "this report has no samples: its run did not come as far as the decisions")
    return found


def _stored(lake: Lake, found: Pointer, links: Links) -> str:
    return reframe(read_page(lake, found["report"]), links)


def _links(request: Request, found: Pointer) -> Links:
    return web(base_of(request), found["snapshot"], found["key"], bool(found.get("samples")))


def _purpose(snapshot: str, key: str) -> str:
    return f"mark {snapshot} {key}"
