"""A person in front of the Airflow UI: logs in, sees the runs, opens a report."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx
import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.support.ui import WebDriverWait

from gristmill.service.home import USER

if TYPE_CHECKING:
    from gristmill.service.client import JSON
    from tests.e2e.conftest import Mill

pytestmark = [pytest.mark.airflow, pytest.mark.browser]

OPTIONS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-component-update",
    "--disable-background-networking", "--disable-sync", "--window-size=1400,1000",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)  # fmt: skip
PATIENCE_SECONDS = 60


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebDriver]:
    """Headless Chromium that can reach this machine only."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("needs Debian's packages chromium and chromium-driver; `make test` installs them")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    for option in (*OPTIONS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(option)
    found = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    try:
        yield found
    finally:
        found.quit()


@pytest.fixture(scope="module")
def person(browser: WebDriver, mill: Mill) -> WebDriver:
    """Logged in through the form."""
    browser.get(mill.service.url)
    wait(browser, lambda: browser.find_elements(By.NAME, "username"))
    browser.find_element(By.NAME, "username").send_keys(USER)
    browser.find_element(By.NAME, "password").send_keys(mill.home.password)
    browser.find_element(By.CSS_SELECTOR, "button[type=submit]").click()
    wait(browser, lambda: "/auth/login" not in browser.current_url)
    return browser


def wait(browser: WebDriver, condition: Callable[[], Any]) -> Any:
    """What `condition` gives once it is true."""
    return WebDriverWait(browser, PATIENCE_SECONDS).until(lambda _: condition())


def text(browser: WebDriver) -> str:
    return browser.find_element(By.TAG_NAME, "body").text


def enter_frame(browser: WebDriver) -> None:
    """Into the page that the UI shows in its frame."""
    wait(browser, lambda: browser.find_elements(By.TAG_NAME, "iframe"))
    browser.switch_to.frame(browser.find_element(By.TAG_NAME, "iframe"))


def test_nobody_sees_a_report_without_logging_in(mill: Mill, scheduled: dict[str, JSON]) -> None:
    for path in ("/quality/", "/quality/reports/tiny-A/x", "/api/v2/dags"):
        assert httpx.get(mill.service.url + path, trust_env=False).status_code == 401


def test_a_person_sees_the_dags_and_the_runs(person: WebDriver, mill: Mill, scheduled: dict[str, JSON]) -> None:
    person.get(f"{mill.service.url}/dags")
    wait(person, lambda: all(dag in text(person) for dag in ("crawl_snapshot", "corpus_ready", "pretrain")))
    person.get(f"{mill.service.url}/dags/crawl_snapshot/runs")
    wait(person, lambda: all(run["dag_run_id"] in text(person) for run in scheduled.values()))


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
    person.switch_to.default_content()


def test_the_pages_ask_nothing_of_other_hosts(person: WebDriver, mill: Mill, scheduled: dict[str, JSON]) -> None:
    person.get(f"{mill.service.url}/quality/")
    asked = [json.loads(entry["message"])["message"] for entry in person.get_log("performance")]
    urls = [m["params"]["request"]["url"] for m in asked if m["method"] == "Network.requestWillBeSent"]
    quality = [url for url in urls if "/quality/" in url]
    assert quality
    assert [url for url in urls if not url.startswith((mill.service.url, "data:", "blob:", "chrome:"))] == []
    assert not [entry for entry in person.get_log("browser") if "Content Security Policy" in entry["message"]]
