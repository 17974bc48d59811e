"""report: one self-contained, script-free HTML page per run, published whatever the verdict.

Crawled text is untrusted: it is stripped of control and bidirectional characters, cut, and escaped.
"""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
from jinja2 import Environment, PackageLoader, StrictUndefined, Template, Undefined
from markupsafe import Markup

from gristmill import ledger, svg, verdicts
from gristmill.catalogue import Catalogue, Snapshot
from gristmill.lake import Lake, canonical_json, sha256_json
from gristmill.process import run_main, say, stage_parser, write_result
from gristmill.profile import load_profile
from gristmill.release import DATASETS, candidate_digest
from quality.boilerplate import examples as examples_of_lines
from quality.examples import examples

_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
NOT_JUDGED = "not judged"
MANUAL = "manual"
"""The run id of a person at a shell, who wants the newest of everything."""

STAGES = ("extract", "annotate", "deduplicate", "decide", "curate", "measure", "gate.snapshot", "release")


def safe(text: object, length: int = 300) -> str:
    """Untrusted text on one line, cut; escaping is the template's."""
    clean = " ".join(_UNSAFE.sub("", str(text or "")).split())
    return clean if len(clean) <= length else clean[: length - 1] + "…"


def figure(value: object) -> str:
    """A figure as a person writes it; a dash for one that was not measured."""
    if isinstance(value, Undefined) or value is None:
        return "–"
    if isinstance(value, int | float) and math.isfinite(value):
        return svg.number_text(value)
    return safe(value)


def percent(value: object) -> str:
    """A share between 0 and 1 as a percentage; a dash for one that was not measured."""
    return f"{100 * value:.1f} %" if isinstance(value, int | float) else "–"


def main(argv: list[str] | None = None) -> None:
    """Run the stage as a process. Inputs that an upstream failure left out are missing in the report."""
    args = stage_parser("Write the report of a snapshot's run.").parse_args(argv)
    profile = load_profile(args.profile)
    lake = Lake.open(profile)
    snapshot = Catalogue(lake).get(args.snapshot)
    inputs = dict(args.input)
    if not inputs and args.run_id == MANUAL:
        # A run without inputs failed in its first stage: another run's datasets are not its own.
        inputs = newest_outputs(lake, snapshot.id)
    with ledger.attempt(
        lake, stage="report", scope=snapshot.id, config={}, inputs=inputs, run_id=args.run_id
    ) as attempt:
        shown = context(lake, snapshot, inputs, args.run_id)
        verdict = shown["verdict"].outcome if shown["verdict"] else NOT_JUDGED
        digest = publish(lake, snapshot.id, args.run_id, render(shown), attempt.provenance(), verdict)
        attempt.outputs["report"] = digest
    copy = profile.work_dir / "reports" / f"{snapshot.id}.html"
    copy.parent.mkdir(parents=True, exist_ok=True)
    # Whole or as it was, for whoever reads it meanwhile.
    temporary = copy.with_name(f"{copy.name}.{os.getpid()}.tmp")
    shutil.copyfile(lake.path(lake.manifest(digest).files[0]), temporary)
    os.replace(temporary, copy)
    say(f"report {snapshot.id}: {copy}")
    write_result(args.result, attempt.outputs, {"path": str(copy)})


def newest_outputs(lake: Lake, snapshot: str) -> dict[str, str]:
    """The newest successful dataset of each name that the lake still has."""
    found: dict[str, str] = {}
    for attempt in ledger.ended(lake, snapshot):
        if attempt["status"] == "succeeded":
            found |= {
                name: digest
                for name, digest in attempt["outputs"].items()
                if name in DATASETS and lake.storage.get(f"manifests/{digest}.json") is not None
            }
    return found


def publish(
    lake: Lake, snapshot: str, run_id: str, page: str, provenance: Mapping[str, Any], verdict: str = NOT_JUDGED
) -> str:
    """Store the page and point `reports/<snapshot>/<run>.json` to it; a repeated run swaps the pointer."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report.html"
        path.write_text(page, encoding="utf-8")
        digest = lake.publish("report", [lake.write_file("report", "report.html", path)], provenance).digest
    # A run id may hold anything up to 250 characters, which is no file name.
    readable = re.sub("[^A-Za-z0-9._+-]", "_", run_id)[:80]
    key = f"reports/{snapshot}/{readable}-{sha256_json(run_id)[:12]}.json"
    written = datetime.now(UTC).isoformat(timespec="seconds")
    head = {"run_id": run_id, "snapshot": snapshot, "verdict": verdict, "written": written}
    body = canonical_json({"report": digest, **head})
    while not lake.storage.compare_and_swap(key, lake.storage.get(key), body):
        continue
    return digest


def render(values: Mapping[str, Any]) -> str:
    """The page; everything but our own SVG is escaped."""
    return _template().render(values)


@lru_cache(maxsize=1)
def _template() -> Template:
    environment = Environment(loader=PackageLoader("quality"), autoescape=True, undefined=StrictUndefined)
    environment.filters |= {"safe_text": safe, "figure": figure, "percent": percent}
    return environment.get_template("report.html")


def context(lake: Lake, snapshot: Snapshot, inputs: Mapping[str, str], run_id: str) -> dict[str, Any]:
    """What the template shows; a section whose datasets are missing is None."""
    complete = all(name in inputs for name in DATASETS)
    verdict = None
    if complete:
        verdict = verdicts.latest(lake, candidate_digest({name: inputs[name] for name in DATASETS}))
    metrics = _metrics(lake, inputs)
    return {
        "snapshot": snapshot, "run_id": run_id, "inputs": dict(sorted(inputs.items())),
        "missing": [name for name in DATASETS if name not in inputs],
        "verdict": verdict, "total": metrics.get("total", {}),
        "pictures": _pictures(metrics) if metrics else {},
        "never_fired": _never_fired(lake, inputs),
        "silent": _silent(lake, snapshot.id, inputs),
        "not_measured": metrics.get("rule", {}).get("decide.not_measured", []),
        "pii": metrics.get("type", {}).get("annotate.pii", []),
        "rules": _section(inputs, ("decisions", "documents"), lambda d, t: examples(lake, d, t)),
        "duplicates": _section(inputs, ("duplicates", "documents"), lambda d, t: _largest_clusters(lake, d, t)),
        "repeated": _repeated(lake, inputs, metrics),
        "cost": _cost(lake, snapshot.id, run_id),
    }  # fmt: skip


def _section(inputs: Mapping[str, str], names: tuple[str, str], build: Callable[[str, str], Any]) -> Any:
    first, second = (inputs.get(name) for name in names)
    return build(first, second) if first and second else None


def _repeated(lake: Lake, inputs: Mapping[str, str], metrics: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The most frequent lines that many pages of a host share, read from one document each."""
    lines = metrics.get("line", {}).get("deduplicate.boilerplate_pages", [])
    return examples_of_lines(lake, inputs["documents"], lines) if "documents" in inputs else []


