"""Alerts: what a gate that did not pass, a failed task or a late run says in one readable message. No crawled text,
no secret.

A message holds names of checks, numbers and bounds; what is out of bounds by name (hosts, languages) is crawled text
and stands in the report alone.
"""

from __future__ import annotations

import math

from gristmill.notifiers import Alert
from gristmill.printable import printable
from gristmill.verdicts import Check, Verdict

NAME_CHARACTERS = 120
WAITS = "It waits for a reviewer; until one approves it, nothing is released."
STOPS = "The run is stopped; nothing is released."


def gate_alert(verdict: Verdict, scope: str, link: str) -> Alert:
    """The alert of a verdict that did not pass, on snapshot or training run `scope`."""
    assert verdict.outcome != "pass"
    title = f"Gristmill: the {verdict.kind} gate says {verdict.outcome.upper()} on {name_text(scope)}"
    lines = [title, WAITS if verdict.outcome == "warn" else STOPS, "", *map(_line, verdict.failing), "", link]
    return Alert(verdict.outcome, title, "\n".join(lines), link)


def late_alert(dag: str, scope: str, hours: float, link: str) -> Alert:
    """The alert of a run that has not ended `hours` after it was queued."""
    title = f"Gristmill: {name_text(dag)} on {name_text(scope)} is late"
    said = f"It was queued more than {hours:g} hours ago and has not ended. It may run, hang, or wait for a reviewer."
    return Alert("late", title, "\n".join([title, said, "", link]), link)


def failed_alert(dag: str, task: str, scope: str, link: str) -> Alert:
    """The alert of a task that failed after its last try; its error may hold crawled text and stays in the log."""
    title = f"Gristmill: {name_text(dag)} on {name_text(scope)} failed at {name_text(task)}"
    said = "The task failed and is not tried again. Its log says why; once that is mended, clear the task."
    return Alert("failed", title, "\n".join([title, said, "", link]), link)


def bound_text(check: Check) -> str:
    """The numeric bounds of a check: `min 0.1, max 2`."""
    limits = {key: value for key, value in check.bound.items() if _is_number(value)}
    return ", ".join(f"{name_text(key)} {value:.6g}" for key, value in limits.items()) or "none"


def observed_text(check: Check) -> str:
    """The measured number; words where there is none."""
    if check.status == "error":
        return "could not be measured"
    value = check.observed
    return f"{value:.6g}" if isinstance(value, int | float) and math.isfinite(value) else "no number"


def name_text(text: str) -> str:
    """A name that a message may hold: one line, cut."""
    return printable(text)[:NAME_CHARACTERS]


def _line(check: Check) -> str:
    return f"- {name_text(check.name)} ({check.severity}): {observed_text(check)}; bounds: {bound_text(check)}"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
