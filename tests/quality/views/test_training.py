"""Training runs: the list, and the page of one."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from gristmill import ledger, verdicts
from gristmill.approvals import Answer, answer
from gristmill.promote import promote, run_record
from gristmill.verdicts import Check, Outcome, Status, Verdict
from quality.views import links, training
from quality.views.judgement import BADGES
from quality.views.training import NoSuchRun
from tests.quality.views.pages import PAYLOADS, Page

WEB = links.web("/quality")
RECORD = {
    "run_id": "mini-z1-abc", "mix": "demo", "parameters": 1000, "tokens": 4096, "steps": 100, "loss_first": 8.0,
    "loss_last": 6.5, "bpb": {"model": 2.5, "untrained": 3.7, "unigram": 3.1}, "skipped_steps": 0, "ranks": 2,
    "bpb_by_language": {"model": {"en": 2.4}, "untrained": {"en": 3.6}, "unigram": {"en": 3.0}}, "precision": "fp32",
    "tokens_per_second": 900.0, "energy": {"joules": 12.0, "method": "measured:rapl"}, "zero_stage": 1, "seed": 0,
    "sequence_length": 128, "torch": "2", "digests": {"tokens": "t" * 64, "corpus.tiny": "c" * 64},
}  # fmt: skip
STEPS = [{"step": n, "loss": 8 - n / 100, "tokens_per_second": 900.0 + n} for n in range(1, 1001)]


def evaluated(mill: Any, folder: Path, **changes: Any) -> str:
    """A model in the lake as `evaluate` leaves it; its digest."""
    record = {**RECORD, **changes}
    (folder / "run.json").write_text(json.dumps(record))
    (folder / "metrics.jsonl").write_text("".join(json.dumps(step) + "\n" for step in STEPS))
    entries = [mill.lake.write_file("model", name, folder / name) for name in ("run.json", "metrics.jsonl")]
    with ledger.attempt(mill.lake, stage="evaluate", scope=record["run_id"], config={}, inputs={}) as attempt:
        attempt.outputs["model"] = mill.lake.publish("model", entries, {}).digest
    return attempt.outputs["model"]


def gated(mill: Any, run_id: str, outcome: Outcome, kind: str = "tokens", subject: str = "7" * 64) -> Verdict:
    """A verdict on the tokens (or the model) of a run, as its gate leaves it."""
    status: Status = "passed" if outcome == "pass" else "failed"
    check = Check("packing waste", "block" if outcome == "block" else "warn", status, 0.3, {"max": 0.1}, "why", kind)
    with ledger.attempt(mill.lake, stage=f"gate.{kind}", scope=run_id, config={}, inputs={}) as attempt:
        verdict = verdicts.record(mill.lake, subject=subject, kind=kind, suite="s", history="h", outcome=outcome,
                                  checks=[check], digests={kind: subject})  # fmt: skip
        attempt.summary.update(verdict=outcome, subject=subject)
    return verdict


def judged(mill: Any, model: str) -> None:
    check = Check("loss fell", "block", "passed", -1.5, {"max": 0, "strict": True}, "why", "model")
    verdicts.record(mill.lake, subject=model, kind="model", suite="s", history="h", outcome="pass", checks=[check],
                    digests={"model": model})  # fmt: skip


def test_a_run_has_its_loss_speed_evaluation_and_data(mill: Any, tmp_path: Path) -> None:
    model = evaluated(mill, tmp_path)
    judged(mill, model)
    promote(mill.lake, model)
    page = Page(training.page(mill.lake, "mini-z1-abc", WEB))
    page.check_harmless()
    for shown in ("Passed: its one check passed.", "✓ Promoted", "Training loss, nats per token", "this model 2.5",
                  "unigram token model 3.1", "corpus.tiny " + "c" * 64, model, "measured:rapl"):  # fmt: skip
        assert shown in page.words


def test_runs_are_listed_newest_first_also_those_that_never_ended(mill: Any, tmp_path: Path) -> None:
    evaluated(mill, tmp_path)
    with pytest.raises(RuntimeError), ledger.attempt(mill.lake, stage="train", scope="stopped", config={}, inputs={}):
        raise RuntimeError
    words = Page(training.runs_page(mill.lake, WEB)).words
    assert "mini-z1-abc – Not judged demo 1,000 4,096 6.5 2.5" in words
    assert "stopped not evaluated; last attempt: train failed" in words
    assert words.index("stopped") < words.index("mini-z1-abc")
    assert "Nothing was trained yet" not in words
    for unknown in ("stopped", "unknown", "../x"):
        with pytest.raises(NoSuchRun):
            training.page(mill.lake, unknown, WEB)


@pytest.mark.parametrize(
    ("outcome", "sentence"),
    [
        ("warn", "Waits for a reviewer: packing waste is 0.3, allowed is 0.1 or less."),
        ("block", "Blocked, and nothing was released: packing waste is 0.3, allowed is 0.1 or less."),
    ],
)
def test_a_run_that_stands_before_its_training_has_a_page_of_its_tokens(
    mill: Any, outcome: Outcome, sentence: str
) -> None:
    gated(mill, "mini-z1-abc", outcome)
    page = Page(training.page(mill.lake, "mini-z1-abc", WEB))
    page.check_harmless()
    assert sentence in page.words
    assert "Checks of the tokens" in page.words
    assert f"Not evaluated; last attempt: gate.tokens {outcome}." in page.words
    listed = Page(training.runs_page(mill.lake, WEB))
    assert "/quality/runs/mini-z1-abc" in listed.values("a", "href")
    assert f"{BADGES[outcome][1]} not evaluated; last attempt: gate.tokens {outcome}" in listed.words


def test_the_page_of_a_trained_run_leads_with_its_model_and_keeps_the_answer_on_its_tokens(
    mill: Any, tmp_path: Path
) -> None:
    verdict = gated(mill, "mini-z1-abc", "warn")
    answer(mill.lake, Answer(verdict.digest, "approve", "eva", "rows are short on purpose", "airflow"))
    model = evaluated(mill, tmp_path)
    gated(mill, "mini-z1-abc", "block", "model", model)
    words = Page(training.page(mill.lake, "mini-z1-abc", WEB)).words
    assert words.index("✕ Blocked") < words.index("Checks of the model") < words.index("Checks of the tokens")
    answer(mill.lake, Answer(verdict.digest, "reject", "nobody", "no answer within 24 hours", "time-out"))
    assert "Not answered in time by nobody" in Page(training.page(mill.lake, "mini-z1-abc", WEB)).words
    assert "rows are short on purpose" in words[words.index("Checks of the tokens") :]
    assert "Training loss, nats per token" in words


def test_the_page_of_one_run_opens_the_models_of_no_other(
    mill: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        evaluated(mill, tmp_path, run_id=f"run-{number}")
    read: list[str] = []

    def counting(lake: Any, model: str) -> Any:
        read.append(model)
        return run_record(lake, model)

    monkeypatch.setattr(training, "run_record", counting)
    training.page(mill.lake, "run-1", WEB)
    assert len(read) == 1


@pytest.mark.parametrize("value", [None, math.nan, math.inf])
def test_a_figure_that_is_no_number_is_left_out_of_the_charts(mill: Any, tmp_path: Path, value: float | None) -> None:
    languages = {"model": {"en": value, "de": 2.0}, "unigram": {"de": value}}
    evaluated(mill, tmp_path, bpb={"model": value, "untrained": 3.7}, bpb_by_language=languages)
    page = Page(training.page(mill.lake, "mini-z1-abc", WEB))
    page.check_harmless()
    assert "the same model, untrained 3.7" in page.words
    assert "this model 2 " not in page.words
    Page(training.runs_page(mill.lake, WEB)).check_harmless()
    for record in ({"bpb": None, "bpb_by_language": None}, {"bpb": {"model": value}, "bpb_by_language": {"model": {}}}):
        assert training.evaluation(record) == []
    steps: list[dict[str, Any]] = [{"step": 1, "loss": value}, {"step": 2, "loss": 3.0}]
    assert training.thinned(steps, "loss") == [(2.0, (3.0,))]
    assert training.curves(steps[:1]) == []


def test_without_runs_the_list_says_so(mill: Any) -> None:
    assert "Nothing was trained yet" in Page(training.runs_page(mill.lake, WEB)).words


def test_a_curve_of_many_steps_is_drawn_by_its_means() -> None:
    points = training.thinned(STEPS, "loss")
    assert len(points) <= training.POINTS
    assert points[-1][0] == 1000
    assert points[0] == (3.0, (pytest.approx((7.99 + 7.98 + 7.97) / 3),))
    assert training.thinned([], "loss") == []
    assert training.thinned(STEPS[:1], "loss") == [(1.0, (7.99,))]


def test_hostile_words_of_a_run_are_text(mill: Any, tmp_path: Path) -> None:
    words = [payload[:2000].encode("utf-8", "ignore").decode() for payload in PAYLOADS]
    languages = {name: dict.fromkeys(words, 1.0) for name in ("model", "untrained", "unigram")}
    evaluated(mill, tmp_path, torch=" ".join(words), precision=words[0], bpb_by_language=languages,
              digests=dict.fromkeys(words, "d"))  # fmt: skip
    Page(training.page(mill.lake, "mini-z1-abc", WEB)).check_harmless()
    Page(training.runs_page(mill.lake, WEB)).check_harmless()
