"""Evaluation of a real run: the model dataset holds what the gate, the card and the status page read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gristmill import ledger
from gristmill.lake import Lake
from gristmill.promote import run_record
from gristmill.storage import PosixStorage
from training import evaluate

pytestmark = pytest.mark.train

Trained = Callable[[int], Any]


@pytest.fixture(scope="module")
def model(trained: Trained) -> str:
    """Digest of the evaluated model of the ZeRO 1 run; extra inputs are not believed."""
    run = trained(1)
    result = run.bench.profile.work_dir / "model.json"
    evaluate.main([
        f"--profile={run.bench.profile.source}", f"--input=weights={run.weights}", f"--input=tokens={'0' * 64}",
        "--run=by-a-scheduler", f"--result={result}",
    ])  # fmt: skip
    return str(json.loads(result.read_bytes())["outputs"]["model"])


def test_a_trained_model_beats_both_baselines_on_held_out_documents(trained: Trained, model: str) -> None:
    run = run_record(trained(1).bench.lake, model)
    assert run["bpb"]["model"] < run["bpb"]["unigram"] < run["bpb"]["untrained"]
    assert run["held_out_bytes"].keys() == run["bpb_by_language"]["model"].keys() == {"de", "en"}


def test_the_record_says_what_was_trained_on_what_for_how_much(trained: Trained, model: str) -> None:
    mine = trained(1)
    run = run_record(mine.bench.lake, model)
    assert run["run_id"] == mine.id
    assert run["digests"] == {"weights": mine.weights, "tokens": mine.bench.tokens, "tokenizer": mine.bench.tokenizer}
    assert run["tokens"] == 20 * 16 * 16
    assert run["loss_first"] == mine.losses[0]
    assert run["loss_last"] == pytest.approx(sum(mine.losses[-10:]) / 10, abs=1e-6)
    assert run["energy"]["joules"] > 0
    assert run["energy"]["method"].startswith(("measured", "estimated"))


def test_the_corpora_of_the_tokens_are_those_of_their_newest_provenance(tmp_path: Path) -> None:
    lake = Lake(PosixStorage(tmp_path))
    tokens = lake.publish("tokens", [], {}).digest
    assert evaluate.corpus_digests(lake, tokens) == {}
    for hour in (11, 12, 10):
        inputs = {"mix": "m" * 64, "corpus.one": f"{hour}" * 32}
        lake.publish("tokens", [], {"time": f"2024-03-04T{hour}:00:00+00:00", "inputs": inputs})
    assert evaluate.corpus_digests(lake, tokens) == {"corpus.one": "12" * 32}


def test_the_model_dataset_is_self_contained(trained: Trained, model: str) -> None:
    lake = trained(1).bench.lake
    assert {entry.unit for entry in lake.manifest(model).files} == {
        "MODEL_CARD.md", "bits_per_byte.svg", "config.json", "languages.svg", "loss.svg", "metrics.jsonl",
        "model.safetensors", "run.json", "tokenizer.json",
    }  # fmt: skip
    assert ledger.newest_output(lake, trained(1).id, "model") == model