def _never_fired(lake: Lake, inputs: Mapping[str, str]) -> list[str]:
    """Rules of the policy that removed nothing; the account of `decide` names every rule."""
    account = lake.manifest(inputs["decisions"]).account if "decisions" in inputs else None
    return sorted(rule for rule, count in account.removed.items() if not count) if account else []


def _silent(lake: Lake, snapshot: str, inputs: Mapping[str, str]) -> list[str]:
    """Warnings of the attempt that made these decisions: rules that are silent where earlier releases had removals."""
    made = [a for a in ledger.ended(lake, snapshot) if a["outputs"].get("decisions") == inputs.get("decisions")]
    warnings: list[str] = made[-1]["summary"].get("silent_rules", []) if made and "decisions" in inputs else []
    return warnings


def _metrics(lake: Lake, inputs: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """scope -> "stage.metric" -> value (total) or [(key, value), ...]."""
    if "metrics" not in inputs:
        return {}
    found: dict[str, dict[str, Any]] = {"total": {}}
    for row in lake.read(inputs["metrics"]).to_pylist():
        name = f"{row['stage']}.{row['metric']}"
        if row["scope"] == "total":
            found["total"][name] = row["value"]
        else:
            found.setdefault(row["scope"], {}).setdefault(name, []).append((row["key"], row["value"]))
    return found


def _pictures(metrics: Mapping[str, Mapping[str, Any]]) -> dict[str, Markup]:
    """Our own SVG: labels are escaped by gristmill.svg."""

    def values(scope: str, name: str, limit: int = 100) -> list[tuple[str, float]]:
        return [(safe(key, 40), value) for key, value in metrics.get(scope, {}).get(name, [])[:limit]]

    lost = [pair for stage in ("extract", "decide", "curate") for pair in values("rule", f"{stage}.removed") if pair[1]]
    total = metrics["total"]
    read = total.get("extract.records_in", 0) - total.get("extract.quarantined", 0)
    charts = {
        "flow": svg.waterfall(("records read", read), lost, "in the corpus"),
        "languages_in": svg.bars(values("language", "annotate.documents", 12)),
        "languages_kept": svg.bars(values("language", "curate.documents", 12), colour=svg.COLOURS[2]),
        "lengths": svg.columns(values("bin", "annotate.chars")),
        "hosts": svg.bars(values("host", "extract.documents", 12)),
        "clusters": svg.columns(values("size", "deduplicate.clusters", 16)),
    }
    return {name: Markup(chart) for name, chart in charts.items()}  # noqa: S704 (svg escapes its labels)


def _largest_clusters(lake: Lake, duplicates: str, documents: str) -> list[dict[str, Any]]:
    """The largest clusters with the URLs of some members."""
    table = lake.read(duplicates, ["doc_id", "cluster_id", "cluster_size"])
    urls = lake.read(documents, ["doc_id", "url"])
    largest = table.filter(pc.equal(table.column("doc_id"), table.column("cluster_id"))).to_pylist()
    shown = []
    for cluster in sorted(largest, key=lambda c: (-c["cluster_size"], c["doc_id"]))[:8]:
        members = table.filter(pc.equal(table.column("cluster_id"), cluster["cluster_id"])).column("doc_id")
        mine = urls.filter(pc.is_in(urls.column("doc_id"), members.combine_chunks())).column("url").to_pylist()
        shown.append({"size": cluster["cluster_size"], "urls": mine[:4]})
    return shown


def _cost(lake: Lake, snapshot: str, run_id: str) -> list[dict[str, Any]]:
    """The newest attempt per stage of this run; a person's report without attempts has those of the snapshot."""
    attempts = ledger.ended(lake, snapshot)
    mine = [a for a in attempts if a["run_id"] == run_id]
    if not mine and run_id == MANUAL:
        mine = attempts
    newest = {a["stage"]: a for a in mine}
    return [newest[stage] for stage in STAGES if stage in newest]


def pointers(lake: Lake) -> list[dict[str, Any]]:
    """Every published report: {report, run_id, snapshot, verdict, written, key}, newest first."""
    keys = lake.storage.list("reports")
    found = [{**json.loads(lake.storage.get(key) or b"{}"), "key": Path(key).stem} for key in keys]
    return sorted(found, key=lambda pointer: str(pointer["written"]), reverse=True)


if __name__ == "__main__":
    run_main(main)
