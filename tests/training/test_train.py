"""Real DeepSpeed processes against a plain PyTorch loop: every ZeRO stage trains the same model."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from training.config import PretrainConfig
from training.model import Transformer

pytestmark = pytest.mark.train

Trained = Callable[[int], Any]


@cache
def plain_run(request: str, stream: tuple[int, ...]) -> tuple[list[float], dict[str, torch.Tensor]]:
    """(loss per step, final weights) of one process, one batch, torch's own optimizer."""
    data = json.loads(request)
    config = PretrainConfig.model_validate(data["config"])
    model = Transformer(config.model, data["vocabulary"], config.seed)
    optimizer = torch.optim.AdamW(
        [
            {"params": [p for p in model.parameters() if p.dim() > 1], "weight_decay": config.optimizer.weight_decay},
            {"params": [p for p in model.parameters() if p.dim() == 1], "weight_decay": 0.0},
        ],
        betas=config.optimizer.betas,
        eps=1e-8,
    )
    size, length = config.global_batch, config.sequence_length
    windows = (len(stream) - 1) // length
    orders = [np.random.default_rng([config.seed, epoch]).permutation(windows) for epoch in range(9)]
    starts = np.concatenate(orders) * length
    losses = []
    for step in range(config.steps):
        rows = torch.tensor([stream[s : s + length + 1] for s in starts[step * size : step * size + size]])
        loss = model(rows[:, :-1], rows[:, 1:])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), config.optimizer.clip_norm)
        for group in optimizer.param_groups:
            group["lr"] = config.optimizer.rate(step, config.steps)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return losses, {name: value.detach() for name, value in model.named_parameters()}


def plain(run: Any) -> tuple[list[float], dict[str, torch.Tensor]]:
    request = json.loads((run.folder / "request.json").read_bytes())
    request["config"]["parallel"] = {"ranks": 1, "micro_batch": 1}
    documents = run.bench.lake.read(run.bench.tokens).column("tokens").to_pylist()[:-8]
    return plain_run(
        json.dumps({k: request[k] for k in ("config", "vocabulary")}), tuple(chain.from_iterable(documents))
    )


@pytest.mark.parametrize("stage", [0, 1, 2, 3])
def test_every_zero_stage_on_two_ranks_trains_as_a_plain_loop_does(trained: Trained, stage: int) -> None:
    run = trained(stage)
    losses, weights = plain(run)
    assert len(run.losses) == 20
    assert run.losses == pytest.approx(losses, rel=1e-4)
    assert run.losses[-1] < run.losses[0] - 1
    exported = load_file(str(run.folder / "model.safetensors"))
    assert exported.keys() == weights.keys()
    for name, value in weights.items():
        torch.testing.assert_close(exported[name], value, rtol=1e-3, atol=1e-4)


def test_bf16_follows_fp32(benches: Callable[..., Any], trained: Trained, tmp_path: Path) -> None:
    parallel = {"ranks": 2, "zero_stage": 2, "micro_batch": 4, "precision": "bf16"}
    run = benches(tmp_path, parallel=parallel).train()
    assert run.losses == pytest.approx(trained(2).losses, rel=0.02)
    assert run.losses != trained(2).losses


def test_exported_weights_load_into_the_model_and_give_the_loss_that_they_were_trained_to(trained: Trained) -> None:
    run = trained(3)
    request = json.loads((run.folder / "request.json").read_bytes())
    config = PretrainConfig.model_validate(request["config"])
    model = Transformer(config.model, request["vocabulary"], seed=12345)
    model.load_state_dict(load_file(str(run.folder / "model.safetensors")))
    rows = torch.tensor([d[:17] for d in run.bench.lake.read(run.bench.tokens).column("tokens").to_pylist()[:52]])
    with torch.no_grad():
        loss = model(rows[:, :-1], rows[:, 1:]).item()
    assert loss == pytest.approx(run.losses[-1], rel=0.1)


def test_nothing_is_compiled(trained: Trained) -> None:
    assert not trained(3).bench.compiled.exists()


def test_the_log_counts_the_parameters_that_zero_3_hides(trained: Trained) -> None:
    weights = load_file(str(trained(3).folder / "model.safetensors"))
    assert f"{sum(w.numel() for w in weights.values()):,} parameters, ZeRO stage 3" in trained(3).output
