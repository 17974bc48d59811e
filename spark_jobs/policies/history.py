"""Rules that never fired: news where history expects little of them, a warning where it expects removals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from gristmill.lake import Lake
from gristmill.release import releases

EXPECTED = 10
"""From this many firings that history predicts on, silence is a warning."""


@dataclass(frozen=True)
class Past:
    """What a rule did in earlier releases: it removed `fired` of `documents`."""

    fired: int
    documents: int


@dataclass(frozen=True)
class Silent:
    """A rule that removed nothing. `expected`: firings that history predicts; None where it never ran before."""

    rule: str
    expected: float | None

    @property
    def warning(self) -> bool:
        """Whether the silence is worth a look: the signal or the crawl may have changed."""
        return self.expected is not None and self.expected >= EXPECTED

    def __str__(self) -> str:
        if self.expected is None:
            return f"rule '{self.rule}' never fired; no earlier release has a rule of this name"
        return f"rule '{self.rule}' never fired; earlier releases predict {self.expected:.1f} firings" + (
            ": check whether its signal is still measured as it was" if self.warning else ""
        )


def silent_rules(fired: Mapping[str, int], documents: int, history: Mapping[str, Past]) -> list[Silent]:
    """The rules of `fired` (rule -> documents it removed, of `documents`) with 0, in their order.

    The prediction is the share of documents that a rule of this name removed in earlier releases, times `documents`.
    """
    return [Silent(rule, _expected(history.get(rule), documents)) for rule, count in fired.items() if count == 0]


def _expected(past: Past | None, documents: int) -> float | None:
    if past is None or past.documents == 0:
        return None
    return past.fired / past.documents * documents


def firing_history(lake: Lake, before: date) -> dict[str, Past]:
    """What each rule did in the releases whose partition date is earlier than `before`."""
    history: dict[str, Past] = {}
    for each in releases(lake):
        account = lake.manifest(each.datasets["decisions"]).account
        if each.partition_date >= before or account is None:
            continue
        for rule, count in account.removed.items():
            past = history.get(rule, Past(0, 0))
            history[rule] = Past(past.fired + count, past.documents + account.records_in)
    return history
