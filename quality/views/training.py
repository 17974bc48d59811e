"""Training runs: a list, and of each run its loss, speed, evaluation, cost and the data that it read."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gristmill import ledger, verdicts
from gristmill.errors import UserError
from gristmill.lake import Lake, LakeError
from gristmill.promote import promoted, run_record, trained_models
from quality.views.charts import Chart, bars
from quality.views.curves import lines
from quality.views.judgement import Judgement, sentence, state_of
from quality.views.layout import page as layout
from quality.views.links import Links
from quality.views.snapshot import checks

POINTS = 400
"""Of a curve; each is the mean of the steps that it stands for."""

NAMES = {"model": "this model", "untrained": "the same model, untrained", "unigram": "unigram token model"}


class NoSuchRun(UserError):
    """No training run has this id; the message says where they are listed."""


@dataclass(frozen=True)
class Run:
    """A training run: its model and record once it was evaluated, else what happened last."""

    run_id: str
    model: str = ""
    record: Mapping[str, Any] | None = None
    state: str = "none"
    promoted: bool = False
    last: str = ""


def runs_page(lake: Lake, links: Links) -> str:
    """The list of all training runs, newest first."""
    return layout("runs.html", "Training runs: data quality", links, "runs", runs=all_runs(lake))


def page(lake: Lake, run_id: str, links: Links) -> str:
    """The page of one evaluated run. Raises NoSuchRun."""
    found = [run for run in all_runs(lake) if run.run_id == run_id and run.record is not None]
    if not found:
        raise NoSuchRun(f"no evaluated training run '{run_id[:100]}'; `gristmill status` lists them")
    [run] = found
    verdict = verdicts.latest(lake, run.model)
    judged = Judgement("none", "Not judged: the gate did not run on this model.")
    if verdict is not None:
        answer = verdicts.answer_to(lake, verdict)
        state = state_of(verdict, answer)
        words = sentence(verdict, state, answer, released=False)
        judged = Judgement(state, words, verdict, [answer] if answer else [])
    return layout(
        "training.html", f"{run_id}: training run", links, "runs", run=run, record=run.record, judged=judged,
        checks=checks(judged), curves=curves(read_steps(lake, run.model)), evaluation=evaluation(run.record or {}),
    )  # fmt: skip


def all_runs(lake: Lake) -> list[Run]:
    """Every run on record, newest first: evaluated ones by their newest model."""
    models = {model.run["run_id"]: model.digest for model in trained_models(lake)}
    last: dict[str, str] = {}
    for attempt in ledger.ended(lake):
        if attempt["stage"] in ("train", "evaluate"):
            last[attempt["scope"]] = f"{attempt['stage']} {attempt['status']}"
            if digest := attempt["outputs"].get("model"):
                models[attempt["scope"]] = digest
    return [_run(lake, run_id, models.get(run_id), last.get(run_id, "")) for run_id in {**models, **last}][::-1]


def _run(lake: Lake, run_id: str, model: str | None, last: str) -> Run:
    try:
        record = run_record(lake, model) if model else None
    except LakeError:
        record = None  # collected since: no release and no verdict kept it
    if model is None or record is None:
        return Run(run_id, last=last)
    verdict, best = verdicts.latest(lake, model), promoted(lake, record["mix"])
    state = state_of(verdict, verdicts.answer_to(lake, verdict)) if verdict else "none"
    return Run(run_id, model, record, state, best is not None and best.digest == model, last)


def read_steps(lake: Lake, model: str) -> list[dict[str, Any]]:
    """The lines of the run's metrics; none where the model has no such file."""
    try:
        text = lake.path(lake.manifest(model).file("metrics.jsonl")).read_text(encoding="utf-8")
    except LakeError:
        return []
    return [json.loads(line) for line in text.splitlines() if line]


def curves(steps: Sequence[Mapping[str, Any]]) -> list[Chart]:
    """Loss and speed over the steps."""
    wanted = (("Training loss, nats per token", "loss"), ("Speed, tokens per second", "tokens_per_second"))
    return [lines(title, "step", [title.partition(",")[0]], thinned(steps, name)) for title, name in wanted if steps]


def thinned(steps: Sequence[Mapping[str, Any]], name: str) -> list[tuple[float, tuple[float, ...]]]:
    """At most POINTS points (step, (mean of the steps before it,))."""
    each = math.ceil(len(steps) / POINTS) or 1
    parts = [steps[start : start + each] for start in range(0, len(steps), each)]
    return [(float(part[-1]["step"]), (sum(float(s[name]) for s in part) / len(part),)) for part in parts]


def evaluation(record: Mapping[str, Any]) -> list[Chart]:
    """Bits per byte on held-out documents: against the baselines, and by language."""
    bpb, languages = record.get("bpb", {}), record.get("bpb_by_language", {})
    charts = []
    if bpb:
        overall = [(NAMES.get(name, name), (value,)) for name, value in bpb.items()]
        charts.append(bars("Bits per byte on held-out documents, lower is better", ["bits per byte"], overall))
    if languages.get("model"):
        other = languages.get("unigram", {})
        rows = [(key, (value, other.get(key, 0.0))) for key, value in sorted(languages["model"].items())]
        charts.append(bars("Bits per byte by language", [NAMES["model"], NAMES["unigram"]], rows))
    return charts
