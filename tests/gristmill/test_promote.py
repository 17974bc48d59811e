"""Promotion: one model per mix, by its own verdict."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest

from gristmill.approvals import Answer, answer
from gristmill.lake import Lake
from gristmill.promote import promote, promoted, trained_models
from gristmill.verdicts import NotApproved, latest


def test_an_approved_model_becomes_the_model_of_its_mix_once(lake: Lake, mill: Any) -> None:
    first, second, other = mill.model(), mill.model(run_id="run-2"), mill.model(run_id="run-3", mix="other")
    assert [promote(lake, digest) for digest in (first, first, second, other)] == [True, False, True, True]
    found = {mix: promoted(lake, mix) for mix in ("demo", "other", "none")}
    assert {mix: model and model.digest for mix, model in found.items()} == {
        "demo": second, "other": other, "none": None
    }  # fmt: skip
    assert [model.digest for model in trained_models(lake)] == [first, second, other]


def test_a_model_without_a_verdict_of_its_own_is_not_promoted(lake: Lake, mill: Any) -> None:
    files = lake.manifest(mill.model()).files
    with pytest.raises(NotApproved):
        promote(lake, lake.publish("model", files[:-1], {}).digest)
    assert promoted(lake, "demo") is None


def test_a_model_that_warned_is_promoted_with_the_answer_that_approved_it(lake: Lake, mill: Any) -> None:
    model = mill.model("warn")
    with pytest.raises(NotApproved, match="waits for a reviewer"):
        promote(lake, model)
    verdict = latest(lake, model)
    assert verdict is not None
    given = answer(lake, Answer(verdict.digest, "approve", "rita", "the curve is sound", "command line"))
    assert [promote(lake, model), promote(lake, model)] == [True, False]
    stored = json.loads(lake.storage.get("models/promoted/demo.json") or b"")
    assert stored == {"model": model, "approval": asdict(given)}
    assert [each.digest for each in trained_models(lake)] == [model]


def test_of_two_runs_at_once_one_model_stands(lake: Lake, mill: Any, concurrently: Any) -> None:
    first, second = mill.model(), mill.model(run_id="run-2")

    def act(digest: str) -> bool:
        try:
            return promote(lake, digest)
        except Exception as error:
            return "another run promoted" not in str(error)

    concurrently(lambda: act(first), lambda: act(second))
    standing = promoted(lake, "demo")
    assert standing is not None
    assert standing.digest in (first, second)
