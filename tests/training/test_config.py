"""The pretrain config: what it refuses, and what follows from it."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from gristmill.settings import SettingsError, parse
from training.config import OptimizerConfig, PretrainConfig, load_config

NANO = {"layers": 1, "width": 16, "heads": 2, "kv_heads": 1, "hidden": 32}
PRETRAIN = Path(__file__).parents[2] / "configs" / "pretrain"


def config(**changes: Any) -> PretrainConfig:
    return parse(PretrainConfig, {"size": "nano", "sizes": {"nano": NANO}, **changes}, "test.yaml")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stpes": 5}, r"unknown key 'stpes' \(did you mean 'steps'\?\)"),
        ({"optimizer": {"learning_rat": 1}}, r"optimizer.learning_rat.*did you mean 'learning_rate'"),
        ({"sizes": {"nano": {**NANO, "head": 2}}}, r"sizes.nano.head"),
        ({"size": "nanno"}, r"no model size 'nanno' \(did you mean 'nano'\?\)"),
        ({"parallel": {"zero_stage": 4}}, r"parallel.zero_stage"),
        ({"parallel": {"precision": "fp16"}}, r"parallel.precision"),
        ({"global_batch": 24, "parallel": {"ranks": 2, "micro_batch": 8}}, r"multiple of ranks x micro_batch = 16"),
    ],
)
def test_a_config_that_cannot_be_used_names_the_key_and_the_cure(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        config(**changes)


def test_a_request_changes_what_it_names_and_is_checked_like_the_file(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(yaml.safe_dump({"size": "nano", "sizes": {"nano": NANO}, "steps": 9, "parallel": {"ranks": 1}}))
    found = load_config(path, {"size": None, "zero_stage": 3, "steps": 4, "seed": None})
    assert (found.steps, found.parallel.zero_stage, found.parallel.ranks, found.seed) == (4, 3, 1, 0)
    with pytest.raises(SettingsError, match=r"p\.yaml.*did you mean 'nano'"):
        load_config(path, {"size": "nan"})


@pytest.mark.parametrize(("ranks", "micro_batch", "accumulation"), [(1, 16, 1), (2, 4, 2), (4, 1, 4)])
def test_ranks_times_micro_batch_times_accumulation_is_the_global_batch(
    ranks: int, micro_batch: int, accumulation: int
) -> None:
    found = config(global_batch=16, parallel={"ranks": ranks, "micro_batch": micro_batch})
    assert found.accumulation == accumulation
    assert found.deepspeed()["train_batch_size"] == 16


def test_the_rate_warms_up_linearly_and_falls_along_a_cosine_to_its_final_share() -> None:
    optimizer = OptimizerConfig(learning_rate=0.8, warmup_steps=4, final_share=0.25)
    rates = [optimizer.rate(step, 104) for step in range(105)]
    assert rates[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 0.8])
    assert all(a > b for a, b in pairwise(rates[4:]))
    assert rates[54] == pytest.approx((0.8 + 0.2) / 2)
    assert rates[104] == pytest.approx(0.2)
    assert OptimizerConfig(learning_rate=0.8, warmup_steps=0).rate(0, 10) == 0.8


def test_the_run_id_is_a_function_of_the_request_and_of_nothing_else() -> None:
    run = config().run_id("mix", "tokens", "tokenizer")
    others = [
        config(seed=1).run_id("mix", "tokens", "tokenizer"),
        config(sizes={"nano": {**NANO, "layers": 2}}).run_id("mix", "tokens", "tokenizer"),
        config(parallel={"zero_stage": 3}).run_id("mix", "tokens", "tokenizer"),
        config().run_id("selection", "tokens", "tokenizer"),
        config().run_id("mix", "other", "tokenizer"),
        config().run_id("mix", "tokens", "other"),
    ]
    assert config().run_id("mix", "tokens", "tokenizer") == run
    assert len({run, *others}) == 7


def test_a_size_that_was_not_chosen_makes_no_other_run_and_no_other_checkpoint() -> None:
    more = config(sizes={"nano": NANO, "big": {**NANO, "layers": 9}})
    assert more.run_id("mix", "tokens", "tokenizer") == config().run_id("mix", "tokens", "tokenizer")
    assert more.identity() == config().identity() == json.loads(json.dumps(config().identity()))


@pytest.mark.parametrize("path", sorted(PRETRAIN.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_size_of_a_shipped_config_can_be_asked_for(path: Path) -> None:
    sizes = load_config(path, {}).sizes
    assert all(load_config(path, {"size": size}).size == size for size in sizes)
