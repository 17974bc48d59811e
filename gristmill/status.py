"""What a person wants to know at a glance: snapshots, training runs, and the next command."""

from __future__ import annotations

from typing import Any

from gristmill import ledger, release, verdicts
from gristmill.catalogue import Catalogue
from gristmill.lake import Account, Lake
from gristmill.printable import printable
from gristmill.promote import promoted, run_record, trained_models
from gristmill.release import Release
from gristmill.reviews import review_of

DUPLICATE_RULES = ("url_duplicate", "exact_duplicate", "near_duplicate")


def summary(lake: Lake, option: str = "") -> dict[str, Any]:
    """{"snapshots": [...], "training_runs": [...]}: from manifests and records, never from data.

    `option` names the profile in the commands: what `profile_option` gives.
    """
    ended = ledger.ended(lake)
    days = Catalogue(lake).dates()
    return {
        "snapshots": [_snapshot(lake, key, day.isoformat(), ended, option) for key, day in days.items()],
        "training_runs": [*_training_runs(lake, ended), *_stopped_requests(lake, ended)],
    }


def backfill_command(day: str, option: str) -> str:
    """The command that backfills the snapshot of one partition date."""
    return f".venv/bin/gristmill backfill --from {day} --to {day}{option}"


def _snapshot(lake: Lake, key: str, day: str, ended: list[dict[str, Any]], option: str) -> dict[str, Any]:
    mine = [a for a in ended if a["scope"] == key]
    entry: dict[str, Any] = {"snapshot": key, "partition_date": day, "released": False}
    current = release.current(lake, key)
    if current is None:
        entry["last_attempt"] = f"{mine[-1]['stage']} {mine[-1]['status']}" if mine else None
        entry["backfill"] = backfill_command(day, option)
        judged = [a for a in mine if a["stage"] == "gate.snapshot" and "verdict" in a["summary"]]
        entry["verdict"] = judged[-1]["summary"]["verdict"] if judged else None
        entry["review"] = _review(lake, judged[-1]) if judged else None
        return entry
    return {**entry, "released": True, **_released(lake, current)}


def _review(lake: Lake, gate: dict[str, Any]) -> str | None:
    """What a reviewer did, or has yet to do, about the verdict of a gate that warned."""
    verdict = verdicts.latest(lake, gate["summary"].get("subject", ""))
    if verdict is None or verdict.outcome != "warn":
        return None
    return review_of(lake, verdict, gate["scope"]).state


def _released(lake: Lake, current: Release) -> dict[str, Any]:
    extract, decide, corpus = (
        lake.manifest(current.datasets[name]).account or Account(0, 0) for name in ("documents", "decisions", "corpus")
    )
    verdict = verdicts.latest(lake, current.digest)
    return {
        "release": current.digest, "verdict": verdict.outcome if verdict else current.verdict,
        "approval": current.approval and dict(current.approval),
        "records_in": extract.records_in, "documents": extract.out, "rejected": dict(extract.removed),
        "quarantined": extract.quarantined, "kept": corpus.out,
        "removed": {
            rule: count
            for rule, count in {**decide.removed, **corpus.removed}.items()
            if count and rule not in DUPLICATE_RULES
        },
        "duplicates": sum(decide.removed.get(rule, 0) for rule in DUPLICATE_RULES),
    }  # fmt: skip


