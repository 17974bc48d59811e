"""Notifiers: how an alert leaves the machine, as the profile's `alerts` say. One that fails is logged and stops
nothing."""

from __future__ import annotations

import logging
import smtplib
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Annotated, Literal

from pydantic import Field, field_validator

from gristmill.references import is_reference, resolved
from gristmill.settings import Settings

Event = Literal["block", "warn", "error", "failed", "late"]
TIMEOUT_SECONDS = 10.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Alert:
    """`title` is one line; `text` repeats it, says what happened and ends with the link."""

    event: Event
    title: str
    text: str
    link: str


class _Notifier(Settings):
    """`events`: those that are sent."""

    events: list[Event] = Field(default=["block", "warn", "error", "failed", "late"], min_length=1)


class LogNotifier(_Notifier):
    """A warning in the log of the gate's or the failed task, or of the late run's callback."""

    kind: Literal["log"]

    def send(self, alert: Alert) -> None:
        log.warning("%s", alert.text)


class EmailNotifier(_Notifier):
    """`login`: `file:/PATH` of a file whose first line is `user:password`; it is sent over TLS only."""

    kind: Literal["email"]
    to: list[str] = Field(min_length=1)
    sender: str = "gristmill@localhost"
    host: str = "localhost"
    port: int = Field(default=25, ge=1, le=65535)
    login: str | None = None

    @field_validator("login")
    @classmethod
    def _referred(cls, value: str | None) -> str | None:
        if value is not None and not is_reference(value):
            raise ValueError("write file:/PATH of a file whose first line is user:password")
        return value

    def send(self, alert: Alert) -> None:
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self.sender, ", ".join(self.to), alert.title
        message.set_content(alert.text)
        with smtplib.SMTP(self.host, self.port, timeout=TIMEOUT_SECONDS) as server:
            if self.login is not None:
                user, _, password = resolved(self.login, "alerts.login", "user:password").partition(":")
                server.starttls(context=ssl.create_default_context())
                server.login(user, password)
            server.send_message(message)


class WebhookNotifier(_Notifier):
    """JSON {event, title, text, link} by POST. `url`: the address, or `file:/PATH` of a file that holds it, since
    the address of a chat's webhook is its password."""

    kind: Literal["webhook"]
    url: str

    @field_validator("url")
    @classmethod
    def _address(cls, value: str) -> str:
        plain = value.startswith(("https://", "http://")) and not set("@?") & set(value)
        if not plain and not is_reference(value):
            raise ValueError("write https://... without password and query, or file:/PATH of a file that holds it")
        return value

    def send(self, alert: Alert) -> None:
        import httpx  # late: every stage loads a profile, few send

        url = resolved(self.url, "alerts.url", "the address")
        body = {"event": alert.event, "title": alert.title, "text": alert.text, "link": alert.link}
        with _unlogged_addresses(), httpx.Client(timeout=TIMEOUT_SECONDS, trust_env=False) as client:
            client.post(url, json=body).raise_for_status()


AnyNotifier = LogNotifier | EmailNotifier | WebhookNotifier
Notifier = Annotated[AnyNotifier, Field(discriminator="kind")]


def notify(notifiers: Sequence[AnyNotifier], alert: Alert) -> None:
    """Send an alert to all notifiers of its event; raises nothing."""
    for notifier in notifiers:
        if alert.event not in notifier.events:
            continue
        try:
            notifier.send(alert)
        except Exception as error:
            # Its words could hold an address or a password.
            log.error("the %s notifier failed with %s", notifier.kind, type(error).__name__)


@contextmanager
def _unlogged_addresses() -> Iterator[None]:
    """httpx logs every address that it asks."""
    logger = logging.getLogger("httpx")
    before = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(before)
