"""The learner against plain arithmetic: each loss, their weighted sum, and what a split of the step changes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from pydantic import TypeAdapter

from training.batch import Batch, collate, plain_batch
from training.config import ModelConfig
from training.losses import Learner
from training.model import Transformer
from training.objectives.base import IGNORED, Row, Specials
from training.objectives.config import ObjectiveConfig, build, embedding_size

CONFIG = ModelConfig(layers=2, width=24, heads=4, kv_heads=2, hidden=40)
VOCABULARY, LENGTH = 40, 48
MIXTURE: list[dict[str, Any]] = [
    {"name": "causal"},
    {"name": "masked", "loss_scale": 2.0},
    {"name": "span", "mode": "X"},
    {"name": "contrastive", "temperature": 0.5},
    {"name": "tagging", "data": "absent", "classes": 5},
]


def learner(entries: list[dict[str, Any]], z_loss: float = 0.0) -> Learner:
    configs = TypeAdapter(list[ObjectiveConfig]).validate_python(entries)
    made = Learner(Transformer(CONFIG, embedding_size(configs, VOCABULARY), 3), configs, 3, z_loss)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.mul_(6.0 if parameter.dim() > 1 else 1.3)
    return made


def rows(made: Learner, counts: Sequence[int], seed: int = 0) -> tuple[list[Row], list[int]]:
    """So many rows of each objective, of random documents."""
    draw, found, owners = np.random.default_rng(seed), [], []
    for index, (config, count) in enumerate(zip(made.objectives, counts, strict=True)):
        objective = build(config, Specials(VOCABULARY))
        for _ in range(count):
            sizes = draw.integers(9, 17, 2)
            texts = [draw.integers(1, VOCABULARY, size).astype(np.uint32) for size in sizes]
            if config.name == "tagging":
                texts = [np.append(t, draw.integers(0, 6, len(t))).astype(np.uint32) for t in texts]
            found.append(objective.row(texts, LENGTH, draw))
            owners.append(index)
    return found, owners


def batches(made: Learner, counts: Sequence[int], sizes: Sequence[int]) -> list[Batch]:
    """The same rows in micro-batches of these sizes."""
    found, owners = rows(made, counts)
    order = np.random.default_rng(1).permutation(len(found)).tolist()
    parts = np.split(np.array(order), np.cumsum(sizes)[:-1])
    return [collate([found[i] for i in part], [owners[i] for i in part], LENGTH) for part in parts]


def step(made: Learner, parts: list[Batch]) -> tuple[float, torch.Tensor, list[torch.Tensor]]:
    """(loss, sums, gradients) of a whole step on one rank."""
    made.zero_grad()
    denominators = made.denominators(made.counts(parts))
    results = [made(part, denominators) for part in parts]
    for loss, _ in results:
        loss.backward()
    gradients = [p.grad for p in made.parameters()]
    assert all(g is not None for g in gradients), "a parameter took no part"
    total = sum(loss.item() for loss, _ in results)
    return (
        total,
        sum((sums for _, sums in results), start=torch.zeros(())),
        [g.clone() for g in gradients if g is not None],
    )


def test_a_causal_run_minimises_the_mean_surprise() -> None:
    made = learner([{"name": "causal"}])
    tokens, targets = torch.tensor([[3, 1, 4], [1, 5, 9]]), torch.tensor([[1, 4, 1], [5, 9, IGNORED]])
    loss, sums, _ = step(made, [plain_batch(tokens, targets)])
    with torch.no_grad():
        chances = made.trunk.logits(made.trunk(plain_batch(tokens))).softmax(-1)
    wanted = [-math.log(chances[i, j, t]) for i, j, t in ((0, 0, 1), (0, 1, 4), (0, 2, 1), (1, 0, 5), (1, 1, 9))]
    assert loss == pytest.approx(np.mean(wanted), rel=1e-5)
    assert sums.tolist() == [[pytest.approx(sum(wanted), rel=1e-5), 5]]


def plain_nats(made: Learner, batch: Batch) -> list[list[float]]:
    """(nats of each unit of each objective), from logits alone and one place at a time."""
    with torch.no_grad():
        hidden = made.trunk(batch)
    logits = made.trunk.logits(hidden).double().log_softmax(-1)
    found: list[list[float]] = [[] for _ in made.objectives]
    pairs: list[list[torch.Tensor]] = []
    for row, owner in enumerate(batch.objective.tolist()):
        title = made.objectives[owner].title
        if title == "contrastive":
            for k in range(1, int(batch.segments[row].max()) + 1):
                mean = hidden[row, batch.segments[row] == k].mean(0)
                point = made.heads.pairs[f"of_{title}"](mean).double()
                pairs.append([point / point.norm()]) if k % 2 else pairs[-1].append(point / point.norm())
            continue
        scores = (
            made.heads.classes[f"of_{title}"](hidden[row]).double().log_softmax(-1)
            if title == "tagging"
            else logits[row]
        )
        for place, target in enumerate(batch.targets[row].tolist()):
            if target != IGNORED:
                found[owner].append(-scores[place, target].item())
    for number in range(len(pairs)):
        both = 0.0
        for side in (0, 1):
            cosines = torch.stack([pairs[number][side] @ other[1 - side] for other in pairs]) / 0.5
            both -= cosines.log_softmax(0)[number].item() / 2
        found[3].append(both)
    return found


def test_a_mixture_is_the_weighted_sum_of_its_losses() -> None:
    made = learner(MIXTURE)
    counts = (3, 2, 4, 3, 2)
    [batch] = batches(made, counts, [14])
    loss, sums, _ = step(made, [batch])
    nats = plain_nats(made, batch)
    assert [len(n) for n in nats] == sums[:, 1].tolist()
    assert sums[:, 0].tolist() == pytest.approx([sum(n) for n in nats], rel=1e-4)
    scales = (1, 2, 1, 1, 1)
    parts = [scale * count / 14 * np.mean(n) for scale, count, n in zip(scales, counts, nats, strict=True)]
    assert loss == pytest.approx(sum(parts), rel=1e-4)


@pytest.mark.parametrize("sizes", [[7, 7], [1, 12, 1], [1] * 14])
def test_any_split_into_micro_batches_gives_the_same_step(sizes: list[int]) -> None:
    """Only the negatives of pairs are those of a micro-batch, so that this is about the others."""
    made = learner(MIXTURE)
    counts = (4, 3, 4, 0, 3)
    loss, sums, gradients = step(made, batches(made, counts, [14]))
    other_loss, other_sums, other_gradients = step(made, batches(made, counts, sizes))
    assert other_loss == pytest.approx(loss, rel=1e-5)
    torch.testing.assert_close(other_sums, sums)
    for one, other in zip(gradients, other_gradients, strict=True):
        torch.testing.assert_close(other, one, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("counts", [(2, 0, 0, 0, 0), (0, 0, 0, 2, 0), (0, 0, 0, 0, 2), (0, 2, 0, 0, 0)])
def test_every_parameter_takes_part_whatever_rows_there_are(counts: tuple[int, ...]) -> None:
    made = learner(MIXTURE)
    loss, sums, gradients = step(made, batches(made, counts, [2]))
    assert math.isfinite(loss)
    assert (sums[:, 1] > 0).tolist() == [count > 0 for count in counts]
    assert all(gradient.isfinite().all() for gradient in gradients)


def test_z_loss_is_the_square_of_the_log_partition() -> None:
    batch = batches(learner(MIXTURE), (2, 2, 0, 0, 0), [4])
    plain, sums, _ = step(learner(MIXTURE), batch)
    made = learner(MIXTURE, z_loss=0.01)
    found, same, _ = step(made, batch)
    with torch.no_grad():
        squares = made.trunk.logits(made.trunk(batch[0])).logsumexp(-1).square()
    wanted = batch[0].targets != IGNORED
    means = [squares[(batch[0].objective == o)[:, None] & wanted].mean().item() for o in (0, 1)]
    assert found - plain == pytest.approx(0.01 * (0.5 * means[0] + 2 * 0.5 * means[1]), rel=1e-3)
    torch.testing.assert_close(sums, same)


def test_a_tasks_head_learns_from_that_task_alone() -> None:
    made = learner(MIXTURE)
    parts = batches(made, (2, 2, 0, 0, 2), [6])
    step(made, parts)
    head, mine = made.heads.classes["of_tagging"].weight, parts[0].objective == 4
    assert head.grad is not None
    logits = made.trunk(parts[0])[mine].flatten(0, 1) @ head.T
    loss = F.cross_entropy(logits, parts[0].targets[mine].flatten(), ignore_index=IGNORED) / 3
    [wanted] = torch.autograd.grad(loss, [head])
    torch.testing.assert_close(head.grad, wanted, rtol=1e-4, atol=1e-6)


def test_a_mixture_in_bf16_follows_fp32() -> None:
    made = learner(MIXTURE)
    parts = batches(made, (2, 2, 2, 2, 2), [10])
    loss, _, _ = step(made, parts)
    found, _, gradients = step(made.bfloat16(), parts)
    assert found == pytest.approx(loss, rel=0.03)
    assert all(gradient.isfinite().all() for gradient in gradients)
