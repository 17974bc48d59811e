"""A warning through a real scheduler and its UI: who may answer, what an answer needs, and what it lets through."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
import yaml
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver

from gristmill import release
from gristmill.approvals import answers
from gristmill.catalogue import Catalogue
from gristmill.lake import Lake
from gristmill.mixes import load_mix, request_id
from gristmill.profile import PROJECT, load_profile
from gristmill.promote import promoted
from gristmill.reviews import find
from gristmill.service import control
from gristmill.service.client import JSON, Client, ServiceError
from gristmill.service.home import Home
from quality.report import pointers
from tests.e2e.conftest import CRAWL, SNAPSHOTS, Mill, _first_members, write_profile
from tests.e2e.people import keep_picture, log_in, text, wait

pytestmark = [pytest.mark.airflow, pytest.mark.browser]

USERS = {"admin": "admin", "rita": "user", "vera": "viewer"}
RUN = "the+first:run"
REQUEST = f"/dags/crawl_snapshot/runs/{quote(RUN, safe='')}/tasks/approval/required_actions"
"""Where the UI shows the request and its form."""
WARNINGS = {"snapshot": "extract.out", "tokens": "train.tokens", "model": "train.tokens"}
PATIENCE_SECONDS = 240.0


@dataclass
class Waiting:
    """A mill in which every gate warns, and only rita reviews; `told` is what its webhook was sent."""

    mill: Mill
    told: list[JSON]

    def as_user(self, user: str) -> Client:
        return Client(self.mill.service.url, user, self.mill.home.password_of(user))

    def asked(self, dag: str, task: str) -> JSON | None:
        """The request of a task that waits for an answer."""
        for found in self.mill.client.waiting_requests():
            if (found["task_instance"]["dag_id"], found["task_instance"]["task_id"]) == (dag, task):
                return found
        return None

    def request(self, dag: str, task: str) -> JSON:
        """The request of a task, once it waits."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            if found := self.asked(dag, task):
                return found
            time.sleep(0.2)
        raise AssertionError(f"{task} does not wait: {self.mill.client.runs(dag)}")

    def answer(self, dag: str, task: str, give: Callable[[JSON], None]) -> None:
        """`give` an answer to the task that waits until it is taken: Airflow loses an answer that comes before its
        scheduler has seen that the task waits, and asks again."""
        waits = self.request(dag, task)["task_instance"]
        deadline = time.monotonic() + PATIENCE_SECONDS
        give(waits)
        while (state := self.mill.states(dag, waits["dag_run_id"])[task]) not in ("success", "failed"):
            assert time.monotonic() < deadline, state
            if self.asked(dag, task):
                give(waits)
            time.sleep(0.5)

    def respond(self, dag: str, task: str, option: str, reason: str) -> None:
        """Answer as rita by Airflow's interface for programs."""
        self.answer(dag, task, lambda waits: self.as_user("rita").respond(waits, option, reason))

    def clear(self) -> None:
        """Run what failed of the first run again."""
        self.mill.client.clear_failed("crawl_snapshot", RUN)


@pytest.fixture(scope="module")
def hook() -> Iterator[tuple[str, list[JSON]]]:
    """(address, what was posted there)."""
    received: list[JSON] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/", received
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def waiting(tmp_path_factory: pytest.TempPathFactory, hook: tuple[str, list[JSON]]) -> Iterator[Waiting]:
    """A started mill with one run of one tiny crawl."""
    root = tmp_path_factory.mktemp("approval")
    default = PROJECT / "configs" / "gates" / "default.yaml"
    gates = yaml.safe_load(default.read_text(encoding="utf-8"))
    gates["evaluation"] = [str(default.parent / path) for path in gates.get("evaluation", [])]
    for kind, metric in WARNINGS.items():
        planted = {"name": "planted", "metric": metric, "max": 0, "severity": "warn", "why": "to be seen"}
        next(iter(gates[kind].values())).append(planted)
    (root / "gates.yaml").write_text(yaml.safe_dump(gates), encoding="utf-8")
    profile = load_profile(str(write_profile(
        root, ("tiny-A",), gates=str(root / "gates.yaml"), alerts=[{"kind": "webhook", "url": hook[0]}],
        airflow={"schedule": "none", "users": USERS, "reviewers": ["rita"], "late_hours": 0.0005},
    )))  # fmt: skip
    crawl = _first_members(CRAWL / "snapshot-A" / "MINI-A-00000.warc.gz", root / "tiny-A.warc.gz", 130)
    Catalogue(Lake.open(profile)).add("tiny-A", SNAPSHOTS["tiny-A"], [crawl])
    home = Home(profile)
    service = control.start(home)
    try:
        mill = Mill(profile, home, service, service.client(home))
        mill.client.unpause("crawl_snapshot")
        mill.client.trigger("crawl_snapshot", RUN, partition_key="tiny-A")
        yield Waiting(mill, hook[1])
    finally:
        control.stop(home)


