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
from quality.views.judgement import judgement_on, state_of
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
    """A training run: its model and record once it was evaluated; `tokens` is what its gate of tokens judged.

    `state` is that of the model's verdict, else of the tokens'; `last` says how the newest attempt ended.
    """

    run_id: str
    model: str = ""
    tokens: str = ""
    record: Mapping[str, Any] | None = None
    state: str = "none"
    promoted: bool = False
    last: str = ""

    @property
    def shown(self) -> bool:
        """Whether there is a page of it."""
        return self.record is not None or self.state != "none"


@dataclass
class _Trace:
    """What the lake and the ledger say of a run, each the newest."""

    model: str = ""
    tokens: str = ""
    last: str = ""


def runs_page(lake: Lake, links: Links) -> str:
    """The list of all training runs, newest first."""
    return layout("runs.html", "Training runs: data quality", links, "runs", runs=all_runs(lake))


def page(lake: Lake, run_id: str, links: Links) -> str:
    """The page of one run that was judged or evaluated. Raises NoSuchRun."""
    trace = _traces(lake).get(run_id)
    run = _run(lake, run_id, trace) if trace else None
    if run is None or not run.shown:
        raise NoSuchRun(f"no training run '{run_id[:100]}' was judged or evaluated; `gristmill status` lists them")
    model, tokens = judgement_on(lake, run.model or None), judgement_on(lake, run.tokens or None)
    judged = model if run.record is not None or model.verdict else tokens
    # The page of a run that trains shows its tokens' verdict; later that of the model comes first.
    beside = tokens if tokens.verdict and judged is not tokens else None
    return layout(
        "training.html", f"{run_id}: training run", links, "runs", run=run, record=run.record, judged=judged,
        checks=checks(judged), tokens=beside, token_checks=checks(beside) if beside else None,
        curves=curves(read_steps(lake, run.model)) if run.record else [], evaluation=evaluation(run.record or {}),
    )  # fmt: skip


def all_runs(lake: Lake) -> list[Run]:
    """Every run on record, newest first: evaluated ones by their newest model."""
    return [_run(lake, run_id, trace) for run_id, trace in _traces(lake).items()][::-1]


def _traces(lake: Lake) -> dict[str, _Trace]:
    """Run id -> what is known of it without opening its model or verdicts."""
    found = {model.run["run_id"]: _Trace(model.digest) for model in trained_models(lake)}
    for attempt in ledger.ended(lake):
        stage = attempt["stage"]
        if stage not in ("gate.tokens", "train", "evaluate", "gate.model"):
            continue
        trace = found.setdefault(attempt["scope"], _Trace())
        trace.last = f"{stage} {attempt['summary'].get('verdict') or attempt['status']}"
        subject = attempt["summary"].get("subject", "")
        trace.tokens = subject if stage == "gate.tokens" and subject else trace.tokens
        trace.model = attempt["outputs"].get("model") or (subject if stage == "gate.model" else "") or trace.model
    return found


def _run(lake: Lake, run_id: str, trace: _Trace) -> Run:
    model, tokens = trace.model, trace.tokens
    try:
        record = run_record(lake, model) if model else None
    except LakeError:
        record = None  # collected since: no release and no verdict kept it
    state = _state(lake, model)
    if record is None and state == "none":
        return Run(run_id, "", tokens, None, _state(lake, tokens), last=trace.last)
    best = promoted(lake, record["mix"]) if record else None
    return Run(run_id, model, tokens, record, state, best is not None and best.digest == model, trace.last)


def _state(lake: Lake, subject: str) -> str:
    verdict = verdicts.latest(lake, subject) if subject else None
    return state_of(verdict, verdicts.answer_to(lake, verdict)) if verdict else "none"


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
    found = [(title, thinned(steps, name)) for title, name in wanted]
    return [lines(title, "step", [title.partition(",")[0]], points) for title, points in found if points]


def thinned(steps: Sequence[Mapping[str, Any]], name: str) -> list[tuple[float, tuple[float, ...]]]:
    """At most POINTS points (step, (mean of the steps before it,)); a step whose figure is no number has none."""
    steps = [step for step in steps if _numbers(step).keys() >= {"step", name}]
    each = math.ceil(len(steps) / POINTS) or 1
    parts = [steps[start : start + each] for start in range(0, len(steps), each)]
    return [(float(part[-1]["step"]), (sum(float(s[name]) for s in part) / len(part),)) for part in parts]


def evaluation(record: Mapping[str, Any]) -> list[Chart]:
    """Bits per byte on held-out documents: against the baselines, and by language. What is no number is left out."""
    bpb = _numbers(record.get("bpb"))
    languages = {name: _numbers(found) for name, found in (record.get("bpb_by_language") or {}).items()}
    charts = []
    if bpb:
        overall = [(NAMES.get(name, name), (value,)) for name, value in bpb.items()]
        charts.append(bars("Bits per byte on held-out documents, lower is better", ["bits per byte"], overall))
    if languages.get("model"):
        other = languages.get("unigram", {})
        rows = [(key, (value, other.get(key, 0.0))) for key, value in sorted(languages["model"].items())]
        charts.append(bars("Bits per byte by language", [NAMES["model"], NAMES["unigram"]], rows))
    return charts


def _numbers(figures: Mapping[str, Any] | None) -> dict[str, float]:
    """The finite ones."""
    return {
        name: float(value)
        for name, value in (figures or {}).items()
        if isinstance(value, int | float) and math.isfinite(value)
    }
