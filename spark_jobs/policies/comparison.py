"""Two policies over one snapshot: which documents they decide differently, and by which rules."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gristmill.lake import Lake
from spark_jobs.policies.decisions import KEPT, Decisions, decide_snapshot
from spark_jobs.policies.inputs import digest_of
from spark_jobs.policies.model import Policy
from spark_jobs.policies.pages import pages
from spark_jobs.policies.registry import Registry

Json = dict[str, Any]
COLUMNS = ("doc_id", "url", "language", "bytes", "a", "a_value", "a_threshold", "b", "b_value", "b_threshold")
"""Of a listed document: what A and B did, `kept` or the rule, and the value and threshold it was removed for."""


@dataclass(frozen=True)
class Comparison:
    """`rows`: those decided differently or for different rules, in the order in which they are listed."""

    snapshot: str
    a: Decisions
    b: Decisions
    rows: NDArray[np.intp]
    documents: str | None

    def summary(self) -> Json:
        """Counts by outcome and by (what A did -> what B did), most frequent first."""
        kept_a, kept_b = self.a.kept, self.b.kept
        moved = Counter((self.a.reason(int(row)), self.b.reason(int(row))) for row in self.rows)
        ordered = sorted(moved.items(), key=lambda item: (-item[1], item[0]))
        return {
            "snapshot": self.snapshot, "a": self.a.policy.name, "b": self.b.policy.name,
            "documents": len(kept_a), "kept_by_both": int((kept_a & kept_b).sum()),
            "kept_by_a_only": int((kept_a & ~kept_b).sum()), "kept_by_b_only": int((kept_b & ~kept_a).sum()),
            "removed_by_both": int((~kept_a & ~kept_b).sum()),
            "removed_for_different_rules": int((~kept_a & ~kept_b)[self.rows].sum()),
            "changes": [{"a": a, "b": b, "documents": count} for (a, b), count in ordered],
        }  # fmt: skip

    def listed(self, lake: Lake, limit: int | None = None) -> list[Json]:
        """The documents themselves, each with COLUMNS: all, or `limit` of them, as many of each kind of change."""
        rows = self.rows.tolist() if limit is None else self._spread(limit)
        ids = [int(self.a.doc_id[row]) for row in rows]
        found = pages(lake, self.documents, ids) if self.documents is not None else {}
        return [self._document(row, found.get(int(self.a.doc_id[row]), {})) for row in rows]

    def _spread(self, limit: int) -> list[int]:
        """Rows in their order: the first of every kind of change, then the second of each, until there are enough."""
        kinds = [(int(self.a.first.rule[row]), int(self.b.first.rule[row])) for row in self.rows]
        seen: Counter[tuple[int, int]] = Counter()
        rank = []
        for kind in kinds:
            rank.append(seen[kind])
            seen[kind] += 1
        chosen = np.argsort(np.array(rank, np.int64), kind="stable")[:limit]
        return [int(self.rows[place]) for place in sorted(chosen)]

    def _document(self, row: int, page: Json) -> Json:
        a, b = self.a, self.b
        values = (
            int(a.doc_id[row]), page.get("url"), a.language[row], int(a.bytes[row]),
            a.reason(row), _number(a.first.value[row]), _number(a.first.threshold[row]),
            b.reason(row), _number(b.first.value[row]), _number(b.first.threshold[row]),
        )  # fmt: skip
        return dict(zip(COLUMNS, values, strict=True))


def compare(lake: Lake, snapshot: str, a: Policy, b: Policy, registry: Registry) -> Comparison:
    """Decide the snapshot by both policies; raises MissingSignals, LakeError."""
    first, second = (decide_snapshot(lake, snapshot, policy, registry) for policy in (a, b))
    reasons = [np.array([*made.reasons, KEPT], object)[made.first.rule] for made in (first, second)]
    rows = np.flatnonzero(reasons[0] != reasons[1])
    # Kept by one alone comes first, then what both remove for different rules; by id within.
    outcome = np.where(first.kept[rows], 0, np.where(second.kept[rows], 1, 2))
    order = np.argsort(outcome, kind="stable")
    return Comparison(snapshot, first, second, rows[order], digest_of(lake, snapshot, "documents"))


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
