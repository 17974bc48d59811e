"""Optimizers against torch's own, over whole matrices and over every way that ZeRO cuts them."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from training import optimizer as module
from training.batch import plain_batch
from training.config import ModelConfig
from training.groups import OptimizerConfig
from training.model import Transformer
from training.optimizer import build_optimizer, by_parameter, contiguous, orthogonalised, set_rate, transfer

SHAPES = [(5, 8), (8, 5), (3, 3), (16, 2)]


def nano(width: int = 16) -> Transformer:
    return Transformer(ModelConfig(layers=2, width=width, heads=2, kv_heads=1, hidden=2 * width), 11, 0)


def rows(seed: int = 0) -> Tensor:
    return torch.randint(0, 11, (4, 9), generator=torch.Generator().manual_seed(seed))


def loss(model: Transformer, tokens: Tensor) -> Tensor:
    return F.cross_entropy(logits(model, tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten())


def logits(model: Transformer, tokens: Tensor) -> Tensor:
    return model.logits(model(plain_batch(tokens)))


def trained(model: Transformer, optimizers: list[torch.optim.Optimizer], steps: int = 5) -> dict[str, Tensor]:
    for step in range(steps):
        for each in optimizers:
            each.zero_grad()
        loss(model, rows(step)).backward()
        for each in optimizers:
            each.step()
    return {name: p.detach() for name, p in model.named_parameters()}


def test_adamw_is_torchs_with_decay_on_matrices_alone() -> None:
    ours, theirs = nano(), nano()
    config = OptimizerConfig(learning_rate=0.01, weight_decay=0.3)
    matrices = [p for p in theirs.parameters() if p.dim() >= 2]
    vectors = [p for p in theirs.parameters() if p.dim() < 2]
    groups = [{"params": matrices, "weight_decay": 0.3}, {"params": vectors, "weight_decay": 0.0}]
    plain = torch.optim.AdamW(groups, lr=0.01, betas=(0.9, 0.95), foreach=False)
    found = trained(ours, [build_optimizer(ours.named_parameters(), config, 16)])
    for name, value in trained(theirs, [plain]).items():
        torch.testing.assert_close(found[name], value, rtol=1e-5, atol=1e-6)


def test_muon_is_torchs_on_hidden_matrices_and_adamw_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.Tensor, "bfloat16", lambda self: self)  # torch iterates in bf16 on CPUs, too
    ours, theirs = nano(), nano()
    config = OptimizerConfig(kind="muon", learning_rate=0.01, weight_decay=0.3)
    hidden = {n: p for n, p in theirs.named_parameters() if p.dim() == 2 and n != "embed.weight"}
    rest = [p for n, p in theirs.named_parameters() if n not in hidden]
    plain = [
        torch.optim.Muon(list(hidden.values()), lr=0.01, weight_decay=0.3, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(
            [{"params": rest[:1], "weight_decay": 0.3}, {"params": rest[1:], "weight_decay": 0.0}],
            lr=0.01, betas=(0.9, 0.95), foreach=False,
        ),
    ]  # fmt: skip
    found = trained(ours, [build_optimizer(ours.named_parameters(), config, 16)])
    for name, value in trained(theirs, plain).items():
        torch.testing.assert_close(found[name], value, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_an_orthogonalised_matrix_is_the_polynomial_of_its_singular_values(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    left, values, right = torch.linalg.svd(matrix.double(), full_matrices=False)
    values = values / values.norm()
    for _ in range(5):
        values = 3.4445 * values - 4.7750 * values**3 + 2.0315 * values**5
    assert ((values > 0.3) & (values < 1.3)).all()
    expected = (left * values) @ right * 0.2 * math.sqrt(max(shape))
    torch.testing.assert_close(orthogonalised(matrix).double(), expected, atol=1e-4, rtol=0)


def cut(matrices: list[Tensor], ranks: int) -> list[Tensor]:
    """As ZeRO 1 and 2 cut a group: concatenated, padded to a multiple of twice the ranks, in equal parts."""
    whole = torch.cat([m.flatten() for m in matrices])
    return list(F.pad(whole, (0, -len(whole) % (2 * ranks))).chunk(ranks))


def cut_each(matrices: list[Tensor], ranks: int) -> list[Tensor]:
    """As ZeRO 3 cuts a group: each matrix padded to a multiple of the ranks, a part of each per rank."""
    parts = [F.pad(m.flatten(), (0, -m.numel() % ranks)).view(ranks, -1) for m in matrices]
    return [torch.cat([part[rank] for part in parts]) for rank in range(ranks)]


@pytest.mark.parametrize("ranks", [1, 2, 3, 5])
@pytest.mark.parametrize(("layout", "cutting"), [(contiguous, cut), (by_parameter, cut_each)])
def test_partitions_get_the_parts_of_the_whole_matrices_updates(
    ranks: int, layout: Any, cutting: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = torch.Generator().manual_seed(0)
    matrices = [torch.randn(shape, generator=draw) for shape in SHAPES]
    parts, expected = cutting(matrices, ranks), cutting([orthogonalised(m) for m in matrices], ranks)
    monkeypatch.setattr(module, "_gathered", lambda part: torch.stack(parts))
    monkeypatch.setattr(module.dist, "is_initialized", lambda: True)
    monkeypatch.setattr(module.dist, "get_world_size", lambda: ranks)
    for rank in range(ranks):
        monkeypatch.setattr(module.dist, "get_rank", lambda rank=rank: rank)
        torch.testing.assert_close(layout(parts[rank], SHAPES), expected[rank])


def test_a_sub_group_with_a_part_of_a_groups_matrices_is_refused() -> None:
    with pytest.raises(ValueError, match="sub_group_size"):
        by_parameter(torch.zeros(40), SHAPES)


def test_rates_follow_the_schedule_times_each_groups_factor() -> None:
    found = build_optimizer(nano(32).named_parameters(), OptimizerConfig(base_width=8), 32)
    set_rate(found, 0.5)
    assert {group["lr"] for group in found.param_groups} == {0.5, 0.125}
    plain = build_optimizer(nano().named_parameters(), OptimizerConfig(), 16)
    set_rate(plain, 0.5)
    assert [group["lr"] for group in plain.param_groups] == [0.5, 0.5]


def moved(width: int, base: int | None, kind: str) -> float:
    """Root mean square by which three steps change the logits."""
    config = OptimizerConfig.model_validate({"kind": kind, "learning_rate": 0.003, "base_width": base})
    model = nano(width)
    transfer(model, config, width)
    with torch.no_grad():
        before = logits(model, rows()[:, :-1])
    trained(model, [build_optimizer(model.named_parameters(), config, width)], steps=3)
    with torch.no_grad():
        return float((logits(model, rows()[:, :-1]) - before).square().mean().sqrt())


@pytest.mark.parametrize("kind", ["adamw", "muon"])
def test_with_a_base_width_steps_move_the_logits_of_wide_and_narrow_models_alike(kind: str) -> None:
    """The coordinate check of Yang et al. 2022, at 8 times the width; without transfer wide models move further."""
    assert moved(256, 32, kind) / moved(32, 32, kind) < 2
    assert moved(256, None, kind) / moved(32, None, kind) > 5


@pytest.mark.train
def test_muon_on_two_ranks_trains_alike_in_every_zero_stage() -> None:
    script = Path(__file__).with_name("muon_ranks.py")
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--rdzv-backend=c10d",
               "--rdzv-endpoint=127.0.0.1:0", "--local-addr=127.0.0.1", str(script)]  # fmt: skip
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = [line for line in result.stdout.splitlines() if line.startswith("{")]
    assert lines, result.stderr[-3000:]
    found = json.loads(lines[-1])
    for stage in "0123":
        assert found[stage] == pytest.approx(found["plain"], rel=2e-5), stage
    assert found["plain"][-1] < found["plain"][0] - 0.1