def _training_runs(lake: Lake, ended: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Every training run on record, oldest first: with its newest model, else with its last attempt."""
    last = {a["scope"]: f"{a['stage']} {a['status']}" for a in ended if a["stage"] in ("train", "evaluate")}
    models = {model.run["run_id"]: model.digest for model in trained_models(lake)}
    for run_id in last:
        if (digest := ledger.newest_output(lake, run_id, "model")) is not None:
            models[run_id] = digest
    return [
        _training_run(lake, models[run_id])
        if run_id in models
        else {"run_id": run_id, "evaluated": False, "last_attempt": last[run_id]}
        for run_id in {**last, **models}
    ]


def _stopped_requests(lake: Lake, ended: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Training requests that ended or wait before training: the last of their first stages failed, or its gate did
    not let them through."""
    last = {a["scope"]: a for a in ended if a["stage"] in ("mix", "tokenize", "gate.tokens")}
    found = {scope: _how(lake, a) for scope, a in last.items()}
    return [
        {"run_id": scope, "evaluated": False, "last_attempt": f"{last[scope]['stage']} {how}"}
        for scope, how in found.items()
        if how not in ("succeeded", "pass") and not how.startswith("warn, approved")
    ]


def _how(lake: Lake, attempt: dict[str, Any]) -> str:
    """A gate's verdict and the answer to it, else whether the attempt succeeded."""
    verdict = attempt["summary"].get("verdict")
    if verdict is None:
        return str(attempt["status"])
    review = _review(lake, attempt)
    return f"{verdict}, {review}" if review else str(verdict)


def _training_run(lake: Lake, digest: str) -> dict[str, Any]:
    run = run_record(lake, digest)
    best, verdict = promoted(lake, run["mix"]), verdicts.latest(lake, digest)
    names = ("run_id", "mix", "parameters", "tokens", "steps", "zero_stage", "loss_first", "loss_last", "bpb", "energy")
    folder = {entry.unit: str(lake.path(entry)) for entry in lake.manifest(digest).files}
    return {
        **{name: run[name] for name in names}, "evaluated": True, "model": digest,
        "verdict": verdict.outcome if verdict else None, "promoted": best is not None and best.digest == digest,
        "weights": folder["model.safetensors"], "card": folder["MODEL_CARD.md"],
    }  # fmt: skip


def render(found: dict[str, Any]) -> str:
    """The summary as text."""
    lines = ["Snapshots"]
    for entry in found["snapshots"]:
        lines += _render_released(entry) if entry["released"] else _render_open(entry)
    if not found["snapshots"]:
        lines.append("  none; add one with `gristmill snapshot add`")
    lines.append("Training runs")
    for run in found["training_runs"]:
        lines += _render_run(run) if run["evaluated"] else [f"  {run['run_id']}  last attempt: {run['last_attempt']}"]
    if not found["training_runs"]:
        lines.append("  none yet")
    return "\n".join(lines)


def _render_released(entry: dict[str, Any]) -> list[str]:
    return [
        f"  {entry['snapshot']}  {entry['partition_date']}  released, verdict {entry['verdict'].upper()}"
        + (f", approved by {printable(entry['approval']['who'])}" if entry["approval"] else ""),
        f"    records in {entry['records_in']:,}   documents {entry['documents']:,}   kept {entry['kept']:,}"
        f"   duplicates {entry['duplicates']:,}   quarantined {entry['quarantined']:,}",
        f"    rejected  {_counts(entry['rejected'])}",
        f"    removed   {_counts(entry['removed'])}",
    ]


def _render_open(entry: dict[str, Any]) -> list[str]:
    state = f"last attempt: {entry['last_attempt']}" if entry["last_attempt"] else "never run"
    verdict = f", verdict {entry['verdict'].upper()}" if entry["verdict"] else ""
    review = f", {printable(entry['review'])}" if entry["verdict"] and entry["review"] else ""
    lines = [f"  {entry['snapshot']}  {entry['partition_date']}  NOT released ({state}{verdict}{review})"]
    if review:
        lines.append(f"    look at it: .venv/bin/gristmill verdict show {entry['snapshot']}")
    return [*lines, f"    run it: {entry['backfill']}"]


def _render_run(run: dict[str, Any]) -> list[str]:
    bpb, energy = run["bpb"], run["energy"]
    return [
        f"  {run['run_id']}  mix {run['mix']}  verdict {(run['verdict'] or 'none').upper()}"
        + ("  PROMOTED" if run["promoted"] else ""),
        f"    {run['parameters']:,} parameters   {run['tokens']:,} tokens in {run['steps']:,} steps   "
        f"ZeRO stage {run['zero_stage']}   loss {run['loss_first']:.3f} -> {run['loss_last']:.3f}",
        f"    bits per byte on held-out documents: {bpb['model']:.3f}   untrained {bpb['untrained']:.3f}   "
        f"unigram {bpb['unigram']:.3f}",
        f"    energy {energy['joules']:,.0f} J ({energy['method']})",
        f"    model {run['weights']}",
        f"    card  {run['card']}",
    ]


def _counts(counts: dict[str, int]) -> str:
    return "  ".join(f"{name} {count:,}" for name, count in sorted(counts.items(), key=lambda c: -c[1])) or "none"
