"""Score families: one dataset per model and snapshot, named by the model's name and digest; names alone."""

from __future__ import annotations

import re
from collections.abc import Mapping

MODEL = "score_model"
"""The dataset of a score's model: its arrays and its card."""

ALL = "score:*"
"""Stands for every score family among the inputs of a stage; which there are, the profile says."""

_FAMILY = re.compile(r"score:([a-z][a-z0-9_]{0,30}):([0-9a-f]{64})")


def family(name: str, digest: str) -> str:
    """The dataset that holds the scores of a model."""
    return f"score:{name}:{digest}"


def families(models: Mapping[str, str]) -> dict[str, str]:
    """name -> family of the models (name -> digest) that a profile names."""
    return {name: family(name, digest) for name, digest in sorted(models.items())}


def model_of(dataset: str) -> tuple[str, str] | None:
    """(name, digest) of the model of a score family; None for another dataset."""
    found = _FAMILY.fullmatch(dataset)
    return (found[1], found[2]) if found else None


def among(digests: Mapping[str, str]) -> dict[str, str]:
    """The score families among datasets (name -> digest), by name."""
    return {name: digests[name] for name in sorted(digests) if model_of(name)}
