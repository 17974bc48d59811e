"""Real DeepSpeed processes against a plain PyTorch loop: every ZeRO stage trains the same model."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file

from tests.training.conftest import VOCABULARY
from training.batch import Batch, plain_batch
from training.config import PretrainConfig
from training.loader import Loader, Share
from training.model import Transformer
from training.stream import approved_stream
from training.tasks import build_sampler

pytestmark = pytest.mark.train

Trained = Callable[[int], Any]


def plain(run: Any) -> tuple[list[float], dict[str, torch.Tensor]]:
    """(loss per step, final weights) of one process, one batch, torch's own optimizer, on the same rows."""
    request = json.loads((run.folder / "request.json").read_bytes())
    config = PretrainConfig.model_validate(request["config"])
    model = Transformer(config.model, request["vocabulary"], config.seed)
    optimizer = torch.optim.AdamW(
        [
            {"params": [p for p in model.parameters() if p.dim() > 1], "weight_decay": config.optimizer.weight_decay},
            {"params": [p for p in model.parameters() if p.dim() == 1], "weight_decay": 0.0},
        ],
        betas=config.optimizer.betas,
        eps=1e-8,
    )
    losses = []
    for step, batch in enumerate(rows(run, config)):
        logits = model.logits(model(batch))
        loss = F.cross_entropy(logits.flatten(0, 1), batch.targets.flatten(), ignore_index=-100)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), config.optimizer.clip_norm)
        for group in optimizer.param_groups:
            group["lr"] = config.rate(step)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return losses, {name: value.detach() for name, value in model.named_parameters()}


def rows(run: Any, config: PretrainConfig) -> Iterator[Batch]:
    """Each step's global batch."""
    folder = run.bench.profile.work_dir / "tokens"
    stream = approved_stream(run.bench.lake, run.bench.tokens, "train", folder)
    sampler = build_sampler(
        config.objectives, stream, folder, vocabulary=VOCABULARY, length=config.sequence_length,
        batch=config.batch_at, seed=config.seed,
    )  # fmt: skip
    loader = Loader(sampler, config.sequence_length, Share(micro_batch=config.global_batch))
    for step in range(config.steps):
        [batch] = loader.step(step)
        yield batch
    loader.close()


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
    text = torch.tensor([d[:17] for d in run.bench.lake.read(run.bench.tokens).column("tokens").to_pylist()[:52]])
    with torch.no_grad():
        logits = model.logits(model(plain_batch(text[:, :-1])))
    loss = F.cross_entropy(logits.flatten(0, 1), text[:, 1:].flatten()).item()
    assert loss == pytest.approx(run.losses[-1], rel=0.1)


def test_nothing_is_compiled(trained: Trained) -> None:
    assert not trained(3).bench.compiled.exists()


def test_the_log_counts_the_parameters_that_zero_3_hides(trained: Trained) -> None:
    weights = load_file(str(trained(3).folder / "model.safetensors"))
    assert f"{sum(w.numel() for w in weights.values()):,} parameters, ZeRO stage 3" in trained(3).output
