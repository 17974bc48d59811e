"""What a step minimises: one shared trunk, the heads that a mixture of objectives needs, and their weighted losses."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.batch import Batch
from training.gather import Group, gather_rows
from training.model import Transformer
from training.objectives.base import IGNORED
from training.objectives.config import ObjectiveConfig
from training.objectives.contrastive import ContrastiveConfig
from training.objectives.supervised import ClassificationConfig, TaggingConfig


class Heads(nn.Module):
    """The parameters besides the trunk's: a projection for pairs, classes for each supervised task."""

    def __init__(self, width: int, objectives: Sequence[ObjectiveConfig], seed: int) -> None:
        super().__init__()
        self.pairs = nn.ModuleDict()
        self.classes = nn.ModuleDict()
        for objective in objectives:
            if isinstance(objective, ContrastiveConfig):
                self.pairs[module(objective)] = nn.Linear(width, width, bias=False)
            elif isinstance(objective, ClassificationConfig | TaggingConfig):
                self.classes[module(objective)] = nn.Linear(width, objective.classes, bias=False)
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.normal_(0.0, 0.02, generator=generator)


def module(objective: ObjectiveConfig) -> str:
    """The name of an objective's head; a title alone could be that of a method of nn.Module."""
    return f"of_{objective.title}"