def fill_in(browser: WebDriver, mill: Mill, option: str, reason: str) -> None:
    """Open the request, type the reason, press the button."""
    browser.get(mill.service.url + REQUEST)
    button = f"[data-testid=hitl-option-{option}]"
    wait(browser, lambda: browser.find_elements(By.CSS_SELECTOR, button))
    assert "Release snapshot tiny-A?" in text(browser)
    browser.find_element(By.NAME, "element_reason").send_keys(reason)
    keep_picture(browser, "approval")
    browser.find_element(By.CSS_SELECTOR, button).click()


def test_the_request_shows_the_failed_check_and_a_report_that_is_there(waiting: Waiting) -> None:
    request = waiting.request("crawl_snapshot", "approval")
    assert request["subject"] == "Release snapshot tiny-A?"
    assert "| `planted` |" in request["body"]
    assert "max 0" in request["body"]
    assert request["assigned_users"] == [{"id": "rita", "name": "rita"}]
    assert [found["run_id"] for found in pointers(waiting.mill.lake)] == [RUN]
    link = f"{waiting.mill.service.url}/quality/?run_id={quote(RUN, safe='')}"
    assert f"({link})" in request["body"]
    token = httpx.post(f"{waiting.mill.service.url}/auth/token",
                       json={"username": "vera", "password": waiting.mill.home.password_of("vera")})  # fmt: skip
    page = httpx.get(link, headers={"Authorization": f"Bearer {token.json()['access_token']}"}, follow_redirects=True)
    assert page.status_code == 200
    assert "planted" in page.text
    assert httpx.get(link).status_code == 401


@pytest.mark.parametrize("task", ["gate", "report", "approval"])
def test_tasks_have_a_button_that_opens_the_report(waiting: Waiting, task: str) -> None:
    waiting.request("crawl_snapshot", "approval")
    path = f"/dags/crawl_snapshot/dagRuns/{quote(RUN, safe='')}/taskInstances/{task}/links"
    links = waiting.mill.client.call("GET", path)["extra_links"]
    assert links == {"Quality report": f"{waiting.mill.service.url}/quality/?run_id={quote(RUN, safe='')}"}


@pytest.mark.parametrize("user", ["vera", "admin"])
def test_a_viewer_and_a_user_who_was_not_asked_cannot_answer(waiting: Waiting, user: str) -> None:
    request = waiting.request("crawl_snapshot", "approval")
    with pytest.raises(ServiceError) as refused:
        waiting.as_user(user).respond(request["task_instance"], "Approve", "let me")
    assert refused.value.status == 403


def test_a_stranger_is_shown_nothing_but_the_login(waiting: Waiting, browser: WebDriver) -> None:
    waiting.request("crawl_snapshot", "approval")
    browser.get(waiting.mill.service.url + REQUEST)
    wait(browser, lambda: browser.find_elements(By.NAME, "password"))
    assert "/auth/login" in browser.current_url
    assert not [word for word in ("tiny-A", "planted", "Approve", "crawl_snapshot") if word in text(browser)]


def test_a_viewer_presses_the_button_in_vain(waiting: Waiting, browser: WebDriver) -> None:
    waiting.request("crawl_snapshot", "approval")
    log_in(browser, waiting.mill, "vera")
    fill_in(browser, waiting.mill, "Approve", "let me")
    wait(browser, lambda: "Access Denied" in text(browser))
    assert waiting.asked("crawl_snapshot", "approval")


def test_an_approval_without_a_reason_approves_nothing(waiting: Waiting) -> None:
    waiting.respond("crawl_snapshot", "approval", "Approve", " ")
    assert waiting.mill.finish("crawl_snapshot", RUN)["state"] == "failed"
    [tries] = [t["try_number"] for t in waiting.mill.client.tasks("crawl_snapshot", RUN) if t["task_id"] == "approval"]
    log = "\n".join(waiting.mill.client.log("crawl_snapshot", RUN, "approval", tries))
    assert "a reason is required" in log
    assert "Clear this task to be asked again" in log
    assert answers(waiting.mill.lake, find(waiting.mill.lake, "tiny-A").verdict.digest) == []


