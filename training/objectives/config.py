"""The objectives of a mixture, by name, and how one is made of its config."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from training.objectives.base import Objective, Specials
from training.objectives.causal import Causal, CausalConfig
from training.objectives.contrastive import Contrastive, ContrastiveConfig
from training.objectives.masked import Masked, MaskedConfig
from training.objectives.middle import Middle, MiddleConfig
from training.objectives.prefix import Prefix, PrefixConfig
from training.objectives.span import Span, SpanConfig
from training.objectives.supervised import Classification, ClassificationConfig, Tagging, TaggingConfig

ObjectiveConfig = Annotated[
    CausalConfig | MaskedConfig | SpanConfig | PrefixConfig | MiddleConfig | ContrastiveConfig
    | ClassificationConfig | TaggingConfig,
    Field(discriminator="name"),
]  # fmt: skip
"""An entry of `objectives`: its `name` says which."""


def build(config: ObjectiveConfig, specials: Specials) -> Objective:
    """The objective of an entry."""
    match config:
        case CausalConfig():
            return Causal(config)
        case MaskedConfig():
            return Masked(config, specials)
        case SpanConfig():
            return Span(config, specials)
        case PrefixConfig():
            return Prefix(config)
        case MiddleConfig():
            return Middle(config, specials)
        case ContrastiveConfig():
            return Contrastive(config)
        case ClassificationConfig():
            return Classification(config, specials)
        case TaggingConfig():
            return Tagging(config)


def embedding_size(configs: Sequence[ObjectiveConfig], vocabulary: int) -> int:
    """Entries of the embedding: the tokenizer's, and the special tokens where an objective needs them."""
    return Specials(vocabulary).total if any(config.needs_specials for config in configs) else vocabulary


def check_mixture(configs: Sequence[ObjectiveConfig]) -> None:
    """Raises ValueError for a mixture without weight at its first step, or with one title twice."""
    titles = [config.title for config in configs]
    for title in titles:
        if titles.count(title) > 1:
            raise ValueError(f"two objectives are called '{title}'; give one of them a `label`")
    if not any(config.weight_at(0) for config in configs):
        raise ValueError("at step 0 no objective has a weight above 0")
