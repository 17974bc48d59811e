"""The pretrain config: what it refuses, and what follows from it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from gristmill.settings import SettingsError, parse
from training.config import PretrainConfig, load_config

NANO = {"layers": 1, "width": 16, "heads": 2, "kv_heads": 1, "hidden": 32}
PRETRAIN = Path(__file__).parents[2] / "configs" / "pretrain"


def config(**changes: Any) -> PretrainConfig:
    return parse(PretrainConfig, {"size": "nano", "sizes": {"nano": NANO}, **changes}, "test.yaml")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stpes": 5}, r"unknown key 'stpes' \(did you mean 'steps'\?\)"),
        ({"optimizer": {"learning_rat": 1}}, r"optimizer.learning_rat.*did you mean 'learning_rate'"),
        ({"optimizer": {"warmup_steps": 4}}, r"test\.yaml: optimizer: .*warmup_steps is now schedule\.warmup_steps"),
        (
            {"optimizer": {"final_share": 0.1, "max_skipped_steps": 3}},
            r"final_share is now schedule\.final_share; max_skipped_steps is now guard\.tolerance",
        ),
        ({"sizes": {"nano": {**NANO, "head": 2}}}, r"sizes.nano.head"),
        ({"size": "nanno"}, r"no model size 'nanno' \(did you mean 'nano'\?\)"),
        ({"parallel": {"zero_stage": 4}}, r"parallel.zero_stage"),
        ({"parallel": {"precision": "fp8"}}, r"parallel.precision"),
        ({"parallel": {"ranks": 2, "tensor": 2}}, r"tensor parallel over 2 ranks .* set tensor to 1"),
        ({"optimizer": {"kind": "muon"}, "parallel": {"offload": {"optimizer": "cpu"}}}, r"kind to adamw or offload"),
        ({"batch_ramp": [{"before": 5, "global_batch": 24}]}, r"global_batch must grow"),
        (
            {
                "objectives": [{"name": "masked"}],
                "parallel": {"ranks": 2, "pipeline": 2},
                "sizes": {"nano": {**NANO, "layers": 2}},
            },
            r"a pipeline passes on no attention masks.*set pipeline to 1",
        ),
        ({"objectives": [{"name": "causal"}, {"name": "causal"}]}, r"two objectives are called 'causal'"),
        ({"objectives": [{"name": "span", "rat": 0.1}]}, r"objectives.0.span.rat' \(did you mean 'rate'"),
        ({"objectives": [{"name": "casual"}]}, r"objectives.*causal"),
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


def test_the_rate_is_the_schedules_share_of_the_learning_rate() -> None:
    found = config(optimizer={"learning_rate": 0.8}, schedule={"warmup_steps": 4, "final_share": 0.25}, steps=104)
    assert [found.rate(step) for step in (0, 3, 4, 104)] == pytest.approx([0.2, 0.8, 0.8, 0.2])


def test_the_tokens_of_a_ramped_run_are_those_of_its_batches() -> None:
    found = config(batch_ramp=[{"before": 3, "global_batch": 16}], global_batch=32, steps=10, sequence_length=8)
    assert found.tokens == sum(found.batch_at(step) for step in range(10)) * 8 == (3 * 16 + 7 * 32) * 8


def test_the_run_id_is_a_function_of_the_request_and_of_nothing_else() -> None:
    run = config().run_id("mix", "tokens", "tokenizer")
    others = [
        config(seed=1).run_id("mix", "tokens", "tokenizer"),
        config(sizes={"nano": {**NANO, "layers": 2}}).run_id("mix", "tokens", "tokenizer"),
        config(parallel={"precision": "bf16"}).run_id("mix", "tokens", "tokenizer"),
        config(objectives=[{"name": "masked"}]).run_id("mix", "tokens", "tokenizer"),
        config().run_id("selection", "tokens", "tokenizer"),
        config().run_id("mix", "other", "tokenizer"),
        config().run_id("mix", "tokens", "other"),
    ]
    assert config().run_id("mix", "tokens", "tokenizer") == run
    assert len({run, *others}) == 8


def test_a_run_is_the_same_on_another_layout_so_that_it_can_resume_there() -> None:
    other = config(
        parallel={"ranks": 4, "zero_stage": 2, "micro_batch": 2}, checkpoint={"every": 7}, guard={"window": 64}
    )
    assert other.run_id("mix", "tokens", "tokenizer") == config().run_id("mix", "tokens", "tokenizer")


def test_a_size_that_was_not_chosen_makes_no_other_run_and_no_other_checkpoint() -> None:
    more = config(sizes={"nano": NANO, "big": {**NANO, "layers": 9}})
    assert more.run_id("mix", "tokens", "tokenizer") == config().run_id("mix", "tokens", "tokenizer")
    assert more.identity() == config().identity() == json.loads(json.dumps(config().identity()))


@pytest.mark.parametrize("path", sorted(PRETRAIN.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_size_of_a_shipped_config_can_be_asked_for(path: Path) -> None:
    sizes = load_config(path, {}).sizes
    assert all(load_config(path, {"size": size}).size == size for size in sizes)


def test_the_recipe_of_the_page_can_be_trained() -> None:
    page = (PRETRAIN.parents[1] / "docs" / "train.md").read_text(encoding="utf-8")
    recipe = yaml.safe_load(page.partition("```yaml")[2].partition("```")[0])
    assert parse(PretrainConfig, recipe, "docs/train.md").optimizer.kind == "muon"
