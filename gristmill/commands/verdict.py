"""gristmill verdict: what the gates said, what waits for a reviewer, and the reviewer's answer."""

from __future__ import annotations

import argparse
import getpass
import json
from dataclasses import asdict
from typing import Any

from gristmill.alerts import bound_text, name_text, observed_text
from gristmill.approvals import Answer, Decision, answer, answers
from gristmill.errors import UserError
from gristmill.lake import Lake
from gristmill.printable import printable
from gristmill.profile import Profile, load_profile
from gristmill.reviews import Review, ReviewError, find, reviews
from gristmill.service import control
from gristmill.service.client import Client, ServiceError
from gristmill.service.home import Home
from gristmill.verdicts import Check

EVIDENCE_CHARACTERS = 8
"""Fewer could begin another verdict's digest too."""

HELP = "show what the gates said and what waits for a reviewer; approve or reject it"
EPILOG = """\
examples:
  gristmill verdict list
  gristmill verdict show CC-MAIN-2024-10
  gristmill verdict approve CC-MAIN-2024-10 --reason "Half the hosts moved to https; compared by hand."

Only a verdict that warns is answered, and only by a reviewer of the profile (airflow.reviewers): the user of the
operating system, or the reviewer of --as, who is stored together with that user.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Sub-commands list, show, approve and reject."""
    parser.epilog, parser.formatter_class = EPILOG, argparse.RawDescriptionHelpFormatter
    actions = parser.add_subparsers(dest="action", required=True)
    listing = actions.add_parser("list", help="every current verdict, those that wait for a reviewer first")
    show = actions.add_parser("show", help="every check with numbers, bounds, history, and the answers")
    approve = actions.add_parser("approve", help="let what a gate warned of through", allow_abbrev=False)
    reject = actions.add_parser("reject", help="stop it", allow_abbrev=False)
    for action in (show, approve, reject):
        action.add_argument("name", metavar="NAME", help="a snapshot, a training run, or the start of a digest")
    for action in (approve, reject):
        action.add_argument("--reason", required=True, help="why, in a sentence; it is stored and shown")
        action.add_argument(
            "--evidence", metavar="PREFIX", help="the start of the evidence that `show` printed; no other is answered"
        )
        action.add_argument("--as", dest="reviewer", metavar="REVIEWER", help="a reviewer of the profile")
    for action in (listing, show):
        action.add_argument("--json", action="store_true", help="print the same as JSON")
    for action in (listing, show, approve, reject):
        action.add_argument("--profile", help="profile name or file (default: $GRISTMILL_PROFILE, else demo)")


def run(args: argparse.Namespace) -> int:
    """Carry the sub-command out."""
    profile = load_profile(args.profile)
    lake = Lake.open(profile)
    if args.action == "list":
        _list(reviews(lake), args.json)
    elif args.action == "show":
        _show(lake, find(lake, args.name), args.json)
    else:
        _answer(profile, lake, find(lake, args.name), args)
    return 0


def _list(found: list[Review], as_json: bool) -> None:
    if as_json:
        print(json.dumps([_as_json(review) for review in found], indent=1))
        return
    lines = [line for review in found for line in _head(review)]
    print("\n".join(lines) or "no gate has judged anything yet")


def _show(lake: Lake, review: Review, as_json: bool) -> None:
    given = answers(lake, review.verdict.digest)
    if as_json:
        print(json.dumps({**_as_json(review), "answers": [asdict(each) for each in given]}, indent=1))
        return
    verdict = review.verdict
    lines = [*_head(review), f"  subject {verdict.subject}", f"  evidence {verdict.digest}",
             f"  suite {verdict.suite}, judged {verdict.judged_at}"]  # fmt: skip
    lines += [f"  history: {snapshot} {digest[:12]}" for snapshot, digest in verdict.past.items()]
    lines += [line for check in verdict.checks for line in _check(check)]
    lines += [f"  {each.answered_at}  {each.decision} by {each.who} ({each.via}): {each.reason}" for each in given]
    print("\n".join(printable(line) for line in lines))


