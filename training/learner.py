"""The model of a config, untrained."""

from __future__ import annotations

from training.config import PretrainConfig
from training.losses import Learner
from training.model import Transformer
from training.objectives.config import embedding_size
from training.optimizer import transfer


def build_learner(config: PretrainConfig, vocabulary: int) -> Learner:
    """The untrained model of a config with the heads that its objectives need. `vocabulary`: the tokenizer's."""
    trunk = Transformer(config.model, embedding_size(config.objectives, vocabulary), config.seed)
    learner = Learner(trunk, config.objectives, config.seed, config.z_loss)
    transfer(learner, config.optimizer, config.model.width)
    return learner
