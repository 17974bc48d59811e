"""gristmill verdict: only a reviewer answers, only a warning is answered, no crawled control character is printed."""

from __future__ import annotations

import argparse
import getpass
import json
import re
from datetime import date
from typing import Any

import pytest

from gristmill.approvals import answers
from gristmill.commands import verdict as command
from gristmill.errors import UserError
from gristmill.lake import Lake
from gristmill.ledger import attempt
from gristmill.reviews import find
from gristmill.service import control
from gristmill.service.client import Client, ServiceError
from gristmill.service.control import Service
from gristmill.service.home import Home
from gristmill.verdicts import Check, Outcome, record

PROFILE = """\
{{work_dir: {0}, lake: {0}/lake, policy: p, gates: g, mix: m, pretrain: t,
airflow: {{users: {{admin: admin, rita: user}}, reviewers: [rita]}}}}
"""


@pytest.fixture
def profile(mill: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """A profile whose only reviewer is rita, who sits at the terminal."""
    path = mill.folder / "mine.yaml"
    path.write_text(PROFILE.format(mill.folder))
    monkeypatch.setattr(getpass, "getuser", lambda: "rita")
    return str(path)


@pytest.fixture
def waiting(lake: Lake) -> str:
    """The evidence digest of snapshot a, which waits, beside b, which is blocked."""
    for name, digit, outcome in (("a", "1", "warn"), ("b", "2", "block")):
        judge(lake, name, digit, outcome)  # type: ignore[arg-type]
    return find(lake, "a").verdict.digest


def judge(lake: Lake, name: str, digit: str, outcome: Outcome) -> None:
    check = Check(
        "language drift", "warn" if outcome == "warn" else "block", "failed", 0.31, {"max": 0.2}, "why it matters",
        history={"earlier": 0.1}, offenders=(("h\x1b[2J\u202e.example", 0.9),), exception="agreed",
    )  # fmt: skip
    record(
        lake, subject=digit * 64, kind="snapshot", suite="1", history="", outcome=outcome, checks=[check], digests={},
        past={"earlier": "9" * 64},
    )  # fmt: skip
    with attempt(lake, stage="gate.snapshot", scope=name, config={}, inputs={}) as current:
        current.summary.update({"verdict": outcome, "subject": digit * 64})


def gristmill(*arguments: str) -> None:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    assert command.run(parser.parse_args(arguments)) == 0


def test_the_list_has_what_waits_on_top(profile: str, waiting: str, capsys: pytest.CaptureFixture[str]) -> None:
    gristmill("list", "--profile", profile)
    assert capsys.readouterr().out.splitlines() == [
        "a  snapshot  WARN  waits for a reviewer", "  language drift", "b  snapshot  BLOCK  blocked", "  language drift"
    ]  # fmt: skip
    gristmill("list", "--json", "--profile", profile)
    assert [entry["waiting"] for entry in json.loads(capsys.readouterr().out)] == [True, False]


def test_an_empty_lake_has_nothing_to_list(profile: str, capsys: pytest.CaptureFixture[str]) -> None:
    gristmill("list", "--profile", profile)
    assert capsys.readouterr().out == "no gate has judged anything yet\n"


def test_a_verdict_is_shown_with_numbers_bounds_history_and_answers(
    profile: str, waiting: str, capsys: pytest.CaptureFixture[str]
) -> None:
    gristmill("reject", "a", "--reason", "no\x1b[2J", "--profile", profile)
    capsys.readouterr()
    gristmill("show", "a", "--profile", profile)
    said = capsys.readouterr().out
    assert "language drift: 0.31; bounds: max 0.2; why it matters" in said
    assert "earlier: earlier 0.1" in said
    assert "history: earlier 999999999999" in said
    assert f"evidence {waiting}" in said
    assert "reject by rita (command line): no" in said
    assert not set("\x1b\u202e") & set(said)
    gristmill("show", "a", "--json", "--profile", profile)
    assert json.loads(capsys.readouterr().out)["answers"][0]["who"] == "rita"


def test_a_reviewer_answers_and_is_stored_with_the_reason(
    lake: Lake, profile: str, waiting: str, capsys: pytest.CaptureFixture[str]
) -> None:
    gristmill("approve", "a", "--reason", "compared by hand", "--profile", profile)
    [given] = answers(lake, waiting)
    assert (given.decision, given.who, given.reason, given.via) == (
        "approve", "rita", "compared by hand", "command line"
    )  # fmt: skip
    assert "Airflow is not running; where its task has ended, clear `approval`" in capsys.readouterr().out


def test_who_answers_for_a_reviewer_is_stored_too(
    lake: Lake, profile: str, waiting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: "root")
    with pytest.raises(UserError, match=r"'root' is no reviewer of this profile \(rita\); give --as REVIEWER"):
        gristmill("approve", "a", "--reason", "x", "--profile", profile)
    with pytest.raises(UserError, match="'admin' is no reviewer"):
        gristmill("approve", "a", "--reason", "x", "--as", "admin", "--profile", profile)
    assert answers(lake, waiting) == []
    gristmill("approve", "a", "--reason", "x", "--as", "rita", "--profile", profile)
    assert [given.who for given in answers(lake, waiting)] == ["rita (system user root)"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["b", "--reason", "x"], "the verdict on b is 'block'; only one that warns is answered"),
        (["absent", "--reason", "x"], "no gate judged 'absent'"),
        (["a", "--reason", " "], "a reason is required"),
    ],
)
def test_what_cannot_be_answered_is_refused_with_a_sentence(
    profile: str, waiting: str, arguments: list[str], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        gristmill("approve", *arguments, "--profile", profile)


def test_the_waiting_task_of_exactly_this_verdict_is_woken(
    profile: str, waiting: str, mill: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (mill.folder / "airflow").mkdir()
    (mill.folder / "airflow" / "passwords.json").write_text('{"rita": "secret"}')
    task = {"dag_id": "crawl_snapshot", "dag_run_id": "run 1", "task_id": "approval", "map_index": -1}
    requests = [{"task_instance": task, "body": f"Evidence: `{waiting}`"}, {"task_instance": {}, "body": "another"}]
    said: list[tuple[Any, ...]] = []
    monkeypatch.setattr(control, "running", lambda home: Service(1, 1, "", "", "http://127.0.0.1:9"))
    monkeypatch.setattr(Client, "waiting_requests", lambda self: requests)
    monkeypatch.setattr(Client, "respond", lambda self, *arguments: said.append(arguments))
    gristmill("approve", "a", "--reason", "compared  by hand", "--profile", profile)
    assert said == [(task, "Approve", "compared by hand")]
    assert "the waiting run goes on: crawl_snapshot run 1" in capsys.readouterr().out

    def refuse(self: Client, *arguments: Any) -> None:
        raise ServiceError(409, "answered already")

    monkeypatch.setattr(Client, "respond", refuse)
    gristmill("reject", "a", "--reason", "no", "--profile", profile)
    assert "Airflow could not be told (answered already); where" in capsys.readouterr().out


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied", "service.json"), KeyError("rita")])
@pytest.mark.parametrize("where", [(control, "running"), (Home, "password_of")])
def test_an_airflow_that_cannot_be_told_is_said_and_the_answer_stays(
    lake: Lake, profile: str, waiting: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    where: tuple[Any, str], error: Exception,
) -> None:  # fmt: skip
    def refuse(*arguments: Any) -> None:
        raise error

    monkeypatch.setattr(control, "running", lambda home: Service(1, 1, "", "", "http://127.0.0.1:9"))
    monkeypatch.setattr(*where, refuse)
    gristmill("approve", "a", "--reason", "compared", "--profile", profile)
    said = capsys.readouterr().out
    assert "approve stored" in said
    why = "no password for rita" if isinstance(error, KeyError) else "Permission denied"
    assert re.search(rf"Airflow could not be told \(.*{why}.*\); where its task has ended, clear `approval`", said)
    assert len(answers(lake, waiting)) == 1


def test_a_released_snapshot_is_shown_too(lake: Lake, mill: Any, profile: str) -> None:
    mill.release("released", date(2026, 3, 1))
    assert find(lake, mill.judge(mill.datasets("released"))[:12]).state == "passed"


def test_an_answer_to_another_evidence_is_refused(lake: Lake, profile: str, waiting: str) -> None:
    other = "0" * 12 if waiting[0] != "0" else "1" * 12
    for wrong, message in ((other, "the current verdict on a"), ("", "8 characters")):
        with pytest.raises(UserError, match=message):
            gristmill("approve", "a", "--reason", "x", "--evidence", wrong, "--profile", profile)
    assert answers(lake, waiting) == []
    gristmill("approve", "a", "--reason", "x", "--evidence", waiting[:12], "--profile", profile)
    assert len(answers(lake, waiting)) == 1