def _head(review: Review) -> list[str]:
    """One line, and one more with the checks that failed."""
    verdict = review.verdict
    first = f"{name_text(review.scope)}  {verdict.kind}  {verdict.outcome.upper()}  {name_text(review.state)}"
    names = ", ".join(name_text(check.name) for check in verdict.failing)
    return [first, f"  {names}"] if names else [first]


def _check(check: Check) -> list[str]:
    """One line per check; history, offenders and a widened bound below it."""
    kind = f"{check.status} {check.severity}"
    lines = [f"  {kind:<13} {check.name}: {observed_text(check)}; bounds: {bound_text(check)}; {check.note}"]
    if check.history:
        lines.append("      earlier: " + ", ".join(f"{key} {value:.6g}" for key, value in check.history.items()))
    if check.offenders:
        lines.append("      worst: " + ", ".join(f"{key} {value:.6g}" for key, value in check.offenders))
    if check.exception:
        lines.append(f"      widened by a reviewed exception: {check.exception}")
    return lines


def _as_json(review: Review) -> dict[str, Any]:
    return {
        "scope": review.scope, "waiting": review.waiting, "state": review.state,
        "evidence": review.verdict.digest, "verdict": asdict(review.verdict),
    }  # fmt: skip


def _answer(profile: Profile, lake: Lake, review: Review, args: argparse.Namespace) -> None:
    """Store the answer, then wake the task that waits for it."""
    verdict = review.verdict
    if verdict.outcome != "warn":
        raise ReviewError(f"the verdict on {review.scope} is '{verdict.outcome}'; only one that warns is answered")
    if args.evidence is not None:
        _require_evidence(review, args.evidence)
    decision: Decision = args.action
    reviewer, who = _who(profile, args.reviewer)
    given = answer(lake, Answer(verdict.digest, decision, who, args.reason, "command line"))
    print(f"{decision} stored: {name_text(review.scope)}, {verdict.kind} verdict {verdict.digest[:12]}, by {who}")
    print(_wake(profile, reviewer, given))


def _require_evidence(review: Review, start: str) -> None:
    """Raises ReviewError where the current verdict is not the one that was read."""
    if len(start) < EVIDENCE_CHARACTERS:
        raise ReviewError(f"--evidence takes {EVIDENCE_CHARACTERS} characters or more of what `verdict show` printed")
    digest = review.verdict.digest
    if not digest.startswith(start):
        raise ReviewError(
            f"the current verdict on {review.scope} has the evidence {digest[:12]}, not {start[:12]}; nothing is "
            f"stored. Read it with `gristmill verdict show {review.scope}`, then answer"
        )


def _who(profile: Profile, name: str | None) -> tuple[str, str]:
    """(the reviewer, who is stored): an answer for somebody else says who gave it."""
    user = getpass.getuser()
    reviewer, listed = name or user, profile.airflow.reviewers
    if reviewer not in listed:
        raise UserError(
            f"'{reviewer}' is no reviewer of this profile ({', '.join(listed)}); give --as REVIEWER, or change "
            f"airflow.reviewers in {profile.source}"
        )
    return reviewer, reviewer if reviewer == user else f"{reviewer} (system user {user})"


def _wake(profile: Profile, reviewer: str, given: Answer) -> str:
    """Answer the waiting request too, and say what happens next."""
    later = "where its task has ended, clear `approval` in the UI, or run the snapshot again: the answer is found"
    home = Home(profile)
    option = {"approve": "Approve", "reject": "Reject"}[given.decision]
    try:
        # The home belongs to the system user who started Airflow; another one may not read it.
        service = control.running(home)
        if service is None:
            return f"Airflow is not running; {later}"
        client = Client(service.url, reviewer, home.password_of(reviewer))
        asked = [r["task_instance"] for r in client.waiting_requests() if given.evidence in (r["body"] or "")]
        for task in asked:
            client.respond(task, option, given.reason)
    except KeyError:
        return f"Airflow could not be told (it has no password for {reviewer} yet: stop and start it); {later}"
    except (ServiceError, OSError) as error:
        return f"Airflow could not be told ({error}); {later}"
    names = ", ".join(f"{task['dag_id']} {task['dag_run_id']}" for task in asked)
    return f"the waiting run goes on: {names}" if asked else f"no run waits for it; {later}"
