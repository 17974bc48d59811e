"""The web pages: who may see them, what they answer, and what they never serve."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import pytest
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.testclient import TestClient

from quality import report
from quality.pages import create_app

SECRET = "what a path must not reach"


def _guard(request: Request) -> None:
    if request.headers.get("authorization") != "let me in":
        raise HTTPException(401, "who are you")


@pytest.fixture
def client(mill: Any) -> TestClient:
    """An app that knows one user, on a lake with two reports and a secret beside them."""
    report.publish(mill.lake, "tiny", "run one", "<!doctype html><p>page one</p>", {})
    report.publish(mill.lake, "tiny", "<script>2</script>", "<!doctype html><p>page two</p>", {})
    (mill.lake.storage.root / "secret.html").write_text(SECRET)
    (mill.lake.storage.root.parent / "secret.json").write_text(SECRET)
    return TestClient(create_app([Depends(_guard)], lambda: mill.lake), headers={"authorization": "let me in"})


def key_of(mill: Any, run_id: str) -> str:
    [key] = [pointer["key"] for pointer in report.pointers(mill.lake) if pointer["run_id"] == run_id]
    return str(key)


def test_nobody_without_permission_sees_anything(client: TestClient, mill: Any) -> None:
    for path in ("/", "/?run_id=run one", f"/reports/tiny/{key_of(mill, 'run one')}", "/reports/tiny/absent"):
        answer = client.get(path, headers={"authorization": "a guess"})
        assert answer.status_code == 401
        assert "page" not in answer.text
        assert "tiny" not in answer.text
    for path in ("/docs", "/redoc", "/openapi.json"):
        assert client.get(path).status_code == 404


def test_every_page_forbids_scripts_and_what_is_elsewhere(client: TestClient, mill: Any) -> None:
    for path in ("/", f"/reports/tiny/{key_of(mill, 'run one')}", "/reports/tiny/absent"):
        headers = client.get(path).headers
        policy = {part.split()[0]: part.split()[1:] for part in headers["content-security-policy"].split(";")}
        assert policy["default-src"] == ["'none'"]
        assert policy["sandbox"] == ["allow-same-origin"]
        assert policy["frame-ancestors"] == ["'self'"]
        assert "script-src" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"


def test_the_list_links_to_every_report_below_where_it_is_mounted(client: TestClient, mill: Any) -> None:
    outer = FastAPI()
    outer.mount("/quality", client.app)
    mounted = TestClient(outer, headers=client.headers)
    page = mounted.get("/quality/").text
    links = [part.split("'")[0] for part in page.split("href='")[1:]]
    assert sorted(mounted.get(link).text for link in links) == [
        "<!doctype html><p>page one</p>", "<!doctype html><p>page two</p>",
    ]  # fmt: skip
    assert "<script>" not in page
    assert "&lt;script&gt;2&lt;/script&gt;" in page


def test_a_run_with_one_report_shows_it_at_once(client: TestClient) -> None:
    assert client.get("/", params={"run_id": "run one"}).text == "<!doctype html><p>page one</p>"
    assert "No report yet" in client.get("/", params={"run_id": "<b>"}).text
    assert "<b>" not in client.get("/", params={"run_id": "<b>"}).text


def test_the_list_says_each_verdict(client: TestClient, mill: Any) -> None:
    report.publish(mill.lake, "tiny", "run three", "page three", {}, "block")
    page = client.get("/").text
    assert "<span class='badge block'>block</span>" in page
    assert page.count("not judged") == 2


@pytest.mark.parametrize(
    ("snapshot", "key"),
    [
        ("tiny", "absent"),
        ("..", "secret"),
        ("tiny", "..%2f..%2fsecret"),
        ("tiny", "%2e%2e%2fsecret.html"),
        ("%2e%2e", "%2e%2e%2fsecret.json"),
        ("tiny%2f..", "secret.html"),
        ("%2fetc", "passwd"),
        ("tiny", "%00"),
        ("tiny", "*"),
        ("", ""),
        ("tiny", "x" * 5000),
    ],
)
def test_only_what_a_pointer_names_is_served(client: TestClient, snapshot: str, key: str) -> None:
    answer = client.get(f"/reports/{snapshot}/{key}")
    assert answer.status_code == 404
    assert SECRET not in answer.text
    assert "root:" not in answer.text


def test_a_link_to_a_report_of_another_snapshot_is_not_followed(client: TestClient, mill: Any) -> None:
    assert client.get(f"/reports/other/{key_of(mill, 'run one')}").status_code == 404


def test_without_airflow_nobody_is_let_in(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name == "airflow" or name.startswith("airflow.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "airflow", None)
    monkeypatch.delitem(sys.modules, "quality.web", raising=False)
    web = importlib.import_module("quality.web")
    monkeypatch.delitem(sys.modules, "quality.web")
    client = TestClient(web.APP["app"])
    for path in ("/", "/reports/tiny/x"):
        assert client.get(path).status_code == 403
    assert web.APP["url_prefix"] == "/quality"
    assert all(view["href"].startswith("/quality/") for view in web.VIEWS)