def test_an_approval_in_the_ui_releases(waiting: Waiting, browser: WebDriver) -> None:
    waiting.clear()
    waiting.request("crawl_snapshot", "approval")
    assert release.current(waiting.mill.lake, "tiny-A") is None
    assert waiting.mill.client.runs("corpus_ready") == []
    log_in(browser, waiting.mill, "rita")

    def approve(waits: JSON) -> None:
        fill_in(browser, waiting.mill, "Approve", "they moved; compared by hand")
        wait(browser, lambda: not waiting.asked("crawl_snapshot", "approval"))

    waiting.answer("crawl_snapshot", "approval", approve)
    assert waiting.mill.finish("crawl_snapshot", RUN)["state"] == "success"
    verdict = find(waiting.mill.lake, "tiny-A").verdict
    [given] = answers(waiting.mill.lake, verdict.digest)
    assert (given.decision, given.who, given.via) == ("approve", "rita", "airflow")
    released = release.current(waiting.mill.lake, "tiny-A")
    assert released is not None
    assert released.approval is not None
    assert (released.approval["who"], released.approval["reason"]) == ("rita", "they moved; compared by hand")
    assert released.approval["evidence"] == verdict.digest


@pytest.fixture(scope="module")
def training(waiting: Waiting) -> str:
    """The id of the training run that the release starts."""
    return request_id(waiting.mill.lake, load_mix(waiting.mill.profile.mix))


def test_a_rejection_ends_red_and_starts_nothing_downstream(waiting: Waiting, training: str) -> None:
    request = waiting.request("pretrain", "approve_tokens")
    assert request["subject"] == f"Train on the tokens of {training}?"
    waiting.respond("pretrain", "approve_tokens", "Reject", "too few")
    assert waiting.mill.finish("pretrain", training)["state"] == "failed"
    states = waiting.mill.states("pretrain", training)
    assert (states["approve_tokens"], states["train"], states["promote"]) == ("failed", *["upstream_failed"] * 2)
    assert promoted(waiting.mill.lake, load_mix(waiting.mill.profile.mix).name) is None


def test_an_approval_by_command_line_is_found_when_the_task_is_cleared(waiting: Waiting, training: str) -> None:
    tokens = find(waiting.mill.lake, training).verdict
    done = waiting.mill.command("verdict", "approve", training, "--reason", "enough for a test", "--as", "rita")
    assert done.returncode == 0, done.stderr
    given = answers(waiting.mill.lake, tokens.digest)
    assert [(each.decision, each.via) for each in given] == [("reject", "airflow"), ("approve", "command line")]
    waiting.mill.client.clear_failed("pretrain", training)
    waiting.request("pretrain", "approve_model")
    done = waiting.mill.command("verdict", "approve", training, "--reason", "learns", "--as", "rita")
    assert "the waiting run goes on" in done.stdout, done.stdout + done.stderr
    assert waiting.mill.finish("pretrain", training)["state"] == "success"
    assert promoted(waiting.mill.lake, load_mix(waiting.mill.profile.mix).name) is not None
    [given_model] = answers(waiting.mill.lake, find(waiting.mill.lake, training).verdict.digest)
    assert (given_model.via, given_model.reason) == ("command line", "learns")


def test_who_is_to_know_was_told_without_a_crawled_word(waiting: Waiting) -> None:
    events = [each["event"] for each in waiting.told]
    assert events.count("warn") == 3
    late, late_training = (each for each in waiting.told if each["event"] == "late")
    assert "crawl_snapshot on tiny-A is late" in late["title"]
    assert late["link"] == f"{waiting.mill.service.url}/dags/crawl_snapshot/runs/{quote(RUN, safe='')}"
    assert "pretrain on tiny-" in late_training["title"]
    for warning in (each for each in waiting.told if each["event"] == "warn"):
        assert "- planted (warn): " in warning["text"]
        assert "planted" in warning["text"]
        assert warning["link"].startswith(f"{waiting.mill.service.url}/quality/")


def test_no_password_is_in_a_log(waiting: Waiting) -> None:
    secrets = [waiting.mill.home.password_of(user).encode() for user in USERS]
    logs: list[Path] = [path for path in waiting.mill.home.logs.rglob("*") if path.is_file()]
    assert logs
    assert [path for path in logs if any(secret in path.read_bytes() for secret in secrets)] == []
