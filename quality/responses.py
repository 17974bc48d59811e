"""What the web app answers: pages whose headers forbid every script and everything from elsewhere, errors too."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response
from starlette.exceptions import HTTPException

from gristmill.errors import UserError
from gristmill.lake import LakeError
from gristmill.storage import StorageError
from quality.forms import ForgedError
from quality.views.compare import NoSuchReport
from quality.views.layout import page as framed
from quality.views.links import web
from quality.views.training import NoSuchRun

HEADERS = {
    # A page inside Airflow's UI has the UI's origin: nothing in it may run. Forms lead back to this server alone.
    "Content-Security-Policy": "sandbox allow-same-origin allow-forms; default-src 'none'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data:; form-action 'self'; frame-ancestors 'self'; "
    "base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    # With no-referrer, browsers hide the origin of a form from this server too.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_TITLES = {
    400: "This cannot be answered", 401: "Log in first", 403: "Not allowed", 404: "Not found",
    405: "Not this way", 413: "Too much", 415: "Not a form", 503: "The lake cannot be read",
}  # fmt: skip
_STATUS: tuple[tuple[tuple[type[UserError], ...], int], ...] = (
    ((LakeError, StorageError), 503), ((ForgedError,), 403), ((NoSuchReport, NoSuchRun), 404),
)  # fmt: skip
"""Kinds of errors and their status; any other UserError says what is wrong with the request."""

_BROKEN = "Something failed here that is no fault of yours; the log of Airflow's API server says what."


def shown(html: str, status: int = 200, headers: Mapping[str, str] | None = None) -> HTMLResponse:
    """A page."""
    return HTMLResponse(html, status, {**(headers or {}), **HEADERS})


def base_of(request: Request) -> str:
    """The path at which the app is mounted, without a slash at its end."""
    return str(request.scope.get("root_path", "")).rstrip("/")


def answer_errors(app: FastAPI) -> None:
    """Errors become pages that a person can read; what was asked for is not repeated in them."""

    def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return _error(request, error.status_code, str(error.detail), error.headers)

    def said(request: Request, error: Exception) -> Response:
        return _error(request, next((s for kinds, s in _STATUS if isinstance(error, kinds)), 400), str(error))

    def broken(request: Request, error: Exception) -> Response:
        return _error(request, 500, _BROKEN)

    app.add_exception_handler(HTTPException, refused)
    app.add_exception_handler(UserError, said)
    app.add_exception_handler(Exception, broken)


def _error(request: Request, status: int, sentence: str, headers: Mapping[str, str] | None = None) -> HTMLResponse:
    title = _TITLES.get(status, "An error")
    html = framed("error.html", title, web(base_of(request)), sentence=sentence)
    return shown(html, status, headers)
