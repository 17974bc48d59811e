"""What one run of bench.pretraining trains: handed to its ranks as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from training.config import ModelConfig
from training.groups import OptimizerConfig
from training.parallel import ParallelConfig
from training.schedule import ScheduleConfig

OPTIMIZER = OptimizerConfig(learning_rate=1e-3, betas=(0.9, 0.99))
"""nanoGPT's for this text."""


@dataclass(frozen=True)
class Job:
    """One run: a model over the characters in `data`, `batch` sequences of `length` a step."""

    data: str
    plain: bool
    parallel: dict[str, Any]
    model: dict[str, int]
    length: int
    batch: int
    steps: int
    seed: int
    vocabulary: int = 65
    memory: bool = False

    @property
    def config(self) -> ModelConfig:
        return ModelConfig.model_validate(self.model)

    @property
    def spread(self) -> ParallelConfig:
        return ParallelConfig.model_validate(self.parallel)

    def rate(self, step: int) -> float:
        """nanoGPT's: 1e-3 after 100 steps, along a cosine to 1e-4."""
        return OPTIMIZER.learning_rate * ScheduleConfig(warmup_steps=min(100, self.steps // 2)).share(step, self.steps)
