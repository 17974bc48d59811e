"""Hostile crawls in front of a real browser: nothing of them runs, nothing leaves, and nobody else sends a form."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from selenium.common.exceptions import (
    NoAlertPresentException,
    NoSuchElementException,
    StaleElementReferenceException,
)
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.support.ui import WebDriverWait

from gristmill.approvals import Answer, answer
from gristmill.verdicts import Check
from quality import archive, report
from quality.forms import Forms
from quality.marks import Mark, mark, marks
from quality.samples import HEAD_CHARS
from quality.views.words import safe
from quality.web_app import Access, create_app
from tests.quality.conftest import DOCUMENTS, Mill, doc_id, make_mill
from tests.quality.views.pages import PAYLOADS, judge
from tests.quality.views.test_accessibility import show_as, violations

pytestmark = pytest.mark.browser

PATIENCE_SECONDS = 30
HOSTILE = [payload for payload in PAYLOADS if "\ud800" not in payload]
FRAME = "allow-scripts allow-same-origin allow-forms allow-downloads"
"""The sandbox that Airflow's UI gives the frame of a page."""


@dataclass(frozen=True)
class Site:
    """`url` of the app as it is mounted, `evil` the address of another server, `key` of the one report."""

    mill: Mill
    url: str
    evil: str
    key: str

    @property
    def samples(self) -> str:
        return f"{self.url}/quality/samples/tiny/{self.key}"

    def marks(self) -> list[Mark]:
        return marks(self.mill.lake, "tiny", self.mill.digests["decisions"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A lake in which everything that a stranger wrote is hostile, and its app on a port."""
    mill = hostile_mill(tmp_path_factory.mktemp("mill"))
    access = Access([], lambda: "ann", lambda: ["ann"], Forms(b"the server's"))
    outer, other = FastAPI(), FastAPI()
    outer.mount("/quality", create_app(access, lambda: mill.lake))
    [pointer] = archive.pointers(mill.lake)
    samples = f"/quality/samples/tiny/{pointer['key']}"

    @outer.get("/ui")
    def ui() -> HTMLResponse:
        frame = f'<iframe width="1100" height="800" sandbox="{FRAME}" src="{samples}"></iframe>'
        return HTMLResponse(f"<p>the UI</p>{frame}")

    with served(outer) as url, served(other) as evil:
        fields = f'<input name="doc_id" value="{doc_id("e")}"><input name="verdict" value="right">'
        token = access.forms.token("ann", f"mark tiny {pointer['key']}")

        @other.get("/forged")
        def forged(stolen: str = "") -> HTMLResponse:
            """Sends a form to the app at once, with a token that was stolen or without one."""
            own = f'<input name="token" value="{token}">' if stolen else ""
            form = f'<form method="post" action="{url}{samples}/mark">{own}{fields}</form>'
            return HTMLResponse(f"{form}<script>document.forms[0].submit()</script>")

        @other.get("/framed")
        def framed() -> HTMLResponse:
            return HTMLResponse(f'<iframe width="900" height="600" src="{url}{samples}"></iframe>')

        yield Site(mill, url, evil, pointer["key"])


class served:
    """An app on a free port of this machine, as long as the block lasts."""

    def __init__(self, app: FastAPI) -> None:
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self._server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]})

    def __enter__(self) -> str:
        # Connections that come before the server is ready wait in the backlog.
        self._socket.listen()
        self._thread.start()
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()


def letter(number: int) -> str:
    """The name of the document that has the payload of this number."""
    return chr(0x4E00 + number)


def hostile_mill(folder: Path) -> Mill:
    """Documents with a payload in URL, host, title, text and language; a verdict, an answer and marks with them."""
    rows = [(f"https://x.example/{each}", each, each, each, "too_short", None, None) for each in HOSTILE]
    mill = make_mill(folder, {**DOCUMENTS, **{letter(n): row for n, row in enumerate(rows)}})
    mill.edit("documents", lambda row: row.update(host=row["title"]) if row["title"] in HOSTILE else None)
    mill.measure()
    offenders = tuple((payload[:300], 0.5) for payload in HOSTILE)
    past = {HOSTILE[1]: 1.0}
    warned = Check("language mix", "warn", "failed", 0.2, {"max": 0.1}, HOSTILE[0], "drift", "m", past, offenders)
    verdict = judge(mill, "warn", [warned])
    answer(mill.lake, Answer(verdict.digest, "approve", HOSTILE[2], " ".join(HOSTILE)[:1900], HOSTILE[3], HOSTILE[4]))
    for number, payload in enumerate(HOSTILE):
        who, note = payload[:60], payload[:500]
        mark(mill.lake, Mark("tiny", doc_id(letter(number)), "too_short", "random", True, who,
                             mill.digests["decisions"], note))  # fmt: skip
    inputs = [f"--input={name}={digest}" for name, digest in mill.digests.items()]
    report.main([f"--profile={mill.profile.source}", "--snapshot=tiny", f"--run-id={HOSTILE[0]}", *inputs])
    return mill


def wait_for(browser: WebDriver, selector: str, words: str) -> None:
    """Until an element of the page that is being loaded has these words."""
    gone = (NoSuchElementException, StaleElementReferenceException)
    wait = WebDriverWait(browser, PATIENCE_SECONDS, ignored_exceptions=gone)
    wait.until(lambda _: words in browser.find_element(By.CSS_SELECTOR, selector).text)


@pytest.mark.parametrize("page", ["", "reports", "samples", "compare", "trend", "runs"])
def test_nothing_runs_and_no_request_leaves(browser: WebDriver, site: Site, page: str) -> None:
    own = f"tiny/{site.key}"
    own_pages = {"reports": f"reports/{own}", "samples": f"samples/{own}", "compare": f"compare?a={own}&b={own}"}
    path = own_pages.get(page, page)
    browser.get("about:blank")
    browser.get_log("performance")
    browser.get(f"{site.url}/quality/{path}")
    log = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [m["params"]["request"]["url"] for m in log if m["method"] == "Network.requestWillBeSent"]
    answers = [m["params"]["response"] for m in log if m["method"] == "Network.responseReceived"]
    assert [url for url in asked if not url.startswith((f"{site.url}/quality/", f"{site.url}/favicon"))] == []
    policies = {key.lower(): value for key, value in answers[0]["headers"].items()}["content-security-policy"]
    assert "sandbox allow-same-origin allow-forms;" in policies
    with pytest.raises(NoAlertPresentException):
        _ = browser.switch_to.alert.text
    for tag in ("script", "img", "iframe", "base", "object", "embed", "link"):
        assert browser.find_elements(By.TAG_NAME, tag) == []
    assert browser.title
    assert not [entry for entry in browser.get_log("browser") if "Refused to" in entry["message"]]


def test_what_is_hostile_is_shown_as_text(browser: WebDriver, site: Site) -> None:
    browser.get(f"{site.samples}?rule=too_short")
    for number, payload in enumerate(HOSTILE):
        article = browser.find_element(By.ID, f"d{doc_id(letter(number))}")
        title = article.find_element(By.TAG_NAME, "h2").text
        assert title == " ".join(safe(payload, 200).split())
        note = article.find_element(By.TAG_NAME, "q").text
        assert note.removeprefix("“").removesuffix("”") == " ".join(safe(payload[:500], 500).split())
        text = article.find_element(By.CSS_SELECTOR, ".text").text
        assert " ".join(text.split()) == " ".join(safe(payload[:HEAD_CHARS], HEAD_CHARS).split())


def test_a_page_that_is_hostile_stays_as_wide_as_the_window(browser: WebDriver, site: Site) -> None:
    for path in ("", f"samples/tiny/{site.key}", f"reports/tiny/{site.key}"):
        browser.get(f"{site.url}/quality/{path}")
        root = browser.find_element(By.TAG_NAME, "html")
        assert int(root.get_property("scrollWidth")) <= int(root.get_property("clientWidth"))


def test_a_reviewer_marks_inside_the_frame_of_the_ui(browser: WebDriver, site: Site) -> None:
    browser.get(f"{site.url}/ui")
    browser.switch_to.frame(browser.find_element(By.TAG_NAME, "iframe"))
    article = browser.find_element(By.ID, f"d{doc_id('a')}")
    article.find_element(By.NAME, "note").send_keys("as it should be")
    article.find_element(By.CSS_SELECTOR, "button[value=right]").click()
    wait_for(browser, f"#d{doc_id('a')}", "Right says ann")
    wait_for(browser, f"#d{doc_id('a')}", "as it should be")
    [mine] = [m for m in site.marks() if m.doc_id == doc_id("a")]
    assert (mine.who, mine.right, mine.rule) == ("ann", True, "kept")
    browser.find_element(By.NAME, "host").send_keys("no such host")
    browser.find_element(By.CSS_SELECTOR, "form.filter button").click()
    wait_for(browser, "main", "No sample is like that")
    browser.switch_to.default_content()


def test_samples_and_errors_violate_no_rule_of_wcag(browser: WebDriver, site: Site, tmp_path: Path) -> None:
    for name, address in (("samples", site.samples), ("error", f"{site.samples}?page=x")):
        page = tmp_path / f"{name}.html"
        page.write_text(httpx.get(address, trust_env=False).text, encoding="utf-8")
        for scheme, width in (("light", 1280), ("dark", 1280), ("light", 390)):
            show_as(browser, scheme, width)
            assert violations(browser, page) == [], f"{name} {scheme} {width}"
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_on_paper_no_form_is_left_and_no_text_is_cut(browser: WebDriver, site: Site) -> None:
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    browser.get(site.samples)
    assert [form for form in browser.find_elements(By.TAG_NAME, "form") if form.is_displayed()] == []
    texts = browser.find_elements(By.CSS_SELECTOR, ".text")
    assert len(texts) > 5
    sizes = [(int(text.get_property("scrollHeight")), int(text.get_property("clientHeight"))) for text in texts]
    assert [size for size in sizes if size[0] > size[1]] == []
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


@pytest.mark.parametrize("query", ["", "?stolen=yes"])
def test_another_site_cannot_send_a_mark(browser: WebDriver, site: Site, query: str) -> None:
    browser.get(f"{site.evil}/forged{query}")
    wait_for(browser, "h1", "Not allowed")
    assert [m for m in site.marks() if m.doc_id == doc_id("e")] == []


def test_another_site_cannot_frame_a_page(browser: WebDriver, site: Site) -> None:
    browser.get(f"{site.evil}/framed")
    browser.switch_to.frame(browser.find_element(By.TAG_NAME, "iframe"))
    assert browser.find_elements(By.TAG_NAME, "article") == []
    browser.switch_to.default_content()
    assert [entry for entry in browser.get_log("browser") if "frame-ancestors" in entry["message"]]
