"""The one config of a pretraining run: what is trained, and how it is spread. Each component owns its part.

No torch here: the launcher stays small.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from gristmill.lake import hash_file, sha256_json
from gristmill.settings import Settings, SettingsError, load_yaml, nearest, parse
from training.energy import EnergyConfig
from training.groups import OptimizerConfig, conflict
from training.guard import GuardConfig
from training.objectives import config as mixture
from training.objectives.causal import CausalConfig
from training.objectives.config import ObjectiveConfig
from training.parallel import ParallelConfig
from training.schedule import RampStage, ScheduleConfig, batch_at, check_ramp, sequences_before
from training.shelf import CheckpointConfig

HOW = {"parallel", "checkpoint", "guard", "energy", "deterministic"}
"""Groups that say how a model is trained, not which."""


class ModelConfig(Settings):
    """`width` must be a multiple of `heads`, `heads` of `kv_heads`; `hidden` is SwiGLU's inner width."""

    layers: int = Field(ge=1)
    width: int = Field(ge=8)
    heads: int = Field(ge=1)
    kv_heads: int = Field(ge=1)
    hidden: int = Field(ge=8)
    rope_base: float = 10_000.0
    norm_epsilon: float = 1e-5

    @model_validator(mode="after")
    def _divisible(self) -> ModelConfig:
        if self.width % self.heads or self.heads % self.kv_heads or (self.width // self.heads) % 2:
            raise ValueError("width / heads must be an even whole number, and heads / kv_heads a whole number")
        return self


class PretrainConfig(Settings):
    """`global_batch` sequences of `sequence_length` tokens a step, whatever the number of ranks; fewer in the first
    stages of a `batch_ramp`. `z_loss`: weight of log(Z)^2 (Chowdhery et al. 2022: 1e-4).

    `deterministic`: refuse operators that may give other bits in another run, which can be slower.
    """

    size: str
    sizes: dict[str, ModelConfig] = Field(min_length=1)
    sequence_length: int = Field(default=128, ge=8)
    global_batch: int = Field(default=16, ge=1)
    batch_ramp: tuple[RampStage, ...] = ()
    steps: int = Field(default=200, ge=1)
    seed: int = Field(default=0, ge=0, lt=2**31)
    objectives: tuple[ObjectiveConfig, ...] = Field(default=(CausalConfig(),), min_length=1)
    z_loss: float = Field(default=0.0, ge=0)
    optimizer: OptimizerConfig = OptimizerConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    parallel: ParallelConfig = ParallelConfig()
    checkpoint: CheckpointConfig = CheckpointConfig()
    guard: GuardConfig = GuardConfig()
    energy: EnergyConfig = EnergyConfig()
    deterministic: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> PretrainConfig:
        if self.size not in self.sizes:
            raise ValueError(f"no model size '{self.size}'{nearest(self.size, list(self.sizes))}")
        parallel = self.parallel
        together = parallel.data_ranks * parallel.micro_batch
        if self.global_batch % together:
            raise ValueError(f"global_batch {self.global_batch} must be a multiple of ranks x micro_batch = {together}")
        check_ramp(self.batch_ramp, self.global_batch, together)
        mixture.check_mixture(self.objectives, self.sequence_length)
        parallel.refuse_model(self.model)
        offload = parallel.offload.optimizer != "none"
        cut = {"tensor": parallel.tensor, "pipeline": parallel.pipeline}
        of_optimizer = conflict(self.optimizer, zero_stage=parallel.zero_stage, offload=offload, **cut)
        if problem := of_optimizer or mixture.conflict(self.objectives, **cut):
            raise ValueError(problem)
        return self

    @property
    def model(self) -> ModelConfig:
        """The chosen size."""
        return self.sizes[self.size]

    @property
    def tokens(self) -> int:
        """Of all steps, padding included."""
        return sequences_before(self.steps, self.batch_ramp, self.global_batch) * self.sequence_length

    def batch_at(self, step: int) -> int:
        """Sequences of step 0, 1, ..."""
        return batch_at(step, self.batch_ramp, self.global_batch)

    def rate(self, step: int) -> float:
        """Learning rate of step 0 .. steps - 1."""
        return self.optimizer.learning_rate * self.schedule.share(step, self.steps)

    def identity(self) -> dict[str, Any]:
        """What makes the model, however many ranks train it: a run resumes on another layout, not with other data,
        another model or other rounding."""
        which = self.model_dump(mode="json", exclude=HOW | {"size", "sizes"})
        rounding = {"precision": self.parallel.precision, "compression": self.parallel.compression}
        return {**which, **rounding, "model": self.model.model_dump(mode="json")}

    def run_id(self, mix: str, tokens: str, tokenizer: str) -> str:
        """The same request on the same data is the same run; another mix is another request, whose model is its.

        Raises SettingsError for labelled data that are not there.
        """
        labels = [_digest(objective.data) for objective in self.objectives if hasattr(objective, "data")]
        return f"{self.size}-{sha256_json([self.identity(), mix, tokens, tokenizer, *labels])[:12]}"


def _digest(data: Path) -> str:
    if not data.is_file():
        raise SettingsError(f"{data}: no such file of labelled data; give an objective's `data` from the root")
    return hash_file(data)


def load_config(path: Path, changes: dict[str, Any]) -> PretrainConfig:
    """The config of a file with the request's changes: size, steps, seed, zero_stage. Raises SettingsError."""
    config = load_yaml(PretrainConfig, path)
    wanted = {key: value for key, value in changes.items() if value is not None}
    stage = wanted.pop("zero_stage", config.parallel.zero_stage)
    data = config.model_dump() | wanted
    data["parallel"] = data["parallel"] | {"zero_stage": stage}
    return parse(PretrainConfig, data, str(path))
