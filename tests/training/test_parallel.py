"""What cannot be trained is refused with the reason and a choice that is valid; the rest becomes DeepSpeed's config."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from gristmill.settings import SettingsError, parse
from training.config import ModelConfig
from training.parallel import ParallelConfig, ParallelError, deepspeed_json, refuse_machine

MODEL = ModelConfig(layers=3, width=48, heads=6, kv_heads=2, hidden=64)
NVME = {"parameters": "nvme", "folder": "/disk"}


def config(**keys: Any) -> ParallelConfig:
    return parse(ParallelConfig, {"ranks": 4, **keys}, "p.yaml")


# What is asked for, why it is refused, and the change that the message names.
REFUSED: list[tuple[dict[str, Any], str, dict[str, Any]]] = [
    ({"tensor": 2, "pipeline": 2}, "AutoTP does not cut the layers of a PipelineModule", {"pipeline": 1}),
    ({"ranks": 5, "tensor": 2}, "ranks 5 is no multiple of tensor x pipeline = 2", {"ranks": 4}),
    ({"pipeline": 2, "zero_stage": 2}, "a pipeline has several in flight", {"zero_stage": 1}),
    ({"pipeline": 2, "zero_stage": 3}, "a pipeline has several in flight", {"zero_stage": 1}),
    ({"pipeline": 2, "zero_stage": 0, "precision": "bf16"}, "a gradient norm of its own", {"zero_stage": 1}),
    ({"tensor": 2, "zero_stage": 0, "precision": "bf16"}, "a gradient norm of its own", {"zero_stage": 1}),
    ({"zero_stage": 0, "offload": {"optimizer": "cpu"}}, "optimizer states that are cut", {"zero_stage": 1}),
    ({"zero_stage": 2, "offload": {"parameters": "cpu"}}, "ZeRO 3, not 2", {"zero_stage": 3}),
    ({"zero_stage": 2, "offload": {"optimizer": "nvme", "folder": "/d"}}, "ZeRO 3 alone", {"zero_stage": 3}),
    ({"zero_stage": 1, "pipeline": 2, "offload": {"optimizer": "cpu"}}, "not supported", {"pipeline": 1}),
    ({"zero_stage": 3, "offload": {"parameters": "nvme"}}, "needs a folder", {"offload": NVME}),
    ({"zero_stage": 0, "overlap": True}, "after backward", {"zero_stage": 1}),
    ({"pipeline": 2, "overlap": True}, "after the last micro-batch", {"overlap": False}),
    ({"zero_stage": 1, "compression": "int8"}, "inside DeepSpeed", {"zero_stage": 0}),
    ({"zero_stage": 0, "tensor": 2, "compression": "sign"}, "plain data parallel", {"compression": "none"}),
    ({"zero_stage": 0, "precision": "fp16", "compression": "sign"}, "overflow", {"precision": "bf16"}),
]


@pytest.mark.parametrize(("asked", "reason", "cure"), REFUSED)
def test_what_cannot_be_trained_is_refused_and_the_choice_that_is_named_works(
    asked: dict[str, Any], reason: str, cure: dict[str, Any]
) -> None:
    with pytest.raises(SettingsError, match=re.escape(reason)) as refused:
        config(**asked)
    assert all(key in str(refused.value) for key in cure)
    config(**{**asked, **cure})


@pytest.mark.parametrize(("asked", "cure"), [({"pipeline": 4}, {"pipeline": 2}), ({"tensor": 4}, {"tensor": 2})])
def test_a_model_that_cannot_be_cut_so_is_refused(asked: dict[str, int], cure: dict[str, int]) -> None:
    ((key, number),) = cure.items()
    with pytest.raises(ValueError, match=f"set {key} to {number}"):
        config(**asked).refuse_model(MODEL)
    config(**cure).refuse_model(MODEL)


def test_a_machine_that_lacks_what_is_asked_for_is_refused() -> None:
    plain = frozenset({"avx2"})
    with pytest.raises(ParallelError, match="set precision to bf16"):
        refuse_machine(config(precision="fp16"), 0, plain, has_libaio=True)
    with pytest.raises(ParallelError, match="set ranks to 2"):
        refuse_machine(config(), 2, plain, has_libaio=True)
    with pytest.raises(ParallelError, match="libaio-dev"):
        refuse_machine(config(zero_stage=3, offload=NVME), 0, plain, has_libaio=False)
    refuse_machine(config(precision="fp16"), 0, plain | {"avx512_fp16"}, has_libaio=False)
    refuse_machine(config(precision="fp16"), 4, plain, has_libaio=False)


@pytest.mark.parametrize(("tensor", "pipeline"), [(1, 1), (2, 1), (4, 1), (1, 2), (1, 4)])
def test_every_copy_of_the_model_has_equally_many_processes(tensor: int, pipeline: int) -> None:
    found = config(ranks=8, tensor=tensor, pipeline=pipeline)
    copies = [found.data_rank(rank) for rank in range(8)]
    assert {copies.count(copy) for copy in range(found.data_ranks)} == {tensor * pipeline}
    # As DeepSpeed lays them out: tensor shards are neighbours, stages are far apart.
    assert pipeline == 1 or copies[: found.data_ranks] == list(range(found.data_ranks))
    assert tensor == 1 or len(set(copies[:tensor])) == 1


def test_todays_keys_mean_what_they_meant() -> None:
    found = deepspeed_json(config(ranks=2, zero_stage=2, micro_batch=4), 16, 0.5)
    assert found["train_micro_batch_size_per_gpu"] * found["gradient_accumulation_steps"] * 2 == 16
    assert found["gradient_clipping"] == 0.5
    assert found["zero_optimization"]["stage"] == 2
    assert found["zero_optimization"]["overlap_comm"] is False
    assert not {"offload_optimizer", "offload_param"} & found["zero_optimization"].keys()
    assert not {"fp16", "tensor_parallel"} & found.keys()


def test_places_and_precisions_reach_deepspeed() -> None:
    found = deepspeed_json(config(zero_stage=3, precision="fp16", offload={"optimizer": "cpu", **NVME}), 32, 1.0)
    zero = found["zero_optimization"]
    assert (zero["offload_optimizer"]["device"], zero["offload_param"]["device"]) == ("cpu", "nvme")
    assert Path(zero["offload_param"]["nvme_path"]) == Path("/disk")
    assert found["fp16"]["enabled"]
    assert not found["bf16"]["enabled"]
    assert deepspeed_json(config(tensor=2), 32, 1.0)["tensor_parallel"]["autotp_size"] == 2


def test_whatever_is_not_refused_has_copies_and_fills_a_batch() -> None:
    names = ("ranks", "tensor", "pipeline", "zero_stage", "precision", "overlap", "compression")
    choices = product((1, 2, 6), (1, 2), (1, 3), range(4), ("fp32", "bf16"), (False, True), ("none", "int8"))
    valid = 0
    for values in choices:
        try:
            found = ParallelConfig.model_validate({**dict(zip(names, values, strict=True)), "micro_batch": 2})
        except ValueError as refused:
            assert re.search(r"set [\w. ]+ to|set one of", str(refused))  # noqa: PT017 (each refusal names a choice)
            continue
        valid += 1
        batch = 12 * found.data_ranks
        made = deepspeed_json(found, batch, 1.0)
        assert made["train_micro_batch_size_per_gpu"] * made["gradient_accumulation_steps"] * found.data_ranks == batch
    assert valid > 30
