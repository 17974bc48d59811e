"""The approval task: whom it asks, what it stores, and that nothing but a reviewer's reasoned approval lets a warning
through."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

pytestmark = pytest.mark.airflow

pytest.importorskip("airflow")
from airflow.providers.standard.operators import hitl  # noqa: E402
from airflow.sdk.exceptions import AirflowFailException, TaskAwaitingInput  # noqa: E402

from gristmill.airflow import approval as module  # noqa: E402
from gristmill.airflow.approval import ApprovalOperator  # noqa: E402
from gristmill.approvals import MAX_REASON, Answer, Decision, answer, answers  # noqa: E402
from gristmill.lake import Lake  # noqa: E402
from gristmill.profile import AirflowSettings  # noqa: E402
from gristmill.verdicts import Check, Outcome, Verdict, record  # noqa: E402

SUBJECT = "5" * 64
AIRFLOW = AirflowSettings(users={"admin": "admin", "rita": "user"}, reviewers=["rita"], approval_hours=2)


@pytest.fixture
def asked(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The requests that Airflow was given."""
    found: list[dict[str, Any]] = []
    monkeypatch.setattr(module, "_open", lambda: (SimpleNamespace(airflow=AIRFLOW), lake))
    monkeypatch.setattr(hitl, "upsert_hitl_detail", lambda **request: found.append(request))
    return found


@pytest.fixture
def operator() -> ApprovalOperator:
    return ApprovalOperator(task_id="approval", kind="tokens", inputs={"tokens": "tokenize"})


def judge(lake: Lake, outcome: Outcome, suite: str = "1") -> Verdict:
    check = Check("drift", "warn", "failed", 0.3, {"max": 0.2}, offenders=(("{{ 7*7 }}", 1.0),))
    return record(
        lake, subject=SUBJECT, kind="tokens", suite=suite, history="", outcome=outcome, checks=[check], digests={}
    )


def context() -> Any:
    instance = SimpleNamespace(id="ti", xcom_pull=lambda task_ids: {"tokens": SUBJECT})
    return {
        "dag_run": SimpleNamespace(dag_id="pretrain", run_id="run 1", partition_key=None, run_after="2026-03-01"),
        "ti": instance,
        "task_instance": instance,
    }


def response(option: str = "Approve", reason: Any = "compared", who: str = "rita") -> dict[str, Any]:
    return {
        "chosen_options": [option], "params_input": {"reason": reason}, "responded_at": None, "timedout": False,
        "responded_by_user": {"id": who, "name": who},
    }  # fmt: skip


TIMED_OUT = {
    "chosen_options": ["Reject"], "params_input": {"reason": None}, "responded_by_user": None, "timedout": True
}  # fmt: skip


def test_a_pass_goes_through_without_a_question(lake: Lake, asked: Any, operator: ApprovalOperator) -> None:
    judge(lake, "pass")
    operator.execute(context())
    assert asked == []


@pytest.mark.parametrize("outcome", ["block", "error"])
def test_what_nobody_can_approve_fails(lake: Lake, asked: Any, operator: ApprovalOperator, outcome: Outcome) -> None:
    judge(lake, outcome)
    with pytest.raises(AirflowFailException, match=f"the verdict '{outcome}'"):
        operator.execute(context())
    assert asked == []


def test_what_was_never_judged_fails(asked: Any, operator: ApprovalOperator) -> None:
    with pytest.raises(AirflowFailException, match="was never judged"):
        operator.execute(context())


def test_a_warning_asks_the_reviewers_of_the_profile_for_a_reason(
    lake: Lake, asked: list[dict[str, Any]], operator: ApprovalOperator
) -> None:
    verdict = judge(lake, "warn")
    with pytest.raises(TaskAwaitingInput) as waiting:
        operator.execute(context())
    assert (waiting.value.method_name, waiting.value.kwargs) == ("execute_complete", {"evidence": verdict.digest})
    assert waiting.value.timeout == timedelta(hours=2)
    [request] = asked
    assert request["assigned_users"] == [{"id": "rita", "name": "rita"}]
    assert (request["options"], request["defaults"]) == (["Approve", "Reject"], ["Reject"])
    assert request["params"]["reason"]["schema"]["type"] == ["null", "string"]
    assert request["subject"] == "Train on the tokens of run 1?"
    assert "`{{ 7*7 }}`" in request["body"]
    assert "/quality/runs/run%201" in request["body"]
    assert operator.execution_timeout is None


