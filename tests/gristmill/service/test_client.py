"""The client against a server that answers as Airflow does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from gristmill.service.client import Client, ServiceError

BUSY = (500, {"detail": {"reason": "Database error", "statement": "hidden", "message": "look for ID x"}})


class _Answers(BaseHTTPRequestHandler):
    """Gives the server's prepared answers, one a request."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        status, body = self.server.answers.pop(0)  # type: ignore[attr-defined]
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    with HTTPServer(("127.0.0.1", 0), _Answers) as found:
        Thread(target=found.serve_forever, daemon=True).start()
        yield found
        found.shutdown()


def _client(server: HTTPServer, *answers: tuple[int, object]) -> Client:
    server.answers = list(answers)  # type: ignore[attr-defined]
    return Client(f"http://127.0.0.1:{server.server_port}", "admin", "secret")


def test_a_request_that_a_busy_database_rolled_back_is_sent_again(server: HTTPServer) -> None:
    client = _client(server, BUSY, BUSY, (200, {"dag_run_id": "a"}))
    assert client.trigger("pretrain") == {"dag_run_id": "a"}


def test_a_database_that_stays_busy_is_an_error(server: HTTPServer) -> None:
    client = _client(server, *[BUSY] * 4)
    with pytest.raises(ServiceError, match="Database error"):
        client.trigger("pretrain")


def test_another_refusal_is_not_sent_again(server: HTTPServer) -> None:
    client = _client(server, (500, {"detail": "broken"}), (200, {}))
    with pytest.raises(ServiceError, match="broken") as refused:
        client.trigger("pretrain")
    assert refused.value.status == 500
