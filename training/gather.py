"""All ranks' rows of a tensor, through which gradients flow back to the rank that each row came from."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.autograd.function import once_differentiable

Group = dist.ProcessGroup | None


def gather_rows(rows: Tensor, group: Group = None) -> tuple[Tensor, int]:
    """(the rows of all ranks in their order, index of this rank's first among them); ranks may hold unequal counts.

    Collective, in the backward pass too: every rank of the group has to take part in both. Without process groups,
    the rows themselves.
    """
    if not dist.is_initialized() or dist.get_world_size(group) == 1:
        return rows, 0
    ranks, rank = dist.get_world_size(group), dist.get_rank(group)
    counts = torch.zeros(ranks, dtype=torch.int64, device=rows.device)
    counts[rank] = len(rows)
    dist.all_reduce(counts, group=group)
    sizes = counts.tolist()
    longest = max(sizes)
    padded = torch.cat([rows, rows.new_zeros(longest - len(rows), *rows.shape[1:])])
    everything = _AllGather.apply(padded, group)  # type: ignore[no-untyped-call]
    real = torch.cat([torch.arange(size, device=rows.device) + r * longest for r, size in enumerate(sizes)])
    return everything.index_select(0, real), sum(sizes[:rank])


class _AllGather(torch.autograd.Function):
    """Rows of equal shape on all ranks. A row's gradient is the sum of the gradients that the ranks have for it."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, group: Group) -> Tensor:
        ctx.group, ctx.size = group, len(rows)
        ranks = dist.get_world_size(group)
        everything = rows.new_empty(ranks * len(rows), *rows.shape[1:])
        dist.all_gather_into_tensor(everything, rows.contiguous(), group=group)
        return everything

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        total = gradient.contiguous()
        dist.all_reduce(total, group=ctx.group)
        rank = dist.get_rank(ctx.group)
        return total[rank * ctx.size : (rank + 1) * ctx.size], None
