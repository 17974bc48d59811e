"""Operators: what a stage is started with, what its output and exit code become, and that nothing outlives it."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytestmark = pytest.mark.airflow

pytest.importorskip("airflow")
from airflow.sdk.exceptions import AirflowFailException  # noqa: E402

from gristmill.airflow.operators import (  # noqa: E402
    GateOperator,
    StageFailed,
    StageOperator,
    last_words,
    stage_command,
    stage_environment,
)
from gristmill.approvals import Answer, Decision, answer  # noqa: E402
from gristmill.lake import Lake  # noqa: E402
from gristmill.service.processes import process  # noqa: E402
from gristmill.verdicts import Outcome, latest, record  # noqa: E402

STAGE = """
import json, os, subprocess, sys, time
options = dict(argument[2:].split("=", 1) for argument in sys.argv[1:])
{body}
json.dump({{"outputs": {{"documents": "d1"}}, "summary": {{"argv": sys.argv[1:]}}}}, open(options["result"], "w"))
"""


class Instance:
    """XCom of the tasks before."""

    def __init__(self, **outputs: dict[str, str]) -> None:
        self.outputs = outputs

    def xcom_pull(self, task_ids: str) -> dict[str, str] | None:
        return self.outputs.get(task_ids)


def context(key: str | None = "snap", **outputs: dict[str, str]) -> Any:
    run = SimpleNamespace(partition_key=key, run_id="run 1")
    return {"dag_run": run, "ti": Instance(**outputs), "outlet_events": {}}


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Make a stage module with this body."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("GRISTMILL_PROFILE", "demo")

    def make(body: str) -> str:
        (tmp_path / "stage_under_test.py").write_text(STAGE.format(body=body), encoding="utf-8")
        return "stage_under_test"

    return make


def test_a_stage_gets_its_scope_and_the_digests_of_the_tasks_before(
    stage: Callable[[str], str], tmp_path: Path
) -> None:
    module = stage(f"json.dump(sys.argv[1:], open({str(tmp_path / 'seen')!r}, 'w'))")
    operator = StageOperator(task_id="t", module=module, inputs={"corpus": "curate"}, options={"kind": "snapshot"})
    assert operator.execute(context(curate={"corpus": "c1", "index": "i1"})) == {"documents": "d1"}
    seen = json.loads((tmp_path / "seen").read_text(encoding="utf-8"))
    assert seen[:5] == ["--profile=demo", "--snapshot=snap", "--run-id=run 1", "--kind=snapshot", "--input=corpus=c1"]


def test_the_command_holds_every_value_behind_its_own_option() -> None:
    command = stage_command("m", {"snapshot": "--conf x; rm", "input": ["a=1", "b=2"]}, Path("/r"))
    assert command[1:] == ["-m", "m", "--snapshot=--conf x; rm", "--input=a=1", "--input=b=2", "--result=/r"]


def test_a_run_without_a_key_fails_at_once(stage: Callable[[str], str]) -> None:
    with pytest.raises(AirflowFailException, match="no partition key"):
        StageOperator(task_id="t", module=stage("")).execute(context(key=None))


def test_a_missing_input_fails_at_once_unless_allowed(stage: Callable[[str], str]) -> None:
    module = stage("")
    with pytest.raises(AirflowFailException, match="no digest of corpus"):
        StageOperator(task_id="t", module=module, inputs={"corpus": "curate"}).execute(context())
    lenient = StageOperator(task_id="u", module=module, inputs={"corpus": "curate"}, allow_missing=True)
    assert lenient.execute(context()) == {"documents": "d1"}


@pytest.mark.parametrize("code", [2, 3])
def test_a_users_error_or_a_blocked_gate_is_not_retried_and_says_why(stage: Callable[[str], str], code: int) -> None:
    module = stage(f"print('error: give it\\nin two lines'); sys.exit({code})")
    with pytest.raises(AirflowFailException, match="give it\nin two lines"):
        StageOperator(task_id="t", module=module).execute(context())


def test_any_other_end_is_retried(stage: Callable[[str], str]) -> None:
    with pytest.raises(StageFailed, match="code 7: out of luck"):
        StageOperator(task_id="t", module=stage("print('out of luck'); sys.exit(7)")).execute(context())


def test_the_stage_does_not_see_airflows_own_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "secret")
    monkeypatch.setenv("_AIRFLOW_X", "secret")
    assert not [value for value in stage_environment().values() if value == "secret"]


@pytest.fixture
def gate(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Outcome], GateOperator]:
    """A gate whose stage gives this verdict, in a profile with a notifier that logs."""
    profile = tmp_path / "p.yaml"
    profile.write_text(
        f"{{work_dir: w, lake: {tmp_path}/lake, policy: p, gates: g, mix: m, pretrain: t, alerts: [{{kind: log}}]}}"
    )
    monkeypatch.setenv("GRISTMILL_PROFILE", str(profile))

    def make(outcome: Outcome) -> GateOperator:
        judged = record(
            lake, subject="5" * 64, kind="snapshot", suite="1", history="", outcome=outcome, checks=[], digests={}
        )

        def run(self: StageOperator, command: list[str]) -> None:
            summary = {"verdict": outcome, "subject": judged.subject}
            Path(command[-1].removeprefix("--result=")).write_text(json.dumps({"outputs": {}, "summary": summary}))
            if outcome in ("block", "error"):
                raise AirflowFailException("stopped")

        monkeypatch.setattr(StageOperator, "_run", run)
        return GateOperator(task_id="gate", module="m")

    return make


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Titles of the alerts."""
    return [r.getMessage().splitlines()[0] for r in caplog.records if r.name == "gristmill.notifiers"]


