"""All reports, newest first; on top the snapshots and training runs that wait for a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gristmill import release, verdicts
from gristmill.lake import Lake
from gristmill.reviews import reviews
from quality.archive import NOT_JUDGED, pointers
from quality.views.judgement import said, state_of
from quality.views.layout import page as layout
from quality.views.links import Links
from quality.views.words import safe

PER_PAGE = 100
STATES = ("pass", "warn", "approved", "rejected", "block", "error", "none")


@dataclass(frozen=True)
class Entry:
    """One report: its pointer, the state of its verdict now, what a reviewer or the gate says, its address."""

    pointer: Mapping[str, Any]
    state: str
    words: str
    href: str
    released: bool


@dataclass(frozen=True)
class Waiting:
    """A training run whose `kind` (tokens or model) waits: `words` is its worst finding, `href` its page if known."""

    scope: str
    kind: str
    words: str
    href: str


def page(
    lake: Lake,
    links: Links,
    *,
    snapshot: str = "",
    state: str = "",
    run_id: str = "",
    number: int = 1,
    training: bool = True,
) -> str:
    """The list of the reports that these filters leave: a part of the snapshot's id, a state, a run id.

    `training`: whether the reader may know what training runs wait.
    """
    found = waiting_training(lake, links) if training else []
    return render(
        lake, pointers(lake), links, snapshot=snapshot, state=state, run_id=run_id, number=number, training=found
    )


def waiting_training(lake: Lake, links: Links) -> list[Waiting]:
    """What waits in training, newest first."""
    found = []
    for each in reviews(lake):
        verdict = each.verdict
        if each.waiting and verdict.kind != "snapshot":
            # Where the ledger has no attempt, the scope is the digest's beginning, and no run has such a page.
            href = "" if verdict.subject.startswith(each.scope) else links.run(each.scope)
            words = said(verdict.failing[0]) if verdict.failing else ""
            found.append(Waiting(each.scope, verdict.kind, words, href))
    return found


def plain_page(lake: Lake, own: Mapping[str, Any], links: Links) -> str:
    """The newest reports as a plain file, among them the one of which this file is a part: `own` is its pointer."""
    others = [p for p in pointers(lake) if (p["snapshot"], p["key"]) != (own["snapshot"], own["key"])]
    return render(lake, [own, *others], links)


def render(
    lake: Lake,
    known: Sequence[Mapping[str, Any]],
    links: Links,
    *,
    snapshot: str = "",
    state: str = "",
    run_id: str = "",
    number: int = 1,
    training: Sequence[Waiting] = (),
) -> str:
    """The page of the reports `known`, newest first."""
    waiting = [entry for p in newest(known) if (entry := _entry(lake, links, p)).state == "warn"]
    mine = [p for p in known if snapshot in p["snapshot"] and run_id in ("", p["run_id"])]
    # The state of a verdict that warned is where its answers are; all others are in the pointer.
    if state:
        mine = [p for p in mine if _may_be(p, state) and _entry(lake, links, p).state == state]
    pages = max(1, -(-len(mine) // PER_PAGE))
    number = min(max(1, number), pages)
    shown = [_entry(lake, links, p) for p in mine[(number - 1) * PER_PAGE : number * PER_PAGE]]
    return layout(
        "index.html", "Data quality reports", links, "index", waiting=waiting, training=training, entries=shown,
        count=len(mine),
        number=number, pages=pages, states=STATES, filters={"snapshot": snapshot, "state": state, "run_id": run_id},
    )  # fmt: skip


def newest(known: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The newest report of each snapshot."""
    found: dict[str, Mapping[str, Any]] = {}
    for pointer in known:
        found.setdefault(pointer["snapshot"], pointer)
    return list(found.values())


def _outcome(pointer: Mapping[str, Any]) -> str:
    outcome = pointer.get("verdict", NOT_JUDGED)
    return "none" if outcome == NOT_JUDGED else str(outcome)


def _may_be(pointer: Mapping[str, Any], state: str) -> bool:
    return _outcome(pointer) == ("warn" if state in ("approved", "rejected") else state)


def _entry(lake: Lake, links: Links, pointer: Mapping[str, Any]) -> Entry:
    """The entry of a pointer; only a verdict that warned is looked up, for its answer may be newer than the report."""
    state, words = _outcome(pointer), ""
    subject = pointer.get("subject")
    verdict = verdicts.latest(lake, subject) if state == "warn" and subject else None
    if verdict is not None:
        answer = verdicts.answer_to(lake, verdict)
        state = state_of(verdict, answer)
        words = f"{safe(answer.who, 60)}: {safe(answer.reason, 160)}" if answer else ""
        if state == "warn" and verdict.failing:
            words = said(verdict.failing[0])
    current = release.current(lake, pointer["snapshot"]) if subject else None
    href = links.snapshot(pointer["snapshot"], pointer["key"])
    return Entry(pointer, state, words, href, current is not None and current.digest == subject)
