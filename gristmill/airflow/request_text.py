"""What a reviewer reads in Airflow before answering: failed checks with numbers, bounds and history, in Markdown.

Names may be crawled text (a host, a language): they stand in code spans, in which Markdown is not read, on one line,
without control and direction characters, cut.
"""

from __future__ import annotations

from gristmill.alerts import bound_text, observed_text
from gristmill.printable import printable
from gristmill.verdicts import Check, Verdict

NAME_CHARACTERS, NOTE_CHARACTERS = 80, 300
MOST_OFFENDERS, MOST_CHECKS = 5, 30


def subject(verdict: Verdict, scope: str) -> str:
    """The headline: what waits."""
    what = {"snapshot": "Release snapshot", "tokens": "Train on the tokens of", "model": "Promote the model of"}
    return f"{what[verdict.kind]} {printable(scope)[:NAME_CHARACTERS]}?"


def body(verdict: Verdict, scope: str, link: str, hours: float) -> str:
    """The request; `link` opens the report."""
    failing = verdict.failing
    lines = [
        f"The {verdict.kind} gate judged {code(scope)} and warns: {len(failing)} of {len(verdict.checks)} checks "
        f"failed. [Open the quality report]({link}) before you answer.", "",
        "| check | observed | bound | set by |", "|---|---|---|---|", *map(_row, failing[:MOST_CHECKS]), "",
        *(line for check in failing[:MOST_CHECKS] for line in _details(check)),
    ]  # fmt: skip
    if left := len(failing) - MOST_CHECKS:
        lines += [f"{left} more are in the report."] if left > 0 else []
    return "\n".join([
        *lines, "",
        "**Approve** lets exactly these digests through, **Reject** stops the run. Either needs a reason, which is "
        f"stored with your name. Without an answer within {hours:g} hours it is rejected.", "",
        f"Evidence: {evidence_mark(verdict)}",
    ])  # fmt: skip


def evidence_mark(verdict: Verdict) -> str:
    """How a request names the verdict that it asks about."""
    return f"`{verdict.digest}`"


def code(text: str, length: int = NAME_CHARACTERS) -> str:
    """Untrusted text as a code span that also holds inside a table."""
    clean = printable(" ".join(text.split())).replace("`", "'").replace("|", "¦").replace("\u200b", "")
    return f"`{clean if len(clean) <= length else clean[: length - 1] + '…'}`" if clean else "–"


def _row(check: Check) -> str:
    count = len(check.history)
    past = f"{count} earlier release{'s' * (count > 1)}" if count else "the gates file"
    return f"| {code(check.name)} | {observed_text(check)} | {bound_text(check)} | {past} |"


def _details(check: Check) -> list[str]:
    """Why the check matters, its history and what is out of bounds: one line each."""
    lines = [f"- {code(check.name)}: {code(check.note, NOTE_CHARACTERS)}"]
    if check.history:
        past = ", ".join(f"{code(name)} {value:.6g}" for name, value in check.history.items())
        lines.append(f"  - earlier: {past}")
    if check.offenders:
        worst = ", ".join(f"{code(str(key))} {value:.6g}" for key, value in check.offenders[:MOST_OFFENDERS])
        lines.append(f"  - worst: {worst}")
    if check.exception:
        lines.append(f"  - a reviewed exception widened the bound: {code(check.exception, NOTE_CHARACTERS)}")
    return lines