@pytest.mark.parametrize(("outcome", "said"), [("pass", []), ("warn", ["WARN"])])
def test_a_warning_is_told_and_goes_on(
    gate: Callable[[Outcome], GateOperator], caplog: pytest.LogCaptureFixture, outcome: Outcome, said: list[str]
) -> None:
    assert gate(outcome).execute(context()) == {}
    assert told(caplog) == [f"Gristmill: the snapshot gate says {each} on snap" for each in said]


@pytest.mark.parametrize("outcome", ["block", "error"])
def test_a_gate_that_blocks_is_told_and_fails(
    gate: Callable[[Outcome], GateOperator], caplog: pytest.LogCaptureFixture, outcome: Outcome
) -> None:
    with pytest.raises(AirflowFailException, match="stopped"):
        gate(outcome).execute(context())
    assert told(caplog) == [f"Gristmill: the snapshot gate says {outcome.upper()} on snap"]


@pytest.mark.parametrize(
    ("decision", "via", "said"),
    [("approve", "airflow", 0), ("reject", "command line", 0), ("reject", "time-out", 1)],
)
def test_what_a_reviewer_answered_already_is_not_told_again(
    gate: Callable[[Outcome], GateOperator], lake: Lake, caplog: pytest.LogCaptureFixture, decision: Decision,
    via: str, said: int,
) -> None:  # fmt: skip
    operator = gate("warn")
    verdict = latest(lake, "5" * 64)
    assert verdict is not None
    answer(lake, Answer(verdict.digest, decision, "rita", "seen", via))
    operator.execute(context())
    assert len(told(caplog)) == said


def test_an_alert_that_cannot_be_made_does_not_fail_the_gate(
    gate: Callable[[Outcome], GateOperator], monkeypatch: pytest.MonkeyPatch
) -> None:
    operator = gate("warn")
    monkeypatch.setattr("gristmill.airflow.operators.send_gate_alert", None)
    assert operator.execute(context()) == {}


@pytest.mark.fault
def test_a_killed_task_leaves_no_process(
    stage: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = """
child = subprocess.Popen(["sleep", "600"], start_new_session=True)
fifo = open(os.environ["PIDS"], "w")
fifo.write(json.dumps([os.getpid(), child.pid])); fifo.close()
time.sleep(600)
"""
    fifo = tmp_path / "pids"
    os.mkfifo(fifo)
    monkeypatch.setenv("PIDS", str(fifo))
    operator = StageOperator(task_id="t", module=stage(body))
    failures: list[BaseException] = []

    def execute() -> None:
        try:
            operator.execute(context())
        except BaseException as error:
            failures.append(error)

    # The child is started by a thread that lives on until it is killed: it must not die with its starter.
    thread = threading.Thread(target=execute)
    thread.start()
    started = json.loads(fifo.read_text(encoding="utf-8"))
    operator.on_kill()
    thread.join(60)
    assert isinstance(failures[0], StageFailed)
    alive = [process(pid) for pid in started]
    assert [p for p in alive if p is not None and not p.dead] == []


@pytest.mark.parametrize("outlives", [False, True])
def test_a_stage_that_outlives_its_worker_is_told_to_stop_itself(
    stage: Callable[[str], str], tmp_path: Path, outlives: bool
) -> None:
    """Behind a guard the parent is the guard; without, it is this process, and the guard ends nothing."""
    body = f"""
open({str(tmp_path / "parent")!r}, "w").write(str(os.getppid()))
"""
    StageOperator(task_id="t", module=stage(body), outlives=outlives).execute(context())
    assert ((tmp_path / "parent").read_text() == str(os.getpid())) == outlives


def test_last_words_are_the_error_sentence_else_the_last_line() -> None:
    assert last_words(["a", "error: one", "error: two", "more"]) == "two\nmore"
    assert last_words(["a", "b", " "]) == "b"
    assert last_words([]) == "no output"
