"""Marks of reviewers: was the decision on this document right? And how precise each rule is by them.

A mark belongs to the decisions that it judges, by their digest. After a changed threshold there are other decisions,
and the marks of the old ones stay with the old ones: they never mix.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from gristmill.errors import UserError
from gristmill.lake import Lake, LakeError, canonical_json

KEPT = "kept"
"""What a mark on a kept document has in place of a rule."""

RANDOM = "random"
"""The pick of documents that were drawn by chance; the others were chosen near to or far from the threshold."""

MAX_NOTE = 500
"""Characters of a note."""

_Z = 1.959964
"""95 percent of a normal distribution lie within so many standard deviations."""


@dataclass(frozen=True)
class Mark:
    """`rule` removed the document, or is KEPT; `evidence` is the digest of the decisions; `pick` is why it was shown.
    `marked_at` is ISO 8601 UTC."""

    snapshot: str
    doc_id: int
    rule: str
    pick: str
    right: bool
    who: str
    evidence: str
    note: str = ""
    marked_at: str = ""


@dataclass(frozen=True)
class Precision:
    """Documents drawn by chance that reviewers call rightly and wrongly decided; the interval (95 percent) of the
    share that is right among all that the rule decided. `beside` counts marked documents that were not drawn by
    chance: they say what the edge looks like, and nothing of the share."""

    right: int
    wrong: int
    low: float
    high: float
    beside: int = 0


def mark(lake: Lake, given: Mark) -> Mark:
    """Store a mark in place of an earlier one of the same person. Raises UserError for a note that is too long."""
    note = " ".join(given.note.split())
    if len(note) > MAX_NOTE:
        raise UserError(f"the note has {len(note)} characters; {MAX_NOTE} is the most")
    stored = replace(given, note=note, marked_at=given.marked_at or datetime.now(UTC).isoformat(timespec="seconds"))
    person = hashlib.sha256(given.who.encode()).hexdigest()[:16]
    key = f"{_folder(given.snapshot, given.evidence)}/{given.doc_id}-{person}.json"
    body = canonical_json(asdict(stored))
    while not lake.storage.compare_and_swap(key, lake.storage.get(key), body):
        continue
    return stored


def marks(lake: Lake, snapshot: str, decisions: str) -> list[Mark]:
    """The newest mark of each person on each document of these decisions. Raises LakeError for one that is damaged."""
    found = []
    for key in lake.storage.list(_folder(snapshot, decisions)):
        try:
            found.append(Mark(**json.loads(lake.storage.get(key) or b"{}")))
        except (ValueError, TypeError) as error:
            raise LakeError(f"{lake.storage.local_path(key)} is no mark ({error}); delete it") from None
    return found


def precision(lake: Lake, snapshot: str, decisions: str) -> dict[str, Precision]:
    """Rule (or KEPT) -> precision by the marks on these decisions."""
    return estimate(marks(lake, snapshot, decisions))


def estimate(given: Iterable[Mark]) -> dict[str, Precision]:
    """Rule (or KEPT) -> precision. A document counts once, by the majority; where that is a tie, not at all."""
    votes: Counter[tuple[str, bool, int]] = Counter()
    for each in given:
        votes[each.rule, each.pick == RANDOM, each.doc_id] += 1 if each.right else -1
    counts: dict[str, dict[str, int]] = {}
    for (rule, drawn, _), vote in votes.items():
        count = counts.setdefault(rule, {"right": 0, "wrong": 0, "beside": 0})
        if vote:
            count["beside" if not drawn else "right" if vote > 0 else "wrong"] += 1
    return {rule: _precision(count) for rule, count in sorted(counts.items())}


def _precision(count: Mapping[str, int]) -> Precision:
    low, high = wilson(count["right"], count["right"] + count["wrong"])
    return Precision(count["right"], count["wrong"], low, high, count["beside"])


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """The score interval of a share, 95 percent (Wilson 1927); (0, 1) where nothing was tried."""
    if not trials:
        return 0.0, 1.0
    share, square = successes / trials, _Z * _Z
    middle = share + square / (2 * trials)
    half = _Z * math.sqrt(share * (1 - share) / trials + square / (4 * trials * trials))
    whole = 1 + square / trials
    return round(max(0.0, (middle - half) / whole), 6), round(min(1.0, (middle + half) / whole), 6)


def _folder(snapshot: str, decisions: str) -> str:
    return f"marks/{snapshot}/{decisions}"
