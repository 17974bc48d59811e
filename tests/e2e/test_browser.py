"""People in front of the Airflow UI: log in, see the runs, open a report and its samples, mark a decision."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import quote

import httpx
import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.support.ui import Select

from gristmill.release import current
from gristmill.service.home import USER
from tests.e2e.people import keep_picture, log_in, text, wait

if TYPE_CHECKING:
    from gristmill.service.client import JSON
    from tests.e2e.conftest import Mill

pytestmark = [pytest.mark.airflow, pytest.mark.browser]

VIEWER = "vera"


@pytest.fixture(scope="module")
def person(browser: WebDriver, mill: Mill) -> WebDriver:
    """Logged in through the form."""
    log_in(browser, mill, USER)
    return browser


def frame_address(browser: WebDriver) -> str:
    """Address of the page in the frame."""
    return str(browser.find_element(By.TAG_NAME, "html").get_property("baseURI"))


def enter_frame(browser: WebDriver) -> None:
    """Into the page that the UI shows in its frame."""
    wait(browser, lambda: browser.find_elements(By.TAG_NAME, "iframe"))
    browser.switch_to.frame(browser.find_element(By.TAG_NAME, "iframe"))


def test_nobody_sees_a_report_without_logging_in(mill: Mill, scheduled: dict[str, JSON]) -> None:
    pages = ("", "reports/tiny-A/x", "samples/tiny-A/x", "trend", "compare", "runs", "runs/x")
    for path in (*(f"/quality/{page}" for page in pages), "/api/v2/dags"):
        assert httpx.get(mill.service.url + path, trust_env=False).status_code == 401
    form = {"doc_id": "1", "verdict": "right", "token": "x"}
    forged = httpx.post(f"{mill.service.url}/quality/samples/tiny-A/x/mark", data=form, trust_env=False)
    assert forged.status_code == 401


def test_a_person_sees_the_dags_and_the_runs(person: WebDriver, mill: Mill, scheduled: dict[str, JSON]) -> None:
    person.get(f"{mill.service.url}/dags")
    wait(person, lambda: all(dag in text(person) for dag in ("crawl_snapshot", "corpus_ready", "pretrain")))
    person.get(f"{mill.service.url}/dags/crawl_snapshot/runs")
    wait(person, lambda: all(run["dag_run_id"] in text(person) for run in scheduled.values()))
    person.get(f"{mill.service.url}/dags/crawl_snapshot")
    wait(person, lambda: "Created Asset Events" in text(person))
    keep_picture(person, "airflow")


def test_a_person_opens_a_report_from_the_list(person: WebDriver, mill: Mill, scheduled: dict[str, JSON]) -> None:
    person.get(f"{mill.service.url}/plugin/data-quality")
    enter_frame(person)
    wait(person, lambda: "Data quality reports" in text(person))
    person.find_element(By.LINK_TEXT, "tiny-A").click()
    wait(person, lambda: "What went in, what each rule removed" in text(person))
    pictures = person.find_elements(By.TAG_NAME, "svg")
    assert len(pictures) >= 5
    assert all(picture.size["width"] > 100 for picture in pictures)
    assert person.find_elements(By.TAG_NAME, "script") == []
    person.switch_to.default_content()


def test_a_red_run_has_its_report_in_a_tab(person: WebDriver, mill: Mill, scheduled: dict[str, JSON]) -> None:
    run_id = quote(scheduled["broken"]["dag_run_id"], safe="")
    person.get(f"{mill.service.url}/dags/crawl_snapshot/runs/{run_id}")
    wait(person, lambda: person.find_elements(By.PARTIAL_LINK_TEXT, "Data quality"))
    person.find_elements(By.PARTIAL_LINK_TEXT, "Data quality")[-1].click()
    enter_frame(person)
    wait(person, lambda: "lost bytes" in text(person))
    assert "BLOCK" in person.find_element(By.TAG_NAME, "h1").text.upper()
    # The frame of a run's tab lets links and forms work as well.
    person.find_element(By.LINK_TEXT, "Overview").click()
    wait(person, lambda: "All reports" in text(person))
    person.find_element(By.NAME, "snapshot").send_keys("tiny-B")
    person.find_element(By.CSS_SELECTOR, "form.filter button").click()
    wait(person, lambda: "1 report, newest first" in text(person))
    person.switch_to.default_content()


def test_a_reviewer_marks_a_decision(person: WebDriver, mill: Mill, scheduled: dict[str, JSON]) -> None:
    person.get(f"{mill.service.url}/plugin/data-quality")
    enter_frame(person)
    wait(person, lambda: person.find_elements(By.LINK_TEXT, "tiny-A"))
    person.find_element(By.LINK_TEXT, "tiny-A").click()
    wait(person, lambda: person.find_elements(By.LINK_TEXT, "Samples"))
    person.find_element(By.LINK_TEXT, "Samples").click()
    wait(person, lambda: "Samples of tiny-A" in text(person))
    Select(person.find_element(By.NAME, "kept")).select_by_value("no")
    person.find_element(By.CSS_SELECTOR, "form.filter button").click()
    wait(person, lambda: "kept=no" in frame_address(person))
    document = person.find_element(By.TAG_NAME, "article")
    assert "Removed" in document.text
    document.find_element(By.NAME, "note").send_keys("a fine page")
    document.find_element(By.CSS_SELECTOR, "button[value=wrong]").click()
    wait(person, lambda: f"Wrong says {USER}" in text(person))
    assert "a fine page" in text(person)
    assert "kept=no" in frame_address(person)
    person.switch_to.default_content()
    [stored] = mill.lake.storage.list("marks/tiny-A")
    mark = json.loads(mill.lake.storage.get(stored) or b"{}")
    assert (mark["who"], mark["right"], mark["note"]) == (USER, False, "a fine page")
    assert mark["evidence"] == current(mill.lake, "tiny-A").datasets["decisions"]


def test_a_viewer_sees_samples_and_cannot_mark(mill: Mill, scheduled: dict[str, JSON]) -> None:
    login = {"username": VIEWER, "password": mill.home.password_of(VIEWER)}
    token = httpx.post(f"{mill.service.url}/auth/token", json=login, trust_env=False).json()["access_token"]
    viewer = httpx.Client(base_url=mill.service.url, headers={"authorization": f"Bearer {token}"}, trust_env=False)
    report = mill.lake.storage.list("reports/tiny-B")[-1]
    address = f"/quality/samples/tiny-B/{quote(report.rpartition('/')[2].removesuffix('.json'))}"
    page = viewer.get(address)
    assert page.status_code == 200
    assert "Samples of tiny-B" in page.text
    assert 'name="token"' not in page.text
    form = {"doc_id": "0", "verdict": "right", "token": "x"}
    answer = viewer.post(f"{address}/mark", data=form, headers={"origin": mill.service.url})
    assert answer.status_code == 403
    assert mill.lake.storage.list("marks/tiny-B") == []


def test_the_pages_ask_nothing_of_other_hosts(person: WebDriver, mill: Mill, scheduled: dict[str, JSON]) -> None:
    person.get(f"{mill.service.url}/quality/")
    asked = [json.loads(entry["message"])["message"] for entry in person.get_log("performance")]
    urls = [m["params"]["request"]["url"] for m in asked if m["method"] == "Network.requestWillBeSent"]
    quality = [url for url in urls if "/quality/" in url]
    assert quality
    assert [url for url in urls if not url.startswith((mill.service.url, "data:", "blob:", "chrome:"))] == []
    assert not [entry for entry in person.get_log("browser") if "Content Security Policy" in entry["message"]]