class Learner(nn.Module):
    """The trunk with the losses of a mixture.

    The loss of a step is the sum over objectives of loss_scale x share x (nats / units), where `share` is the
    objective's part of the step's sequences, and nats, units and shares are of all ranks and micro-batches. What
    `forward` returns are that sum's terms of one micro-batch, so that the terms of all ranks and micro-batches add
    up to the loss of the step, however it is split. An engine that averages over ranks or micro-batches has to
    multiply by their number.

    Every parameter takes part in every forward pass, with empty inputs where a head has no rows, and the graph has
    the same shape on every rank: collectives in hooks and in the contrastive loss meet in the same order.

    `z_loss` adds z_loss x log(Z)^2 for each predicted token (Chowdhery et al. 2022: 1e-4); it is in the loss, not in
    the counted nats.
    """

    def __init__(
        self, trunk: Transformer, objectives: Sequence[ObjectiveConfig], seed: int = 0, z_loss: float = 0.0,
        group: Group = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.trunk, self.heads = trunk, Heads(trunk.config.width, objectives, seed)
        self.objectives, self.z_loss, self.group = list(objectives), z_loss, group
        supervised = ContrastiveConfig, ClassificationConfig, TaggingConfig
        self.token_rows = [not isinstance(objective, supervised) for objective in self.objectives]

    def forward(self, batch: Batch, denominators: Tensor) -> tuple[Tensor, Tensor]:
        """(loss to call backward on, (objectives, 2) nats and units of this micro-batch, without gradient).

        `denominators`: (objectives,), of `self.denominators`.
        """
        hidden = self.trunk(batch)
        nats, penalty = self._tokens(hidden, batch)
        for index, objective in enumerate(self.objectives):
            if isinstance(objective, ClassificationConfig | TaggingConfig):
                nats = nats + self._on(index, self._classes(hidden, batch, index))
        # Last, so that the backward pass meets their collectives before those of any parameter's hooks.
        for index, objective in enumerate(self.objectives):
            if isinstance(objective, ContrastiveConfig):
                nats = nats + self._on(index, self._pairs(hidden, batch, index, objective.temperature))
        loss = ((nats + self.z_loss * penalty) / denominators).sum()
        return loss, torch.stack([nats.detach(), self.counts([batch])[:, 0].to(nats)], dim=1)

    def counts(self, batches: Sequence[Batch]) -> Tensor:
        """(objectives, 2) float64: units (predicted tokens, pairs, labels) and sequences of these micro-batches.

        The engine sums them over ranks, once a step, for `denominators`.
        """
        numbers = torch.arange(len(self.objectives), device=batches[0].tokens.device)
        pairs = torch.tensor([isinstance(o, ContrastiveConfig) for o in self.objectives], device=numbers.device)
        total = torch.zeros(len(numbers), 2, dtype=torch.float64, device=numbers.device)
        for batch in batches:
            mine = (batch.objective[:, None] == numbers).double()
            predicted, paired = (batch.targets != IGNORED).sum(1), batch.segments.amax(1) // 2
            units = torch.where(pairs, paired[:, None], predicted[:, None])
            total += torch.stack([(mine * units).sum(0), mine.sum(0)], dim=1)
        return total

    def denominators(self, counts: Tensor) -> Tensor:
        """(objectives,) of the counts of a whole step: what an objective's nats are divided by; infinite without
        units."""
        units, sequences = counts.unbind(1)
        scales = torch.tensor([objective.loss_scale for objective in self.objectives]).to(counts)
        share = sequences / sequences.sum()
        return torch.where(units > 0, units / (scales * share), torch.inf).float()

    def _on(self, index: int, value: Tensor) -> Tensor:
        """(objectives,) with `value` at `index`."""
        return value * F.one_hot(torch.tensor(index), len(self.objectives)).to(value)

    def _rows(self, batch: Batch, index: int) -> Tensor:
        return batch.objective == index

    def _tokens(self, hidden: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """(objectives,) each: cross-entropy of the predicted tokens, and the squares of log(Z)."""
        flat, targets = hidden.flatten(0, 1), batch.targets.flatten()
        owner = batch.objective.repeat_interleave(batch.targets.shape[1])
        if not (batch.plain and all(self.token_rows)):
            mine = torch.tensor(self.token_rows, device=owner.device)[owner] & (targets != IGNORED)
            chosen = mine.nonzero().squeeze(1)
            flat, targets, owner = flat.index_select(0, chosen), targets[chosen], owner[chosen]
        logits = self.trunk.logits(flat).float()
        nats = F.cross_entropy(logits, targets, reduction="none", ignore_index=IGNORED)
        if self.z_loss == 0:
            return self._per_objective(nats, owner), nats.new_zeros(len(self.objectives))
        squares = logits.logsumexp(1).square() * (targets != IGNORED)
        return self._per_objective(nats, owner), self._per_objective(squares, owner)

    def _per_objective(self, values: Tensor, owner: Tensor) -> Tensor:
        """(objectives,) sums of (n,) values; unlike scattered adds the same in every run on every device."""
        numbers = torch.arange(len(self.objectives), device=owner.device)
        return (values * (owner == numbers[:, None])).sum(1)

    def _classes(self, hidden: Tensor, batch: Batch, index: int) -> Tensor:
        """Cross-entropy of the labels of one task."""
        mine = (self._rows(batch, index)[:, None] & (batch.targets != IGNORED)).flatten()
        chosen = mine.nonzero().squeeze(1)
        head = self.heads.classes[module(self.objectives[index])]
        logits = head(hidden.flatten(0, 1).index_select(0, chosen)).float()
        return F.cross_entropy(logits, batch.targets.flatten()[chosen], reduction="sum")

    def _pairs(self, hidden: Tensor, batch: Batch, index: int, temperature: float) -> Tensor:
        """InfoNCE over this rank's pairs, against those of all ranks (Chen et al. 2020), both ways."""
        pooled = self._pooled(hidden, batch, self._rows(batch, index))
        projected = self.heads.pairs[module(self.objectives[index])](pooled)
        points = F.normalize(projected.float(), dim=-1)
        everything, first = gather_rows(points, self.group)
        answers = first + torch.arange(len(points), device=points.device)
        ways = [points[:, side] @ everything[:, 1 - side].T / temperature for side in (0, 1)]
        return 0.5 * sum((F.cross_entropy(way, answers, reduction="sum") for way in ways), start=points.new_zeros(()))

    @staticmethod
    def _pooled(hidden: Tensor, batch: Batch, rows: Tensor) -> Tensor:
        """(pairs, 2, width): means over the segments of the chosen rows, pairs in the order of rows and segments."""
        width = hidden.shape[-1]
        segments = torch.where(rows[:, None], batch.segments, 0).long()
        counts = segments.amax(1) // 2 * 2
        starts = counts.cumsum(0) - counts
        chosen = (segments > 0).flatten().nonzero().squeeze(1)
        place = (starts[:, None] + segments - 1).flatten()[chosen]
        size = int(counts.sum())
        flat = hidden.flatten(0, 1).index_select(0, chosen).float()
        sums = flat.new_zeros(size, width).index_add(0, place, flat)
        tokens = torch.bincount(place, minlength=size).clamp(min=1)
        return (sums / tokens[:, None]).to(hidden.dtype).view(-1, 2, width)
