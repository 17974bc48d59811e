"""Notifiers: one message each, to a local mail server and a local web server; a broken one harms nobody."""

from __future__ import annotations

import json
import logging
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from socketserver import StreamRequestHandler, TCPServer

import pytest

from gristmill.notifiers import Alert, EmailNotifier, LogNotifier, WebhookNotifier, notify

ALERT = Alert("warn", "title", "title\nwaits\nhttp://h/quality/", "http://h/quality/")
CANARY = "canary-a7c1"


class Sink(TCPServer):
    """Keeps what it is sent."""

    allow_reuse_address = True

    def __init__(self, handler: type[StreamRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.received: list[str] = []


class Mailbox(StreamRequestHandler):
    """As much of SMTP as one message takes."""

    def handle(self) -> None:
        self.wfile.write(b"220 sink\r\n")
        while (line := self.rfile.readline().strip().upper()) != b"QUIT":
            if line == b"DATA":
                self.wfile.write(b"354 go\r\n")
                text = b"".join(iter(self.rfile.readline, b".\r\n"))
                self.server.received.append(text.decode())  # type: ignore[attr-defined]
            self.wfile.write(b"250 ok\r\n")
        self.wfile.write(b"221 bye\r\n")


class Hook(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.server.received.append(self.rfile.read(int(self.headers["Content-Length"])).decode())  # type: ignore[attr-defined]
        self.send_response(500 if "broken" in self.path else 204)
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


def serve(server: Sink | HTTPServer) -> Iterator[Sink | HTTPServer]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def mail() -> Iterator[Sink | HTTPServer]:
    yield from serve(Sink(Mailbox))


@pytest.fixture
def hook() -> Iterator[Sink | HTTPServer]:
    server = HTTPServer(("127.0.0.1", 0), Hook)
    server.received = []  # type: ignore[attr-defined]
    yield from serve(server)


def test_an_e_mail_says_all_in_its_text(mail: Sink) -> None:
    notify([EmailNotifier(kind="email", to=["a@h.example", "b@h.example"], port=mail.server_address[1])], ALERT)
    [text] = mail.received
    assert "Subject: title\r\n" in text
    assert "To: a@h.example, b@h.example\r\n" in text
    assert "waits\r\nhttp://h/quality/" in text


def test_a_webhook_gets_json_and_its_address_is_never_logged(
    hook: Sink, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = tmp_path / "url"
    secret.write_text(f"http://127.0.0.1:{hook.server_address[1]}/{CANARY}\n")
    notify([WebhookNotifier(kind="webhook", url=f"file:{secret}")], ALERT)
    assert [json.loads(text) for text in hook.received] == [
        {"event": "warn", "title": "title", "text": ALERT.text, "link": ALERT.link}
    ]
    assert CANARY not in "".join(r.getMessage() for r in caplog.records if not r.name.startswith("httpcore"))


def test_a_notifier_that_fails_is_logged_without_its_secret_and_the_others_are_heard(
    hook: Sink, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        closed = probe.getsockname()[1]
    address = f"http://127.0.0.1:{hook.server_address[1]}"
    broken = tmp_path / "broken"
    broken.write_text(f"{address}/broken/{CANARY}")
    notify(
        [
            EmailNotifier(kind="email", to=["a@h.example"], port=closed),
            WebhookNotifier(kind="webhook", url=f"file:{broken}"),
            WebhookNotifier(kind="webhook", url=f"file:{tmp_path}/absent"),
            WebhookNotifier(kind="webhook", url=f"{address}/good"),
        ],
        ALERT,
    )
    assert len(hook.received) == 2
    assert [r.getMessage().split(" failed ")[0] for r in caplog.records if r.levelno == logging.ERROR] == [
        "the email notifier", "the webhook notifier", "the webhook notifier"
    ]  # fmt: skip
    assert CANARY not in caplog.text


def test_only_the_events_that_a_notifier_names_are_sent(caplog: pytest.LogCaptureFixture) -> None:
    notify([LogNotifier(kind="log", events=["block", "late"])], ALERT)
    assert caplog.records == []
    notify([LogNotifier(kind="log", events=["warn"])], ALERT)
    assert [record.getMessage() for record in caplog.records] == [ALERT.text]


def test_a_login_is_not_sent_in_the_open(mail: Sink, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    login = tmp_path / "login"
    login.write_text(f"user:{CANARY}")
    notify([EmailNotifier(kind="email", to=["a@h"], port=mail.server_address[1], login=f"file:{login}")], ALERT)
    assert mail.received == []
    assert "the email notifier failed" in caplog.text


@pytest.mark.parametrize("url", ["ftp://h/", "https://u:p@h/", "https://h/?token=1", "h", "/h"])
def test_an_address_that_may_hold_a_secret_belongs_in_a_file(url: str) -> None:
    with pytest.raises(ValueError, match="file:/PATH"):
        WebhookNotifier(kind="webhook", url=url)
