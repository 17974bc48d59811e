"""Forms: whose token is taken, for what, how long; from which origin; and how much."""

from __future__ import annotations

from typing import Annotated

import pytest
from fastapi import Depends, FastAPI
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from quality.forms import LIFETIME_HOURS, MAX_BODY, ForgedError, Forms, check_origin, read_form

HOUR = 3600.0


class Clock:
    """A clock that a test turns."""

    seconds = 1_000_000 * HOUR

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def forms(clock: Clock) -> Forms:
    return Forms(b"a secret", clock)


def test_a_token_is_taken_for_a_working_day(forms: Forms, clock: Clock) -> None:
    token = forms.token("ann", "mark")
    clock.seconds += (LIFETIME_HOURS + 1) * HOUR - 1
    forms.check(token, "ann", "mark")
    clock.seconds += 1
    with pytest.raises(ForgedError, match="too old"):
        forms.check(token, "ann", "mark")


def test_a_token_of_the_future_is_not_taken(forms: Forms, clock: Clock) -> None:
    clock.seconds += HOUR
    token = forms.token("ann", "mark")
    clock.seconds -= HOUR
    with pytest.raises(ForgedError):
        forms.check(token, "ann", "mark")


@pytest.mark.parametrize(("who", "purpose"), [("bob", "mark"), ("ann", "other"), ("", "annmark"), ("annm", "ark")])
def test_a_token_belongs_to_one_person_and_purpose(forms: Forms, who: str, purpose: str) -> None:
    with pytest.raises(ForgedError):
        forms.check(forms.token("ann", "mark"), who, purpose)


def test_a_token_of_another_server_is_not_taken_and_without_a_secret_none_is_made(forms: Forms, clock: Clock) -> None:
    with pytest.raises(ForgedError):
        forms.check(Forms(b"another", clock).token("ann", "mark"), "ann", "mark")
    with pytest.raises(ForgedError, match="secret key"):
        Forms(b"").token("ann", "mark")
    assert "a secret" not in repr(forms)


@given(st.text())
def test_no_other_text_is_a_token(text: str) -> None:
    with pytest.raises(ForgedError):
        Forms(b"a secret", Clock()).check(text, "ann", "mark")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "null"},
        {"origin": ""},
        {"origin": "http://other.example"},
        {"origin": "http://mill:80"},
        {"origin": "http://mill.other.example"},
        {"origin": "http://["},
        {"origin": "http://mill", "sec-fetch-site": "cross-site"},
        {"origin": "http://mill", "sec-fetch-site": "same-site"},
        {"origin": "http://mill", "sec-fetch-site": "none"},
    ],
)
def test_a_form_from_elsewhere_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(ForgedError, match="another site"):
        check_origin({"host": "mill", **headers}, set())


def test_a_form_of_this_server_is_taken_also_behind_a_proxy() -> None:
    check_origin({"host": "mill", "origin": "http://mill"}, set())
    check_origin({"host": "mill", "origin": "https://mill", "sec-fetch-site": "same-origin"}, set())
    check_origin({"host": "10.0.0.1:8080", "origin": "https://mill.example"}, {"mill.example"})
    with pytest.raises(ForgedError):
        check_origin({}, {""})


@pytest.fixture(scope="module")
def echo() -> TestClient:
    app = FastAPI()

    @app.post("/")
    def answer(fields: Annotated[dict[str, str], Depends(read_form)]) -> dict[str, str]:
        return fields

    return TestClient(app)


def test_a_form_is_read_as_text(echo: TestClient) -> None:
    assert echo.post("/", data={"a": "ä & <b>\n", "b": ""}).json() == {"a": "ä & <b>\n", "b": ""}


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"a=" + b"x" * MAX_BODY, "application/x-www-form-urlencoded", 413),
        (b"a=1&" * 21, "application/x-www-form-urlencoded", 400),
        (b"a=1", "text/plain", 415),
        (b'{"a": 1}', "application/json", 415),
        (b"a=1", "", 415),
    ],
)
def test_other_bodies_are_refused(echo: TestClient, body: bytes, kind: str, status: int) -> None:
    assert echo.post("/", content=body, headers={"content-type": kind}).status_code == status


@pytest.mark.parametrize("body", [b"\xff\xfe=\x00", b"a=%ff%00%d8", b"&&&===", b""])
def test_broken_bytes_are_only_text(echo: TestClient, body: bytes) -> None:
    answer = echo.post("/", content=body, headers={"content-type": "application/x-www-form-urlencoded"})
    assert answer.status_code == 200
