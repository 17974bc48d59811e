"""The objectives of a mixture, by name, and how one is made of its config."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from gristmill.settings import SettingsError
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
            return Tagging(config, specials)


def embedding_size(configs: Sequence[ObjectiveConfig], vocabulary: int) -> int:
    """Entries of the embedding: the tokenizer's, and the special tokens where an objective needs them."""
    return Specials(vocabulary).total if any(config.needs_specials for config in configs) else vocabulary


def check_mixture(configs: Sequence[ObjectiveConfig], length: int) -> None:
    """Raises ValueError for a mixture without weight at its first step, with one title twice, or with an objective
    that cannot make rows of `length` tokens."""
    titles = [config.title for config in configs]
    for title in titles:
        if titles.count(title) > 1:
            raise ValueError(f"two objectives are called '{title}'; give one of them a `label`")
    # Between the steps that are named, weights go in straight lines, and a sum above 0 at both ends stays above it.
    named = {0, *(step for config in configs if isinstance(config.weight, dict) for step in config.weight)}
    for step in sorted(named):
        if not any(config.weight_at(step) for config in configs):
            raise ValueError(f"at step {step} no objective has a weight above 0")
    for config in configs:
        try:
            build(config, Specials(0)).capacity(length)
        except SettingsError as error:
            raise ValueError(f"objective {config.title}: {error}") from None


def conflict(configs: Sequence[ObjectiveConfig], *, tensor: int, pipeline: int) -> str | None:
    """Why a model cut over processes cannot learn this mixture, and what can; None where it can."""
    alone = len(configs) == 1 and isinstance(configs[0], CausalConfig) and configs[0].documents == "joined"
    if pipeline > 1 and not alone:
        return "a pipeline passes on no attention masks, and so learns joined causal text alone; set pipeline to 1"
    if tensor > 1 and any(isinstance(config, ContrastiveConfig) for config in configs):
        return "processes that hold parts of one model see the same pairs, which are no negatives; set tensor to 1"
    return None
