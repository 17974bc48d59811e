"""The task that waits for a reviewer where a gate warned: Airflow's human in the loop, with our record of the answer.

Airflow alone would take an empty reason, leave a rejected run green and forget the evidence. The answer that counts
is the one in the lake; whoever releases, trains or promotes asks there again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Context, Param
from airflow.sdk.exceptions import AirflowFailException, TaskAwaitingInput

from gristmill.airflow.links import ReportLink, report_url
from gristmill.airflow.operators import digests_of, scope_of

if TYPE_CHECKING:
    from gristmill.approvals import Answer
    from gristmill.lake import Lake
    from gristmill.profile import Profile
    from gristmill.verdicts import Verdict

APPROVE, REJECT = "Approve", "Reject"
REASON_CHARACTERS = 2000
"""gristmill.approvals.MAX_REASON, which is not imported: it would bring pyarrow to the parsing of the DAGs."""
CLEAR = "Clear this task to be asked again"
LOST_ANSWERS = 10
"""How often Airflow may lose an answer and ask again: one that comes before its scheduler has seen the end of the
process that asked looks to it like a task that was killed."""


class ApprovalOperator(HITLOperator):
    """Let a verdict of `pass` through at once, and one of `warn` once a reviewer of the profile approves it.

    :param kind: what the gate judged: snapshot, tokens or model.
    :param inputs: dataset name -> id of the task whose output it is; what the gate had.

    An answer that is in the lake already, from the command line say, counts and is not asked for again. A rejection,
    a missing reason and a time-out (stored as a rejection) fail the task for good.
    """

    operator_extra_links = (ReportLink(),)

    def __init__(
        self, *, kind: Literal["snapshot", "tokens", "model"], inputs: Mapping[str, str], **kwargs: Any
    ) -> None:
        # Null or a text: with "string" alone the page would keep its buttons disabled. The answer is checked.
        reason = Param(
            None, type=["null", "string"], title="Reason", source="task", maxLength=REASON_CHARACTERS,
            description=f"Required: why this is approved or rejected, in at most {REASON_CHARACTERS} characters.",
        )  # fmt: skip
        # The profile's reviewers and time replace the time-out when the task runs.
        fixed = {
            "subject": "Approval", "response_timeout": timedelta(days=7), "params": {"reason": reason},
            "retries": LOST_ANSWERS, "retry_delay": timedelta(seconds=5),
        }  # fmt: skip
        super().__init__(options=[APPROVE, REJECT], defaults=REJECT, **{**kwargs, **fixed})
        self.kind = kind
        self.inputs = dict(inputs)
        self.scope: Literal["snapshot", "run"] = "snapshot" if kind == "snapshot" else "run"

    def execute(self, context: Context) -> None:
        """Return, or wait for the answer; raises AirflowFailException where no answer can help."""
        from gristmill import verdicts

        profile, lake = _open()
        verdict = self._verdict(context, lake)
        given = verdicts.answer_to(lake, verdict)
        if verdict.outcome == "warn" and (given is None or given.via == "time-out"):
            self._ask(context, profile, lake, verdict)
        _require(lake, verdict)
        self.log.info("approved: %s", given or "every check passed")

    def execute_complete(self, context: Context, event: dict[str, Any], evidence: str = "") -> None:
        """Store the answer and go on; raises AirflowFailException with the reason of a rejection."""
        from gristmill.approvals import answer
        from gristmill.errors import UserError

        profile, lake = _open()
        verdict = self._verdict(context, lake)
        if verdict.digest != evidence:
            raise AirflowFailException(f"it was judged anew while this waited; nothing is stored. {CLEAR}.")
        given = _given(event, evidence, context["dag_run"].run_id, profile.airflow.approval_hours)
        if given.via == "airflow" and given.who not in profile.airflow.reviewers:
            raise AirflowFailException(f"{given.who} is no reviewer of this profile; nothing is stored. {CLEAR}.")
        if not _adds_nothing(lake, verdict, given):
            try:
                given = answer(lake, given)
            except UserError as error:
                raise AirflowFailException(f"{error}. Nothing is approved. {CLEAR} and answer with one.") from None
        _require(lake, verdict)
        self.log.info("approved: %s", given)

    def _ask(self, context: Context, profile: Profile, lake: Lake, verdict: Verdict) -> None:
        """Put the request and park the task: raises TaskAwaitingInput."""
        from gristmill.airflow import request_text

        self._require_first_request(context, lake, verdict)
        hours, scope = profile.airflow.approval_hours, scope_of(context, self.scope)
        link = report_url(context["dag_run"].run_id, self.scope)
        # Set here and not before: what is set before is read as a template, and names in it may be crawled.
        self.subject = request_text.subject(verdict, scope)
        self.body = request_text.body(verdict, scope, link, hours)
        self.response_timeout = timedelta(hours=hours)
        self.assigned_users = [{"id": name, "name": name} for name in profile.airflow.reviewers]
        try:
            super().execute(context)
        except TaskAwaitingInput as waiting:
            # The answer belongs to what was shown, whatever is judged meanwhile.
            waiting.kwargs = {"evidence": verdict.digest}
            raise

    def _require_first_request(self, context: Context, lake: Lake, verdict: Verdict) -> None:
        """Airflow shows a task's first request again, whatever it is given later: an answer to a newer verdict would be
        one to figures that nobody saw. Raises AirflowFailException then.

        A run that was deleted took its request with it; one of the same id made later is told by `run_after`, which
        no clearing changes."""
        from gristmill.lake import canonical_json, sha256_json

        run = context["dag_run"]
        key = sha256_json([run.dag_id, run.run_id, str(run.run_after), self.task_id])
        shown, evidence = f"requests/{key}.json", canonical_json({"evidence": verdict.digest})
        lake.storage.put_if_absent(shown, evidence)
        if lake.storage.get(shown) != evidence:
            raise AirflowFailException(
                "it was judged anew since this task asked, and Airflow would show the old figures; answer with "
                "`gristmill verdict approve` or `reject` and clear this task, or start a new run"
            )

    def _verdict(self, context: Context, lake: Lake) -> Verdict:
        """The current verdict on what the gate of this run judged."""
        from gristmill import verdicts
        from gristmill.release import candidate_digest

        digests = digests_of(context, self.inputs)
        subject = candidate_digest(digests) if self.kind == "snapshot" else digests[self.kind]
        verdict = verdicts.latest(lake, subject)
        if verdict is None:
            raise AirflowFailException(f"{subject[:12]} was never judged; clear the gate")
        return verdict


def _open() -> tuple[Profile, Lake]:
    from gristmill.lake import Lake
    from gristmill.profile import load_profile

    profile = load_profile()
    return profile, Lake.open(profile)


def _given(event: Mapping[str, Any], evidence: str, run_id: str, hours: float) -> Answer:
    """Airflow's event as an answer; a time-out is a rejection by nobody."""
    from gristmill.approvals import Answer

    if event.get("timedout") or "error" in event:
        return Answer(evidence, "reject", "nobody", f"no answer within {hours:g} hours", "time-out", run_id)
    reason = (event["params_input"] or {}).get("reason")
    decision: Literal["approve", "reject"] = "approve" if event["chosen_options"] == [APPROVE] else "reject"
    who = (event["responded_by_user"] or {}).get("id", "")
    return Answer(evidence, decision, str(who), reason if isinstance(reason, str) else "", "airflow", run_id)


def _adds_nothing(lake: Lake, verdict: Verdict, given: Answer) -> bool:
    """Whether a person's answer is in the lake already and the event only repeats it, or is nobody's.

    The command line stores an answer before it wakes this task, and may not reach it: then the time runs out.
    """
    from gristmill import verdicts

    stored = verdicts.answer_to(lake, verdict)
    if stored is None or stored.via == "time-out":
        return False
    same = (stored.decision, stored.reason) == (given.decision, " ".join(given.reason.split()))
    return given.via == "time-out" or (same and stored.via == "command line")


def _require(lake: Lake, verdict: Verdict) -> None:
    from gristmill import verdicts

    try:
        verdicts.require_approved(lake, verdict.subject)
    except verdicts.NotApproved as error:
        raise AirflowFailException(f"{error}; nothing is released, trained or promoted") from None