def test_a_newer_verdict_is_not_asked_for_with_the_figures_of_the_first(
    lake: Lake, asked: list[dict[str, Any]], operator: ApprovalOperator
) -> None:
    judge(lake, "warn")
    for _ in range(2):  # asked again after an answer without a reason
        with pytest.raises(TaskAwaitingInput):
            operator.execute(context())
    newer = judge(lake, "warn", suite="2")
    with pytest.raises(AirflowFailException, match="judged anew"):
        operator.execute(context())
    assert len(asked) == 2
    answer(lake, Answer(newer.digest, "approve", "rita", "seen in the report", "command line", "run 1"))
    operator.execute(context())


def test_an_approval_is_stored_with_who_why_and_the_evidence(
    lake: Lake, asked: Any, operator: ApprovalOperator
) -> None:
    verdict = judge(lake, "warn")
    operator.execute_complete(context(), response(), verdict.digest)
    [given] = answers(lake, verdict.digest)
    assert (given.decision, given.who, given.reason, given.via, given.run_id) == (
        "approve", "rita", "compared", "airflow", "run 1"
    )  # fmt: skip
    operator.execute(context())
    assert asked == []


@pytest.mark.parametrize("option", ["Approve", "Reject"])
@pytest.mark.parametrize("reason", [None, "", "  ", 7, ["x"], "x" * 2001])
def test_without_a_proper_reason_nothing_is_stored(
    lake: Lake, asked: Any, operator: ApprovalOperator, option: str, reason: Any
) -> None:
    verdict = judge(lake, "warn")
    with pytest.raises(AirflowFailException, match=r"reason.*Nothing is approved.*Clear this task"):
        operator.execute_complete(context(), response(option, reason), verdict.digest)
    assert answers(lake, verdict.digest) == []


@pytest.mark.parametrize(
    ("event", "who", "via"),
    [
        (response("Reject", "half is gone"), "rita", "airflow"),
        (TIMED_OUT, "nobody", "time-out"),
        ({"error": "too late", "error_type": "timeout"}, "nobody", "time-out"),
    ],
)
def test_a_rejection_and_a_time_out_fail_for_good_and_are_on_record(
    lake: Lake, asked: Any, operator: ApprovalOperator, event: dict[str, Any], who: str, via: str
) -> None:
    verdict = judge(lake, "warn")
    with pytest.raises(AirflowFailException, match=f"was rejected by {who}: .*nothing is released"):
        operator.execute_complete(context(), event, verdict.digest)
    [given] = answers(lake, verdict.digest)
    assert (given.decision, given.who, given.via) == ("reject", who, via)


def test_a_cleared_task_asks_again_after_a_time_out_but_not_after_a_rejection(
    lake: Lake, asked: Any, operator: ApprovalOperator
) -> None:
    verdict = judge(lake, "warn")
    answer(lake, Answer(verdict.digest, "reject", "nobody", "no answer", "time-out"))
    with pytest.raises(TaskAwaitingInput):
        operator.execute(context())
    answer(lake, Answer(verdict.digest, "reject", "rita", "no", "airflow"))
    with pytest.raises(AirflowFailException, match="rejected by rita: no"):
        operator.execute(context())
    answer(lake, Answer(verdict.digest, "approve", "rita", "yes", "command line"))
    operator.execute(context())
    assert len(asked) == 1


@pytest.mark.parametrize("who", ["admin", ""])
def test_an_answer_of_somebody_else_counts_for_nothing(
    lake: Lake, asked: Any, operator: ApprovalOperator, who: str
) -> None:
    verdict = judge(lake, "warn")
    with pytest.raises(AirflowFailException, match="is no reviewer"):
        operator.execute_complete(context(), response(who=who), verdict.digest)
    assert answers(lake, verdict.digest) == []


def test_an_answer_to_a_verdict_that_stands_no_more_is_not_taken(
    lake: Lake, asked: Any, operator: ApprovalOperator
) -> None:
    shown = judge(lake, "warn")
    judge(lake, "warn", suite="2")
    with pytest.raises(AirflowFailException, match="judged anew"):
        operator.execute_complete(context(), response(), shown.digest)
    assert answers(lake, shown.digest) == []


