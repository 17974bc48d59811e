"""How much memory the tensors of a process hold."""

from __future__ import annotations

import gc

import torch


def tensor_bytes() -> int:
    """Bytes of all tensors that this process holds, each storage once."""
    gc.collect()
    storages: dict[int, int] = {}
    for each in gc.get_objects():
        if issubclass(type(each), torch.Tensor) and each.device.type == "cpu":  # isinstance wakes lazy objects
            held = [each] if each.grad is None else [each, each.grad]
            storages |= {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in held}
    return sum(storages.values())
