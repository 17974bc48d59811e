"""The page of one snapshot's run: the verdict and why, what went in, what left, and what it cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow.compute as pc

from gristmill import ledger
from gristmill.catalogue import Snapshot
from gristmill.lake import Account, Lake, LakeError
from gristmill.promote import trained_models
from gristmill.release import DATASETS, candidate_digest, judged
from gristmill.verdicts import Check
from quality import marks
from quality.boilerplate import examples as examples_of_lines
from quality.examples import documents_of, examples
from quality.views import pictures
from quality.views.charts import Chart
from quality.views.curves import trend
from quality.views.judgement import Judgement, check_state, grouped, judgement
from quality.views.layout import page as layout
from quality.views.lineage import cost, origins, policy, run_attempts, silent_rules
from quality.views.links import Links
from quality.views.measured import Measured, measured
from quality.views.tokenised import BYTES_PER_TOKEN, tokenised

CLUSTERS, MEMBERS = 8, 4
"""Clusters that are shown, and of each so many URLs."""

LOST_FILES = 20
"""Damaged files that are named, those with the largest losses."""


@dataclass(frozen=True)
class Rule:
    """What a rule removed: `share` of the extracted documents; `precision` by the marks of reviewers, if any."""

    name: str
    count: int
    share: float | None
    documents: Sequence[Mapping[str, Any]]
    precision: Any


def page(lake: Lake, snapshot: Snapshot, inputs: Mapping[str, str], run_id: str, links: Links) -> str:
    """The page of the run `run_id` with these datasets; what an upstream failure left out is missing in it."""
    return render(context(lake, snapshot, inputs, run_id), links)


def render(values: Mapping[str, Any], links: Links) -> str:
    """The page of what `context` found."""
    return layout("snapshot.html", f"{values['snapshot'].id}: data quality", links, "report", **values)


def subject(inputs: Mapping[str, str]) -> str | None:
    """What the gate judged, if every dataset is there."""
    if any(name not in inputs for name in DATASETS):
        return None
    return candidate_digest(judged(inputs))


def context(lake: Lake, snapshot: Snapshot, inputs: Mapping[str, str], run_id: str) -> dict[str, Any]:
    """What the template shows; a section whose datasets are missing is None or empty."""
    found, everything = measured(lake, inputs.get("metrics")), ledger.ended(lake)
    records = [record for record in everything if record["scope"] == snapshot.id]
    documents = found.total("extract.out")
    judged = judgement(lake, snapshot.id, subject(inputs))
    corpus = inputs.get("corpus")
    tokens = tokenised(lake, everything, snapshot.id, corpus, found.total("curate.bytes")) if corpus else None
    return {
        "snapshot": snapshot, "run_id": run_id, "missing": [name for name in DATASETS if name not in inputs],
        "judged": judged, "checks": checks(judged), "total": found.totals,
        "flow": pictures.flow(found, tokens), "tokens": tokens, "bytes_per_token": BYTES_PER_TOKEN,
        "removals": pictures.removals(found),
        "mix": [c for c in (pictures.languages(found), pictures.lengths(found), *pictures.scores(found),
                            pictures.hosts(found)) if c],
        "clusters": pictures.clusters(found), "rejects": pictures.rejects(found),
        "personal": pictures.personal(found), "other_records": found.series("kind", "extract.other_records"),
        "lost_files": found.series("shard", "extract.lost_bytes", LOST_FILES),
        "not_measured": found.series("rule", "decide.not_measured"),
        "training": training(lake, snapshot.id, corpus),
        "rules": rules(lake, snapshot.id, inputs, documents), "never_fired": never_fired(lake, inputs),
        "silent": silent_rules(records, inputs.get("decisions")),
        "duplicates": _section(inputs, ("duplicates", "documents"), lambda d, t: largest_clusters(lake, d, t)),
        "repeated": repeated_lines(lake, inputs, found),
        "cost": cost(run_attempts(records, run_id), documents),
        "origins": origins(lake, inputs), "policy": policy(lake, inputs.get("decisions")),
    }  # fmt: skip


def _section(inputs: Mapping[str, str], names: tuple[str, str], build: Callable[[str, str], Any]) -> Any:
    first, second = (inputs.get(name) for name in names)
    return build(first, second) if first and second else None


@dataclass(frozen=True)
class ShownCheck:
    """A check, the state of its badge, and its values over the releases that set its bound."""

    check: Check
    state: str
    chart: Chart | None


def checks(judged: Judgement) -> dict[str, list[tuple[str, list[ShownCheck]]]]:
    """`open`: checks that failed or could not be measured, `short`: those with too little data, `passed`: the others;
    each by group."""
    if judged.verdict is None:
        return {"open": [], "short": [], "passed": []}
    order = {id(check): place for place, check in enumerate(judged.verdict.failing)}
    found: dict[str, list[tuple[str, list[ShownCheck]]]] = {}
    for name, wanted in (("open", ("failed", "error")), ("short", ("info",)), ("passed", ("passed",))):
        mine = [c for c in judged.verdict.checks if c.status in wanted]
        mine.sort(key=lambda check: order.get(id(check), len(order)))
        found[name] = [(heading, [_shown(c) for c in some]) for heading, some in grouped(mine)]
    # The group with the worst failure comes first.
    found["open"].sort(key=lambda group: min(order.get(id(shown.check), len(order)) for shown in group[1]))
    return found


def _shown(check: Check) -> ShownCheck:
    chart = None
    if check.history and check.status == "failed" and isinstance(check.observed, int | float):
        low, high = check.bound.get("min"), check.bound.get("max")
        past = [(name, float(value), low, high) for name, value in check.history.items()]
        chart = trend(f"{check.name} before and now", [*past, ("this snapshot", float(check.observed), low, high)])
    return ShownCheck(check, check_state(check), chart)


def rules(lake: Lake, snapshot: str, inputs: Mapping[str, str], documents: float | None) -> list[Rule] | None:
    """What each rule removed, with examples and reviewers' marks; most frequent first."""
    if "decisions" not in inputs or "documents" not in inputs:
        return None
    judged = marks.precision(lake, snapshot, inputs["decisions"])
    return [
        Rule(rule["reason"], rule["count"], rule["count"] / documents if documents else None, rule["documents"],
             judged.get(rule["reason"]))
        for rule in examples(lake, inputs["decisions"], inputs["documents"], inputs.get("pii"))
    ]  # fmt: skip


