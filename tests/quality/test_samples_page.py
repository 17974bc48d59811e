"""The page of samples: what its filters leave, what it says of a document, and who may mark it."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from gristmill import ledger
from quality import archive
from quality.marks import marks, precision
from tests.quality.conftest import Mill, Mills, doc_id
from tests.quality.views.pages import Page
from tests.quality.web_client import ACCESS, ORIGIN, client_of, form_of, key_of, published, reader_of, send


@pytest.fixture
def mill(mills: Mills) -> Mill:
    """Without its metrics, which this page does not read."""
    return mills()


@pytest.fixture
def client(mill: Mill) -> TestClient:
    """On a lake with one report and its samples."""
    published(mill)
    return client_of(mill)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> tuple[Mill, TestClient]:
    """The same for all tests that store nothing."""
    return reader_of(tmp_path_factory.mktemp("mill"))


def shown_ids(client: TestClient, mill: Mill, **filters: str) -> set[str]:
    """Letters of the documents on the page."""
    answer = client.get(f"/samples/tiny/{key_of(mill)}", params=filters)
    assert answer.status_code == 200
    articles = Page(answer.text).values("article", "id")
    return {key for key in "abcde" if f"d{doc_id(key)}" in articles}


@pytest.mark.parametrize(
    ("filters", "wanted"),
    [
        ({}, "abcde"), ({"rule": "too_short"}, "e"), ({"rule": "kept"}, "ac"), ({"language": "de"}, "cde"),
        ({"host": "ONE.exa"}, "ab"), ({"kept": "yes"}, "ac"), ({"kept": "no", "language": "de"}, "de"),
        ({"score_from": "0.95"}, ""), ({"score_to": "0.95"}, "abcde"), ({"score_from": "0.1", "score_to": "0.5"}, ""),
        ({"pick": "random"}, "abcde"), ({"pick": "near"}, ""), ({"page": "2"}, ""), ({"rule": "' or 1=1"}, ""),
        ({"host": ".*"}, ""), ({"host": "x" * 10_000}, ""), ({"rule": "\x00"}, ""),
    ],
)  # fmt: skip
def test_filters_leave_what_they_say(reader: tuple[Mill, TestClient], filters: dict[str, str], wanted: str) -> None:
    mill, client = reader
    assert shown_ids(client, mill, **filters) == set(wanted)


@pytest.mark.parametrize("filters", [{"kept": "?"}, {"score_from": "high"}, {"score_to": "nan"}, {"score_to": "1e999"}])
def test_a_filter_that_cannot_be_meant_is_refused(reader: tuple[Mill, TestClient], filters: dict[str, str]) -> None:
    mill, client = reader
    answer = client.get(f"/samples/tiny/{key_of(mill)}", params=filters)
    assert answer.status_code == 400
    assert next(iter(filters)).replace("_", " ") in Page(answer.text).words


def test_a_decision_is_shown_with_value_threshold_and_what_stayed(reader: tuple[Mill, TestClient]) -> None:
    mill, client = reader
    words = Page(client.get(f"/samples/tiny/{key_of(mill)}").text).words
    assert "Removed by too_short : value 1, threshold 0.8" in words
    assert "Removed by near_duplicate : another document is like it: similarity 1, removed from 0.8 on." in words
    assert "What stayed: https://two.example/c" in words
    assert "Kept : no rule removed it" in words


def test_lines_that_were_dropped_are_struck_and_said(mill: Mill) -> None:
    mill.edit("documents", lambda row: row.update(text="stays\ngoes\ngoes too\nstays too"))
    mill.edit("lines", lambda row: row.update(refinedweb=bytes([0b0110])))
    config = {"edits": {"lines": "refinedweb"}}
    with ledger.attempt(mill.lake, stage="decide", scope="tiny", config=config, inputs={}) as attempt:
        attempt.outputs["decisions"] = mill.digests["decisions"]
    published(mill)
    client = client_of(mill)
    html = client.get(f"/samples/tiny/{key_of(mill)}", params={"kept": "yes"}).text
    page = Page(html)
    assert [tag for tag, _ in page.tags].count("del") == 2, "one run of lines in each of the two kept documents"
    assert "stays removed: line rule goes goes too end of removed lines stays too" in page.words
    removed = Page(client.get(f"/samples/tiny/{key_of(mill)}", params={"kept": "no"}).text)
    assert "del" not in [tag for tag, _ in removed.tags]


def test_many_samples_come_fifty_at_a_time(mills: Mills) -> None:
    rows = {chr(0x4E00 + n): (f"https://m.example/{n}", "t", "text", "de", "too_short", None, None) for n in range(120)}
    mill = mills(rows)
    published(mill)
    client = client_of(mill)
    address: str | None = f"/samples/tiny/{key_of(mill)}?rule=too_short&host=m.example"
    seen: list[str] = []
    sizes = []
    while address:
        page = Page(client.get(address).text)
        seen += page.values("article", "id")
        sizes.append(len(page.values("article", "id")))
        links = [dict(found) for tag, found in page.tags if tag == "a"]
        address = next((link["href"] for link in links if link.get("rel") == "next"), None)
    assert sizes == [50, 50, 20]
    assert len(set(seen)) == 120


# Marks


def test_a_reviewer_marks_a_decision_and_sees_it_and_the_precision(client: TestClient, mill: Mill) -> None:
    address = f"/samples/tiny/{key_of(mill)}?rule=too_short&page=1"
    fields = {**form_of(client, address, "e"), "verdict": "wrong", "note": "a fine <b>page</b>"}
    answer = send(client, mill, fields)
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/samples/tiny/{key_of(mill)}?rule=too_short&page=1#d{doc_id('e')}"
    [mark] = marks(mill.lake, "tiny", mill.digests["decisions"])
    assert (mark.doc_id, mark.rule, mark.right, mark.who) == (doc_id("e"), "too_short", False, "ann")
    assert (mark.evidence, mark.note, mark.pick) == (mill.digests["decisions"], "a fine <b>page</b>", "random")
    page = client.get(address)
    assert "Wrong says ann" in Page(page.text).words
    assert "<b>page</b>" not in page.text
    found = precision(mill.lake, "tiny", mill.digests["decisions"])["too_short"]
    assert (found.right, found.wrong) == (0, 1)
    assert "too_short 0 1 0.0 % to 79.3 % 0" in Page(page.text).words
    send(client, mill, form_of(client, address, "e"))
    assert [m.right for m in marks(mill.lake, "tiny", mill.digests["decisions"])] == [True], "the newest counts"


def test_a_viewer_sees_samples_and_may_not_mark(client: TestClient, mill: Mill) -> None:
    address = f"/samples/tiny/{key_of(mill)}"
    page = client.get(address, headers={"x-user": "vera"})
    assert page.status_code == 200
    assert 'name="token"' not in page.text
    assert "only the reviewers" in Page(page.text).words
    own = ACCESS.forms.token("vera", f"mark tiny {key_of(mill)}")
    answer = send(client, mill, {**form_of(client, address, "e"), "token": own}, **{"x-user": "vera"})
    assert answer.status_code == 403
    assert "only the reviewers" in Page(answer.text).words
    assert marks(mill.lake, "tiny", mill.digests["decisions"]) == []


@pytest.mark.parametrize(
    ("change", "headers", "status"),
    [
        ({"token": ""}, {}, 403),
        ({"token": "0" * 64}, {}, 403),
        ({"token": "ä\x00"}, {}, 403),
        ({}, {"x-user": "bob"}, 403),
        ({}, {"x-user": ""}, 401),
        ({}, {"x-user": "stranger"}, 403),
        ({}, {"origin": "http://evil.example"}, 403),
        ({}, {"origin": "null"}, 403),
        ({}, {"sec-fetch-site": "cross-site"}, 403),
        ({"verdict": ""}, {}, 400),
        ({"verdict": "maybe"}, {}, 400),
        ({"note": "n" * 501}, {}, 400),
        ({"filters": "page=x"}, {}, 400),
        ({"doc_id": "7"}, {}, 404),
        ({"doc_id": "-1"}, {}, 404),
        ({"doc_id": ""}, {}, 404),
        ({"doc_id": "9" * 19}, {}, 404),
        ({"doc_id": "9" * 5000}, {}, 404),
        ({"doc_id": "../x"}, {}, 404),
        ({"note": "n" * 20_000}, {}, 413),
    ],
)
def test_a_forged_or_broken_mark_is_refused(
    reader: tuple[Mill, TestClient], change: dict[str, str], headers: dict[str, str], status: int
) -> None:
    mill, client = reader
    fields = {**form_of(client, f"/samples/tiny/{key_of(mill)}", "e"), **change}
    assert send(client, mill, fields, **headers).status_code == status
    assert mill.lake.storage.list("marks") == []


def test_a_form_of_another_page_or_another_way_is_refused(client: TestClient, mill: Mill) -> None:
    address = f"/samples/tiny/{key_of(mill)}"
    fields = form_of(client, address, "e")
    assert client.get(f"{address}/mark", params=fields).status_code == 405
    assert client.post(f"{address}/mark", json=fields, headers=ORIGIN).status_code == 415
    plain = {**ORIGIN, "content-type": "text/plain"}
    assert client.post(f"{address}/mark", content=b"x", headers=plain).status_code == 415
    published(mill, "run five")
    archive.publish(mill.lake, "tiny", "run six", "page", {})
    other = f"/samples/tiny/{key_of(mill, 'run five')}/mark"
    assert client.post(other, data=fields, headers=ORIGIN).status_code == 403, "its token is for the other report"
    no_samples = f"/samples/tiny/{key_of(mill, 'run six')}"
    assert client.get(no_samples).status_code == 404
    assert mill.lake.storage.list("marks") == []


def test_the_way_back_leads_nowhere_else(client: TestClient, mill: Mill) -> None:
    fields = form_of(client, f"/samples/tiny/{key_of(mill)}", "e")
    fields["filters"] = "host=//evil.example/&rule=%0d%0aLocation:x&next=https://evil.example"
    answer = send(client, mill, fields)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(f"/samples/tiny/{key_of(mill)}?")
    assert "\n" not in answer.headers["location"]
    assert "next" not in answer.headers["location"]
