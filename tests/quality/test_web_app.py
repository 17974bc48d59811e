"""The web app: who may see what, what it answers, and what it never serves."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.testclient import TestClient

from quality import archive
from quality.web_app import create_app
from tests.quality.conftest import Mill
from tests.quality.views.pages import Page, judge
from tests.quality.views.test_training import gated
from tests.quality.web_client import client_of, key_of, paths, published, reader_of, send

Reader = tuple[Mill, TestClient]
SECRET = "what a path must not reach"


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """A lake with one report and a secret beside it, the same for all tests that store nothing."""
    mill, client = reader_of(tmp_path_factory.mktemp("mill"))
    hide(mill)
    return mill, client


def hide(mill: Mill) -> None:
    """Put a secret where no request may reach it."""
    (mill.lake.storage.local_path("secret.html")).write_text(SECRET)
    (mill.profile.lake.parent / "secret.json").write_text(SECRET)


@pytest.fixture
def client(mill: Mill) -> TestClient:
    """On a lake with two reports, of which one has samples, and with a secret beside them."""
    published(mill)
    archive.publish(mill.lake, "tiny", "<script>2</script>", "<!doctype html><p>page two</p>", {})
    hide(mill)
    return client_of(mill)


def test_nobody_sees_anything_without_a_name_or_against_the_guard(reader: Reader) -> None:
    mill, client = reader
    for path in [*paths(mill), "/reports/tiny/absent", "/samples/tiny/absent"]:
        for name, status in (("", 401), ("stranger", 403)):
            answer = client.get(path, headers={"x-user": name})
            assert answer.status_code == status
            assert "page one" not in answer.text
            assert "tiny" not in answer.text
    for path in ("/docs", "/redoc", "/openapi.json"):
        assert client.get(path).status_code == 404


def test_every_page_and_every_error_forbids_scripts_and_what_is_elsewhere(client: TestClient, mill: Mill) -> None:
    asked = [client.get(path) for path in [*paths(mill), "/reports/tiny/absent", "/nothing", "/?page=x"]]
    asked += [client.get("/", headers={"x-user": ""}), client.put("/"), send(client, mill, {"token": "x"})]
    assert {answer.status_code for answer in asked} == {200, 400, 401, 403, 404, 405}
    for answer in asked:
        headers = answer.headers
        policy = {part.split()[0]: part.split()[1:] for part in headers["content-security-policy"].split(";")}
        assert policy["default-src"] == policy["base-uri"] == ["'none'"]
        assert policy["sandbox"] == ["allow-same-origin", "allow-forms"]
        assert policy["frame-ancestors"] == policy["form-action"] == ["'self'"]
        assert "script-src" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cache-control"] == "no-store"
        assert headers["content-type"] == "text/html; charset=utf-8"
    assert asked[-3].headers["www-authenticate"] == "test"


def test_every_page_is_answered_below_where_the_app_is_mounted(client: TestClient, mill: Mill) -> None:
    outer = FastAPI()
    outer.mount("/quality", client.app)
    mounted = TestClient(outer, headers=client.headers)
    for path in paths(mill):
        answer = mounted.get(f"/quality{path}")
        assert answer.status_code == 200
        links = Page(answer.text).values("a", "href") + Page(answer.text).values("form", "action")
        for link in links:
            assert link.startswith(("/quality/", "#", "?"))
            if link.startswith("/quality/") and not link.endswith("/mark"):
                assert mounted.get(link).status_code == 200


def test_a_report_is_shown_with_the_menu_of_the_app(client: TestClient, mill: Mill) -> None:
    html = '<!doctype html><nav id="pages"><a href="index.html">x</a></nav><p>page three</p>'
    archive.publish(mill.lake, "tiny", "three", html, {})
    page = client.get(f"/reports/tiny/{key_of(mill, 'three')}").text
    assert "index.html" not in page
    assert "page three" in page
    assert "/samples/" not in page, "it has none"
    assert client.get("/", params={"run_id": "three"}).text == page


def test_a_run_with_one_report_shows_it_at_once_and_others_the_list(client: TestClient, mill: Mill) -> None:
    assert client.get("/", params={"run_id": "run one"}).text == "<!doctype html><p>page one</p>"
    assert "No report yet" in client.get("/", params={"run_id": "<b>"}).text
    archive.publish(mill.lake, "other", "run one", "page four", {}, "block")
    page = Page(client.get("/", params={"run_id": "run one"}).text)
    assert len([link for link in page.values("a", "href") if "/reports/" in link]) == 2
    assert "Blocked" in page.words


def test_the_list_puts_those_that_wait_for_a_person_on_top(client: TestClient, mill: Mill) -> None:
    verdict = judge(mill, "warn")
    archive.publish(mill.lake, "late", "w", "page", {}, "warn", facts={"subject": verdict.subject})
    words = Page(client.get("/").text).words
    assert "1 snapshot waits for a reviewer" in words
    assert "No report yet" in Page(client.get("/", params={"snapshot": "no such"}).text).words


HOSTILE = [
    ("tiny", "absent"), ("..", "secret"), ("tiny", "..%2f..%2fsecret"), ("tiny", "%2e%2e%2fsecret.html"),
    ("%2e%2e", "%2e%2e%2fsecret.json"), ("tiny%2f..", "secret.html"), ("%2fetc", "passwd"), ("tiny", "%00"),
    ("%00", "x"), ("tiny", "*"), ("", ""), ("tiny", "x" * 5000), ("%ff%fe", "%c0%ae"),
    ("%F0%9F%92%A9", "%0d%0aX-A:%20b"),
]  # fmt: skip


@pytest.mark.parametrize(("snapshot", "key"), HOSTILE)
@pytest.mark.parametrize("page", ["reports", "samples"])
def test_only_what_a_pointer_names_is_served(reader: Reader, page: str, snapshot: str, key: str) -> None:
    client = reader[1]
    answer = client.get(f"/{page}/{snapshot}/{key}")
    assert answer.status_code == 404
    assert SECRET not in answer.text
    assert "root:" not in answer.text


@pytest.mark.parametrize(("snapshot", "key"), HOSTILE)
def test_no_name_of_a_comparison_or_a_run_becomes_a_path(reader: Reader, snapshot: str, key: str) -> None:
    client = reader[1]
    name = f"{snapshot}/{key}"
    for path in (f"/compare?a={name}&b=tiny", f"/compare?a=tiny&b={snapshot}", f"/runs/{name}"):
        answer = client.get(path)
        assert answer.status_code in (200, 404)
        assert SECRET not in answer.text
        assert "root:" not in answer.text


def test_a_report_of_another_snapshot_is_not_served(reader: Reader) -> None:
    mill, client = reader
    assert client.get(f"/reports/other/{key_of(mill)}").status_code == 404


@pytest.mark.parametrize("page", ["x", "0", "-1", "1e3", "٣", "9" * 5000, "1\x00"])
def test_a_page_that_is_no_number_is_refused(reader: Reader, page: str) -> None:
    mill, client = reader
    for path in ("/", f"/samples/tiny/{key_of(mill)}"):
        assert client.get(path, params={"page": page}).status_code == 400


def test_a_broken_lake_is_said_in_a_sentence(client: TestClient, mill: Mill) -> None:
    [pointer] = [p for p in archive.pointers(mill.lake) if p.get("samples")]
    mill.lake.path(mill.lake.manifest(pointer["samples"]).files[0]).write_bytes(b"no parquet")
    answer = client.get(f"/samples/tiny/{key_of(mill)}")
    assert answer.status_code == 503
    assert "cannot be read" in Page(answer.text).words
    mill.lake.storage.delete(f"manifests/{pointer['report']}.json")
    answer = client.get(f"/reports/tiny/{key_of(mill)}")
    assert answer.status_code == 503
    assert "no dataset with digest" in Page(answer.text).words


def test_a_defect_shows_no_secret_of_the_server(client: TestClient, mill: Mill) -> None:
    mill.lake.storage.put_if_absent("reports/tiny/broken.json", b'{"what": ')
    answer = client.get("/")
    assert answer.status_code == 500
    assert "log of Airflow" in answer.text
    assert "Traceback" not in answer.text
    assert "content-security-policy" in answer.headers


def test_without_airflow_nobody_is_let_in(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name == "airflow" or name.startswith("airflow.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "airflow", None)
    monkeypatch.delitem(sys.modules, "quality.web", raising=False)
    web = importlib.import_module("quality.web")
    monkeypatch.delitem(sys.modules, "quality.web")
    client = TestClient(web.APP["app"])
    for path in ("/", "/reports/tiny/x", "/samples/tiny/x", "/trend", "/compare", "/runs", "/runs/x"):
        assert client.get(path).status_code == 403
    assert client.post("/samples/tiny/x/mark", data={"token": "x"}).status_code == 403
    assert web.APP["url_prefix"] == "/quality"
    assert all(view["href"].startswith("/quality/") for view in web.VIEWS)


def test_training_is_shown_to_those_alone_who_may_read_its_dag(client: TestClient, mill: Mill) -> None:
    gated(mill, "mini-z1-abc", "warn")
    for path in ("/", "/runs", "/runs/mini-z1-abc", "/runs/absent"):
        guest, ann = client.get(path, headers={"x-user": "guest"}), client.get(path)
        assert guest.status_code == (200 if path == "/" else 403)
        assert "mini-z1-abc" not in guest.text
        assert ann.status_code == (404 if path == "/runs/absent" else 200)
        assert ("mini-z1-abc" in ann.text) == (path != "/runs/absent")


def test_airflow_is_asked_for_each_of_the_two_dags(mill: Mill, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A made-up Airflow: a user may read the DAGs that the header names."""
    published(mill)
    gated(mill, "mini-z1-abc", "warn")
    client = TestClient(create_app(airflow_access(monkeypatch), lambda: mill.lake))
    for dags, index, runs in (("", 403, 403), ("pretrain", 403, 403), ("crawl_snapshot", 200, 403),
                              ("crawl_snapshot pretrain", 200, 200)):  # fmt: skip
        answers = [client.get(path, headers={"x-dags": dags}) for path in ("/", "/runs", "/runs/mini-z1-abc")]
        assert [answer.status_code for answer in answers] == [index, runs, runs]
        for answer in answers:
            assert ("mini-z1-abc" in answer.text) == (runs == 200)