@pytest.mark.parametrize(
    ("event", "stored"), [(response(), 1), (response(reason="mine"), 2), (response("Reject", "compared"), 2)]
)
def test_the_answer_of_the_command_line_is_stored_once_and_a_persons_own_counts(
    lake: Lake, asked: Any, operator: ApprovalOperator, event: dict[str, Any], stored: int
) -> None:
    verdict = judge(lake, "warn")
    answer(lake, Answer(verdict.digest, "approve", "rita (system user root)", "compared", "command line"))
    if event["chosen_options"] == ["Approve"]:
        operator.execute_complete(context(), event, verdict.digest)
    else:
        with pytest.raises(AirflowFailException, match="rejected by rita"):
            operator.execute_complete(context(), event, verdict.digest)
    assert len(answers(lake, verdict.digest)) == stored


@pytest.mark.parametrize("event", [TIMED_OUT, {"error": "too late", "error_type": "timeout"}])
@pytest.mark.parametrize("via", ["command line", "airflow"])
@pytest.mark.parametrize("decision", ["approve", "reject"])
def test_a_time_out_takes_back_no_answer_of_a_person(
    lake: Lake, asked: Any, operator: ApprovalOperator, decision: Decision, via: str, event: dict[str, Any]
) -> None:
    verdict = judge(lake, "warn")
    given = answer(lake, Answer(verdict.digest, decision, "rita", "compared", via))
    if decision == "approve":
        operator.execute_complete(context(), event, verdict.digest)
    else:
        with pytest.raises(AirflowFailException, match="was rejected by rita: compared"):
            operator.execute_complete(context(), event, verdict.digest)
    assert answers(lake, verdict.digest) == [given]


def test_the_form_says_how_long_a_reason_may_be(
    lake: Lake, asked: list[dict[str, Any]], operator: ApprovalOperator
) -> None:
    judge(lake, "warn")
    with pytest.raises(TaskAwaitingInput):
        operator.execute(context())
    reason = asked[0]["params"]["reason"]
    assert reason["schema"]["maxLength"] == MAX_REASON
    assert f"at most {MAX_REASON} characters" in reason["description"]


def test_a_snapshot_is_asked_about_by_its_key(
    lake: Lake, mill: Any, asked: list[dict[str, Any]], make: Callable[..., ApprovalOperator]
) -> None:
    datasets = mill.datasets("a")
    mill.judge(datasets, "warn")
    given = context()
    given["dag_run"].partition_key = "a"
    given["ti"].xcom_pull = lambda task_ids: datasets
    with pytest.raises(TaskAwaitingInput):
        make("snapshot", dict.fromkeys(datasets, "measure")).execute(given)
    assert asked[0]["subject"] == "Release snapshot a?"
    assert "/quality/?run_id=run%201" in asked[0]["body"]


@pytest.fixture
def make() -> Callable[..., ApprovalOperator]:
    def operator(kind: Any, inputs: dict[str, str]) -> ApprovalOperator:
        return ApprovalOperator(task_id="approval", kind=kind, inputs=inputs)

    return operator


def test_an_answer_that_airflow_lost_is_asked_for_again() -> None:
    """Its scheduler takes an answer of the first seconds for a killed task; the defaults of a DAG do not undo this."""
    defaults = {"retries": 1, "retry_delay": timedelta(minutes=5)}
    made = ApprovalOperator(task_id="approval", kind="tokens", inputs={}, default_args=defaults)
    assert made.retries >= 10
    assert made.retry_delay <= timedelta(seconds=10)


def test_a_run_of_the_same_name_after_a_deleted_one_asks_with_its_own_figures(
    lake: Lake, asked: list[dict[str, Any]], operator: ApprovalOperator
) -> None:
    judge(lake, "warn")
    with pytest.raises(TaskAwaitingInput):
        operator.execute(context())
    judge(lake, "warn", suite="2")
    later = context()
    later["dag_run"].run_after = "2026-04-01"
    with pytest.raises(TaskAwaitingInput):
        operator.execute(later)
