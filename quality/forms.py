"""Forms that only the person who was shown them can send: a token per person and purpose, and the page's own origin."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from fastapi import HTTPException, Request

from gristmill.errors import UserError
from gristmill.lake import canonical_json

LIFETIME_HOURS = 8
"""A form that was shown longer ago, give or take the started hour, is not taken any more: a working day."""

MAX_BODY = 16_384
"""Bytes of a form."""

_TYPE = "application/x-www-form-urlencoded"


class ForgedError(UserError):
    """A form that does not come from a page shown to this person; the message says what to do."""


@dataclass(frozen=True)
class Forms:
    """Makes and checks tokens. `secret` is the server's: whoever knows it can forge; `now` gives seconds."""

    secret: bytes = field(repr=False)
    now: Callable[[], float] = time.time

    def token(self, who: str, purpose: str) -> str:
        """What a form shown to `who` must carry."""
        return self._token(who, purpose, self._hour())

    def check(self, token: str, who: str, purpose: str) -> None:
        """Raises ForgedError unless `token` was made for this person and purpose lately."""
        given = token.encode(errors="replace")
        hours = range(self._hour(), self._hour() - LIFETIME_HOURS - 1, -1)
        if not any(hmac.compare_digest(self._token(who, purpose, hour).encode(), given) for hour in hours):
            raise ForgedError("this form was not made for you here, or is too old: open the page again and repeat it")

    def _hour(self) -> int:
        return int(self.now() // 3600)

    def _token(self, who: str, purpose: str, hour: int) -> str:
        if not self.secret:
            raise ForgedError("forms need a secret key: set `secret_key` in section `api` of Airflow's configuration")
        return hmac.new(self.secret, canonical_json([who, purpose, hour]), hashlib.sha256).hexdigest()


def check_origin(headers: Mapping[str, str], ours: Collection[str]) -> None:
    """Raises ForgedError unless the browser says that the form was sent by a page of this server.

    `ours`: further names (host:port) of this server, as people see it behind a proxy. Browsers send `Origin` with
    every form, and `Sec-Fetch-Site` where the connection is trustworthy; a page of another site can set neither.
    """
    try:
        origin = urlsplit(headers.get("origin", "")).netloc
    except ValueError:
        origin = ""
    known = {headers.get("host"), *ours} - {""}
    if origin not in known or headers.get("sec-fetch-site", "same-origin") != "same-origin":
        raise ForgedError("this form was sent from another site: open the page here and repeat it")


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form, decoded; the last of one name counts. Refuses other bodies and large ones."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _TYPE:
        raise HTTPException(415, "send a form")
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY:
            raise HTTPException(413, f"the form has more than {MAX_BODY} bytes; shorten what you wrote")
    try:
        fields = parse_qsl(body.decode("ascii", "replace"), keep_blank_values=True, max_num_fields=20)
    except ValueError:
        raise HTTPException(400, "the form has too many fields") from None
    return dict(fields)
