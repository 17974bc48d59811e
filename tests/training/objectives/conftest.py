"""The token objectives by name, and documents to make rows of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import TypeAdapter

from training.objectives.base import Objective, Specials
from training.objectives.config import ObjectiveConfig, build

VOCABULARY = 300
Documents = list[NDArray[np.uint32]]


def make(vocabulary: int = VOCABULARY, **entry: Any) -> Objective:
    """The objective of an entry of `objectives`."""
    return build(TypeAdapter(ObjectiveConfig).validate_python(entry), Specials(vocabulary))


def documents(total: int, seed: int) -> Documents:
    """Documents of `total` tokens in all, of 1 to 60 each; some are cut, without an end-of-text."""
    draw = np.random.default_rng(seed)
    found: Documents = []
    while total:
        size = min(total, int(draw.integers(1, 60)))
        tokens = draw.integers(1, VOCABULARY, size).astype(np.uint32)
        if draw.random() < 0.7:
            tokens[-1] = 0
        found.append(tokens)
        total -= size
    return found


@pytest.fixture(scope="session", name="make")
def _make() -> Callable[..., Objective]:
    return make


@pytest.fixture(scope="session", name="documents")
def _documents() -> Callable[[int, int], Documents]:
    return documents
