"""status: each snapshot and training run, and the command that runs what is missing."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from gristmill.approvals import Answer, answer
from gristmill.lake import Lake
from gristmill.ledger import attempt
from gristmill.promote import promote
from gristmill.release import release
from gristmill.status import render, summary
from gristmill.verdicts import Verdict, latest, record


def test_a_released_snapshot_shows_its_mass_balance(lake: Lake, mill: Any) -> None:
    mill.release("a", date(2026, 3, 1))
    (found,) = summary(lake)["snapshots"]
    assert (found["snapshot"], found["released"], found["verdict"]) == ("a", True, "pass")
    assert (found["records_in"], found["documents"], found["rejected"]) == (5, 4, {"http_status": 1})
    assert found["removed"] == {"too_short": 1, "too_short_after_edits": 1}
    assert (found["duplicates"], found["kept"]) == (1, 1)
    assert found["documents"] == found["kept"] + found["duplicates"] + sum(found["removed"].values())
    text = render(summary(lake))
    assert "a  2026-03-01  released, verdict PASS" in text
    assert "records in 5   documents 4   kept 1   duplicates 1   quarantined 0" in text


def test_a_snapshot_without_a_release_shows_the_exact_command_that_runs_it(lake: Lake, mill: Any) -> None:
    mill.enter("a", date(2026, 3, 1))
    (found,) = summary(lake)["snapshots"]
    assert not found["released"]
    assert "backfill --from 2026-03-01 --to 2026-03-01" in found["backfill"]
    assert f"NOT released (never run)\n    run it: {found['backfill']}" in render(summary(lake))


def test_a_snapshot_that_the_gate_blocked_shows_the_verdict_and_the_last_attempt(lake: Lake, mill: Any) -> None:
    mill.enter("a", date(2026, 3, 1))
    with attempt(lake, stage="gate.snapshot", scope="a", config={}, inputs={}) as current:
        current.summary["verdict"] = "block"
    with pytest.raises(ValueError, match="no"), attempt(lake, stage="report", scope="a", config={}, inputs={}):
        raise ValueError("no")
    assert "NOT released (last attempt: report failed, verdict BLOCK)" in render(summary(lake))


def warned(lake: Lake, mill: Any, name: str = "a") -> tuple[dict[str, str], Verdict]:
    """A snapshot whose gate warned in an attempt on record."""
    mill.enter(name, date(2026, 3, 1))
    datasets = mill.datasets(name)
    subject = mill.judge(datasets, "warn")
    with attempt(lake, stage="gate.snapshot", scope=name, config={}, inputs={}) as current:
        current.summary.update({"verdict": "warn", "subject": subject})
    verdict = latest(lake, subject)
    assert verdict is not None
    return datasets, verdict


def test_a_snapshot_that_waits_for_a_reviewer_says_so_until_it_is_answered(lake: Lake, mill: Any) -> None:
    datasets, verdict = warned(lake, mill)
    text = render(summary(lake))
    assert "verdict WARN, waits for a reviewer)\n    look at it: .venv/bin/gristmill verdict show a\n" in text
    answer(lake, Answer(verdict.digest, "reject", "rita\x1b", "no", "airflow"))
    assert "verdict WARN, rejected by rita\\x1b)" in render(summary(lake))
    answer(lake, Answer(verdict.digest, "approve", "rita", "yes", "airflow"))
    release(lake, "a", datasets)
    assert "released, verdict WARN, approved by rita" in render(summary(lake))
    (found,) = summary(lake)["snapshots"]
    assert found["approval"]["reason"] == "yes"


def test_a_training_request_that_waits_for_a_reviewer_is_shown_until_it_is_approved(lake: Lake) -> None:
    verdict = record(
        lake, subject="7" * 64, kind="tokens", suite="1", history="", outcome="warn", checks=[], digests={}
    )
    with attempt(lake, stage="gate.tokens", scope="demo-2", config={}, inputs={}) as current:
        current.summary.update({"verdict": "warn", "subject": "7" * 64})
    assert [r["last_attempt"] for r in summary(lake)["training_runs"]] == ["gate.tokens warn, waits for a reviewer"]
    answer(lake, Answer(verdict.digest, "approve", "rita", "yes", "airflow"))
    assert summary(lake)["training_runs"] == []


def finish(lake: Lake, run_id: str, stage: str, **outputs: str) -> None:
    with attempt(lake, stage=stage, scope=run_id, config={}, inputs={}) as current:
        current.outputs.update(outputs)


def test_a_training_run_shows_figures_files_and_whether_it_is_promoted(lake: Lake, mill: Any) -> None:
    promote(lake, mill.model())
    promote(lake, mill.model(run_id="run-2"))
    found = {run["run_id"]: run for run in summary(lake)["training_runs"]}
    assert {name: run["promoted"] for name, run in found.items()} == {"run-1": False, "run-2": True}
    assert Path(found["run-1"]["card"]).read_text() == "card"
    assert Path(found["run-1"]["weights"]).read_text() == "weights"
    text = render(summary(lake))
    assert "run-2  mix demo  verdict PASS  PROMOTED" in text
    assert "loss 9.000 -> 5.000" in text
    assert "bits per byte on held-out documents: 2.000   untrained 3.000   unigram 2.500" in text
    assert "energy 30 J (estimated:cpu-seconds x 10 W)" in text


def test_a_request_that_was_stopped_before_training_is_shown(lake: Lake) -> None:
    finish(lake, "demo-1", "mix")
    finish(lake, "demo-2", "mix")
    with attempt(lake, stage="gate.tokens", scope="demo-2", config={}, inputs={}) as current:
        current.summary["verdict"] = "block"
    assert [run["last_attempt"] for run in summary(lake)["training_runs"]] == ["gate.tokens block"]
    assert "demo-2" in render(summary(lake))


def test_the_command_names_a_profile_that_is_not_the_default(lake: Lake, mill: Any) -> None:
    mill.enter("a", date(2026, 3, 1))
    (found,) = summary(lake, " --profile cluster")["snapshots"]
    assert found["backfill"].endswith("backfill --from 2026-03-01 --to 2026-03-01 --profile cluster")


def test_a_run_that_was_evaluated_again_shows_its_newest_model(lake: Lake, mill: Any) -> None:
    for tokens in (1, 2):
        model = mill.model(tokens=tokens)
        finish(lake, "run-1", "evaluate", model=model)
        promote(lake, model)
    (found,) = summary(lake)["training_runs"]
    assert (found["model"], found["tokens"], found["promoted"]) == (model, 2, True)


def test_a_run_without_a_promoted_model_is_shown_too(lake: Lake, mill: Any) -> None:
    finish(lake, "blocked", "evaluate", model=mill.model("block", run_id="blocked"))
    with pytest.raises(ValueError, match="no"), attempt(lake, stage="train", scope="broken", config={}, inputs={}):
        raise ValueError("no")
    text = render(summary(lake))
    assert "blocked  mix demo  verdict BLOCK\n" in text
    assert "broken  last attempt: train failed" in text


def test_the_summary_of_an_empty_lake_says_what_to_do(lake: Lake) -> None:
    assert render(summary(lake)) == (
        "Snapshots\n  none; add one with `gristmill snapshot add`\nTraining runs\n  none yet"
    )


def test_the_summary_is_json(lake: Lake, mill: Any) -> None:
    mill.release("a", date(2026, 3, 1))
    mill.enter("b", date(2026, 4, 1))
    promote(lake, mill.model())
    found = summary(lake)
    assert json.loads(json.dumps(found)) == found
