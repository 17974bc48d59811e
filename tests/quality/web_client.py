"""What the tests of the web app share: an app with made-up users, and a lake with reports and samples."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, HTTPException, Request
from fastapi.testclient import TestClient

from quality import archive, samples
from quality.forms import Forms
from quality.web_app import Access, create_app
from tests.quality.conftest import DOCUMENTS, Mill, doc_id, make_mill
from tests.quality.views.pages import Page

ORIGIN = {"origin": "http://testserver"}


def _who(request: Request) -> str:
    """Who the test says that it is; nobody without it."""
    name = request.headers.get("x-user", "")
    if not name:
        raise HTTPException(401, "who are you", {"WWW-Authenticate": "test"})
    return name


def _guard(who: Annotated[str, Depends(_who)]) -> None:
    if who == "stranger":
        raise HTTPException(403, "not your mill")


def _sees_training(who: Annotated[str, Depends(_who)]) -> bool:
    return who != "guest"


ACCESS = Access([Depends(_guard)], _who, lambda: ["ann", "bob"], Forms(b"the server's"), (), _sees_training)
"""Everybody with a name may read, but a stranger; a guest nothing about training; two may mark."""


def client_of(mill: Mill) -> TestClient:
    """Ann in front of the app."""
    app = create_app(ACCESS, lambda: mill.lake)
    return TestClient(app, headers={"x-user": "ann"}, raise_server_exceptions=False)


def published(mill: Mill, run_id: str = "run one", html: str = "<!doctype html><p>page one</p>") -> str:
    """A report with samples of the mill's datasets; their digest."""
    digest = samples.build(mill.lake, "tiny", mill.digests, {})
    archive.publish(
        mill.lake, "tiny", run_id, html, {}, facts={"samples": digest, "metrics": mill.digests.get("metrics")}
    )
    assert digest is not None
    return digest


def key_of(mill: Mill, run_id: str = "run one") -> str:
    [key] = [pointer["key"] for pointer in archive.pointers(mill.lake) if pointer["run_id"] == run_id]
    return str(key)


def paths(mill: Mill) -> list[str]:
    """One of every page."""
    key = key_of(mill)
    return [
        "/", "/?run_id=run one", f"/reports/tiny/{key}", "/trend", "/compare", f"/compare?a=tiny/{key}&b=tiny/{key}",
        "/runs", f"/samples/tiny/{key}",
    ]  # fmt: skip


def form_of(client: TestClient, address: str, doc: str, **headers: str) -> dict[str, str]:
    """The fields of the form that marks a document, as a page shows them."""
    page = Page(client.get(address, headers=headers).text)
    inputs = [dict(found) for tag, found in page.tags if tag == "input"]
    token = next(i["value"] for i in inputs if i.get("name") == "token")
    filters = next(i["value"] for i in inputs if i.get("name") == "filters")
    return {"token": token or "", "filters": filters or "", "doc_id": str(doc_id(doc)), "verdict": "right", "note": ""}


def send(client: TestClient, mill: Mill, fields: Mapping[str, str], **headers: str) -> Any:
    address = f"/samples/tiny/{key_of(mill)}/mark"
    return client.post(address, data=dict(fields), headers={**ORIGIN, **headers}, follow_redirects=False)


def reader_of(folder: Path) -> tuple[Mill, TestClient]:
    """A lake with one report and its samples, for the tests that change nothing, and Ann in front of it."""
    mill = make_mill(folder, DOCUMENTS)
    mill.measure()
    published(mill)
    return mill, client_of(mill)