def never_fired(lake: Lake, inputs: Mapping[str, str]) -> list[str]:
    """Rules of the policy that removed nothing; the account of `decide` names every rule."""
    account = lake.manifest(inputs["decisions"]).account if "decisions" in inputs else None
    return sorted(rule for rule, count in (account or Account(0, 0)).removed.items() if not count)


def repeated_lines(lake: Lake, inputs: Mapping[str, str], found: Measured) -> list[dict[str, Any]]:
    """The most frequent lines that many pages of a host share, read from one document each."""
    lines = found.series("line", "deduplicate.boilerplate_pages")
    return examples_of_lines(lake, inputs["documents"], inputs.get("pii"), lines) if "documents" in inputs else []


def training(lake: Lake, snapshot: str, corpus: str | None) -> list[Mapping[str, Any]]:
    """Training runs that read exactly this corpus, with the documents and bytes that they took of it: None where
    their tokens were lost or collected since."""
    found: list[Mapping[str, Any]] = []
    for model in trained_models(lake) if corpus else []:
        digests = model.run.get("digests", {})
        if digests.get(f"corpus.{snapshot}") == corpus:
            found.append({"run": model.run, **_taken(lake, digests["tokens"], snapshot)})
    return found


def _taken(lake: Lake, tokens: str, snapshot: str) -> dict[str, int | None]:
    try:
        rows = lake.read(tokens, ["snapshot", "bytes"])
    except LakeError:
        return {"documents": None, "bytes": None}
    mine = rows.filter(pc.equal(rows.column("snapshot"), snapshot)).column("bytes")
    return {"documents": len(mine), "bytes": pc.sum(mine).as_py() or 0}


def largest_clusters(lake: Lake, duplicates: str, documents: str) -> list[dict[str, Any]]:
    """The largest clusters with the URLs of some members."""
    table = lake.read(duplicates, ["doc_id", "cluster_id", "cluster_size"])
    first = table.filter(pc.equal(table.column("doc_id"), table.column("cluster_id")))
    largest = first.sort_by([("cluster_size", "descending"), ("doc_id", "ascending")]).slice(0, CLUSTERS).to_pylist()
    members = []
    for cluster in largest:
        mine = table.filter(pc.equal(table.column("cluster_id"), cluster["cluster_id"])).column("doc_id")
        members.append(sorted(mine.to_pylist())[:MEMBERS])
    heads = documents_of(lake, documents, [doc_id for each in members for doc_id in each], ["url"])
    return [
        {"size": cluster["cluster_size"], "urls": [heads[doc_id]["url"] for doc_id in mine if doc_id in heads]}
        for cluster, mine in zip(largest, members, strict=True)
    ]
