"""What a policy would keep and remove of a snapshot, by rule and language, with examples; nothing is written."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gristmill.catalogue import Catalogue
from gristmill.lake import Lake
from spark_jobs.policies.decisions import KEPT, Decisions, decide_snapshot
from spark_jobs.policies.history import firing_history, silent_rules
from spark_jobs.policies.inputs import digest_of
from spark_jobs.policies.model import Policy, Rule
from spark_jobs.policies.pages import pages
from spark_jobs.policies.registry import Registry

Json = dict[str, Any]
LANGUAGES_SHOWN = 12


def trial(lake: Lake, snapshot: str, policy: Policy, registry: Registry, examples: int) -> Json:
    """The whole answer as JSON values; `examples`: pages per rule, those nearest its threshold.

    `first` counts documents that the rule is the first to remove, `also` those that it would remove too had no
    rule before it. Shares are of all documents and of all bytes of text.
    """
    made = decide_snapshot(lake, snapshot, policy, registry)
    total, size = len(made.doc_id), int(made.bytes.sum())
    kept, kept_size = int(made.kept.sum()), int(made.bytes[made.kept].sum())
    rules = [_rule(made, number) for number in range(len(made.reasons))]
    fired = {rule["name"]: rule["first"] for rule in rules[: len(policy.rules)]}
    past = firing_history(lake, Catalogue(lake).get(snapshot).partition_date)
    _add_examples(lake, snapshot, made, rules, examples)
    return {
        "policy": policy.name, "snapshot": snapshot, "documents": total, "bytes": size,
        "kept": {"documents": kept, "share": _share(kept, total),
                 "bytes": kept_size, "bytes_share": _share(kept_size, size)},
        "rules": rules,
        "silent": [{"rule": s.rule, "expected": s.expected, "warning": s.warning, "text": str(s)}
                   for s in silent_rules(fired, total, past)],
        "languages": _languages(made),
        "standing": _standing(lake, snapshot, made),
    }  # fmt: skip


def condition(rule: Rule) -> str:
    """What passes a rule, in words of the policy file."""
    parts = [f"{key} {bound:.12g}" for key, bound in (("min", rule.min), ("max", rule.max)) if bound is not None]
    for key, values in (("forbid", rule.forbid), ("require", rule.require)):
        parts += [f"{key} {', '.join(map(str, values)).lower()}"] if values else []
    if rule.only:
        parts.append(f"only {', '.join(rule.only)}")
    if rule.languages:
        parts.append(f"own bounds for {', '.join(sorted(rule.languages))}")
    return f"{rule.signal}: {', '.join(parts)}"


def _rule(made: Decisions, number: int) -> Json:
    first = made.first.rule == number
    count, size = int(first.sum()), int(made.bytes[first].sum())
    named = number < len(made.policy.rules)
    found = {
        "name": made.reasons[number], "condition": condition(made.policy.rules[number]) if named else "",
        "first": count, "share": _share(count, len(made.doc_id)),
        "bytes": size, "bytes_share": _share(size, int(made.bytes.sum())),
    }  # fmt: skip
    if named:
        found["also"] = int(made.matrix[:, number].sum()) - count
        found["unmeasured"] = int(made.unmeasured[number])
    return found


def _add_examples(lake: Lake, snapshot: str, made: Decisions, rules: list[Json], count: int) -> None:
    chosen = [_nearest(made, number, count) for number in range(len(rules))]
    documents = digest_of(lake, snapshot, "documents")
    ids = {int(made.doc_id[row]) for rows in chosen for row in rows}
    ids |= {made.duplicate_of[i] for i in ids if i in made.duplicate_of}
    found = pages(lake, documents, sorted(ids), ("url", "text")) if documents is not None else {}
    for rule, rows in zip(rules, chosen, strict=True):
        rule["examples"] = [_example(made, int(row), found) for row in rows]


def _nearest(made: Decisions, number: int, count: int) -> NDArray[np.intp]:
    """Rows that a rule removes, nearest its threshold first; of equal ones the least id."""
    rows = np.flatnonzero(made.first.rule == number)
    distance = np.abs(made.first.value[rows] - made.first.threshold[rows])
    return rows[np.argsort(distance, kind="stable")[:count]]


def _example(made: Decisions, row: int, found: dict[int, Json]) -> Json:
    doc_id = int(made.doc_id[row])
    page = found.get(doc_id, {})
    example = {
        "doc_id": doc_id, "url": page.get("url"), "value": float(made.first.value[row]),
        "threshold": float(made.first.threshold[row]), "language": made.language[row], "text": page.get("text"),
    }  # fmt: skip
    if doc_id in made.duplicate_of:
        example["duplicate_of"] = found.get(made.duplicate_of[doc_id], {}).get("url")
    return example


def _languages(made: Decisions) -> list[Json]:
    """The languages with the most documents, and the rest as one."""
    names = np.array([name or "und" for name in made.language], object)
    common = [name for name, _ in sorted(Counter(names.tolist()).items(), key=lambda item: (-item[1], item[0]))]
    rest = common[LANGUAGES_SHOWN:]
    groups = [(name, names == name) for name in common[:LANGUAGES_SHOWN]]
    groups += [(f"{len(rest)} others", np.isin(names, rest))] if rest else []
    return [_language(made, name, rows) for name, rows in groups]


def _language(made: Decisions, name: str, rows: NDArray[np.bool_]) -> Json:
    count, kept = int(rows.sum()), int((rows & made.kept).sum())
    removed = Counter(made.first.rule[rows & ~made.kept].tolist())
    most = sorted(removed.items(), key=lambda item: (-item[1], item[0]))[:3]
    return {
        "language": name, "documents": count, "kept": kept, "share": _share(kept, count),
        "removed_most": {made.reasons[number]: times for number, times in most},
    }  # fmt: skip


def _standing(lake: Lake, snapshot: str, made: Decisions) -> Json | None:
    """How the decisions that stand for the snapshot differ; None where it has none."""
    digest = digest_of(lake, snapshot, "decisions")
    if digest is None:
        return None
    table = lake.read(digest, ["doc_id", "reason"])
    theirs = dict(zip(*(table.column(name).to_pylist() for name in ("doc_id", "reason")), strict=True))
    rows = [row for row, doc_id in enumerate(made.doc_id.tolist()) if doc_id in theirs]
    pairs = [(theirs[int(made.doc_id[row])] or KEPT, made.reason(row)) for row in rows]
    return {
        "digest": digest, "documents": len(rows), "kept": sum(before == KEPT for before, _ in pairs),
        "only_here": len(made.doc_id) - len(rows), **changes(pairs),
    }  # fmt: skip


def changes(pairs: list[tuple[str, str]]) -> Json:
    """Counts over (before, after): kept by either alone, and what became of what, most frequent first."""
    moved = Counter(pair for pair in pairs if pair[0] != pair[1])
    ordered = sorted(moved.items(), key=lambda item: (-item[1], item[0]))
    return {
        "newly_kept": sum(count for (_, after), count in ordered if after == KEPT),
        "newly_removed": sum(count for (before, _), count in ordered if before == KEPT),
        "changes": [{"from": before, "to": after, "documents": count} for (before, after), count in ordered],
    }


def _share(part: int, whole: int) -> float:
    return round(part / whole, 6) if whole else 0.0
