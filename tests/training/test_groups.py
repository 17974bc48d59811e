"""Roles of parameters, their treatment at another width, and layouts that an optimizer cannot run on."""

from __future__ import annotations

from typing import Any

import pytest

from training.config import ModelConfig
from training.groups import OptimizerConfig, Role, conflict, role, treatment
from training.model import Transformer

NANO = ModelConfig(layers=2, width=16, heads=2, kv_heads=1, hidden=32)


def test_every_parameter_of_the_model_has_the_role_that_its_name_says() -> None:
    found = {name: role(f"trunk.{name}", p.dim()) for name, p in Transformer(NANO, 11, 0).named_parameters()}
    assert found.pop("embed.weight") == "embedding"
    assert found.pop("norm.weight") == "gain"
    assert {found.pop(name) for name in list(found) if "norm" in name} == {"vector"}
    assert set(found.values()) == {"hidden"}
    assert len(found) == 2 * 5
    assert role("heads.pairs.feed.weight", 2) == "head"
    assert role("3.feed.down.weight", 2) == "hidden"
    assert role("heads.classes.bias", 1) == "vector"


@pytest.mark.parametrize(
    ("kind", "initial", "rate", "decay"),
    [("embedding", 1, 1, 0.1), ("hidden", 0.5, 0.25, 0.4), ("head", 0.25, 0.25, 0.4), ("gain", 0.25, 0.25, 0),
     ("vector", 1, 1, 0)],
)  # fmt: skip
def test_four_times_the_base_width_is_treated_as_mup_says(
    kind: Role, initial: float, rate: float, decay: float
) -> None:
    found = treatment(kind, OptimizerConfig(base_width=64), 256)
    assert (found.initial, found.rate, found.weight_decay) == pytest.approx((initial, rate, decay))
    assert found.rate * found.weight_decay == pytest.approx(0.1 if decay else 0)


@pytest.mark.parametrize("config", [OptimizerConfig(), OptimizerConfig(base_width=256)])
def test_without_a_base_width_or_at_it_nothing_changes(config: OptimizerConfig) -> None:
    kinds: tuple[Role, ...] = ("embedding", "hidden", "head", "gain", "vector")
    assert all((treatment(k, config, 256).initial, treatment(k, config, 256).rate) == (1, 1) for k in kinds)


@pytest.mark.parametrize(
    ("layout", "reason"),
    [
        ({"tensor": 2}, "parallel.tensor 2"),
        ({"pipeline": 2, "zero_stage": 1}, "pipeline stages differ"),
        ({"offload": True}, "offload to none"),
        ({"pipeline": 2}, None),
        ({"zero_stage": 3}, None),
    ],
)
def test_muon_refuses_layouts_that_it_cannot_run_on_and_names_what_can(
    layout: dict[str, Any], reason: str | None
) -> None:
    whole = {"zero_stage": 0, "tensor": 1, "pipeline": 1, "offload": False, **layout}
    assert conflict(OptimizerConfig(), **whole) is None
    found = conflict(OptimizerConfig(kind="muon"), **whole)
    assert found is None if reason is None else found and reason in found and "adamw" in found
