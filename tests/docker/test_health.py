"""The health check of the containers, against a small server."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import ModuleType

import pytest

Problem = Callable[..., str | None]
BODIES = {
    "/ok": json.dumps({"scheduler": {"status": "healthy"}, "dag_processor": {"status": "unhealthy"}, "triggerer": {}}),
    "/page": "<html>",
}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path in BODIES else 503)
        self.end_headers()
        self.wfile.write(BODIES.get(self.path, "").encode())

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    http = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{http.server_port}"
    http.shutdown()
    thread.join()
    http.server_close()


@pytest.fixture
def problem(script: Callable[[str], ModuleType]) -> Problem:
    function: Problem = script("health").problem
    return function


def test_an_answer_is_healthy_unless_a_part_is_asked_for(server: str, problem: Problem) -> None:
    assert problem(f"{server}/page") is None
    assert problem(f"{server}/ok", "scheduler") is None


@pytest.mark.parametrize(
    ("path", "part"),
    [("/down", None), ("/ok", "dag_processor"), ("/ok", "triggerer"), ("/ok", "unknown"), ("/page", "scheduler")],
)
def test_anything_else_is_a_problem_with_a_sentence(server: str, problem: Problem, path: str, part: str | None) -> None:
    assert problem(f"{server}{path}", part)


def test_nobody_listening_is_a_problem(problem: Problem) -> None:
    assert problem("http://127.0.0.1:1/")


def test_a_proxy_of_the_environment_is_not_asked(
    server: str, problem: Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    assert problem(f"{server}/page") is None
