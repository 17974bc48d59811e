"""Deterministic mode."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import torch

from training.determinism import make_deterministic


@pytest.fixture(autouse=True)
def _restored(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")
    threads, before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(before)


def test_seeds_repeat_and_operators_without_a_deterministic_form_are_refused_by_name() -> None:
    make_deterministic(seed=3, threads=1)
    first = torch.rand(2)
    make_deterministic(seed=3, threads=1)
    assert torch.equal(torch.rand(2), first)
    with pytest.raises(RuntimeError, match=r"put_.*deterministic"):
        torch.zeros(3).put_(torch.tensor([0, 0]), torch.ones(2), accumulate=False)


def test_threads_are_fixed_and_a_users_workspace_setting_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    make_deterministic(seed=0, threads=1)
    assert torch.get_num_threads() == 1
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":16:8"
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")
    make_deterministic(seed=0, threads=1)
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