def airflow_access(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What `quality.web` makes of the made-up Airflow."""

    def get_user(request: Request) -> Any:
        return SimpleNamespace(get_name=lambda: "ann", dags=request.headers.get("x-dags", "").split())

    asks = Depends(get_user)

    def requires_access_dag(method: str, param_dag_id: str) -> Callable[..., None]:
        def inner(request: Request, user: Any = asks) -> None:
            if method != "GET" or param_dag_id not in user.dags:
                raise HTTPException(403, "Forbidden")

        return inner

    made: dict[str, dict[str, Any]] = {
        "airflow.api_fastapi.auth.managers.models.resource_details": {"AccessView": SimpleNamespace(PLUGINS="p")},
        "airflow.api_fastapi.core_api.security": {
            "get_user": get_user, "requires_access_dag": requires_access_dag,
            "requires_access_view": lambda view: lambda: None,
        },
        "airflow.configuration": {"conf": SimpleNamespace(get=lambda *names, fallback="x": fallback)},
    }  # fmt: skip
    for name, values in made.items():
        module = ModuleType(name)
        module.__dict__.update(values)
        monkeypatch.setitem(sys.modules, name, module)
        for parent in [name.rsplit(".", count)[0] for count in range(1, name.count(".") + 1)]:
            if parent not in made:
                monkeypatch.setitem(sys.modules, parent, ModuleType(parent))
    monkeypatch.delitem(sys.modules, "quality.web", raising=False)
    web = importlib.import_module("quality.web")
    monkeypatch.delitem(sys.modules, "quality.web")
    return web.access()
