"""The one config of a pretraining run; DeepSpeed's JSON is made from it. No torch here: the launcher stays small."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from gristmill.lake import sha256_json
from gristmill.settings import Settings, load_yaml, nearest, parse


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


class OptimizerConfig(Settings):
    """AdamW with a linear warm-up and a cosine decay to `final_share` of `learning_rate`; steps are optimizer steps.

    A step whose gradients are not finite is skipped; more than `max_skipped_steps` end the run.
    """

    learning_rate: float = Field(default=1e-3, gt=0)
    final_share: float = Field(default=0.1, ge=0, le=1)
    warmup_steps: int = Field(default=20, ge=0)
    betas: tuple[float, float] = (0.9, 0.95)
    weight_decay: float = Field(default=0.1, ge=0)
    clip_norm: float = Field(default=1.0, gt=0)
    max_skipped_steps: int = Field(default=3, ge=0)

    def rate(self, step: int, steps: int) -> float:
        """Learning rate of step 0..steps-1: a pure function, so a resumed run needs no scheduler state."""
        if step < self.warmup_steps:
            return self.learning_rate * (step + 1) / self.warmup_steps
        done = (step - self.warmup_steps) / max(1, steps - self.warmup_steps)
        cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
        return self.learning_rate * (self.final_share + (1 - self.final_share) * cosine)


class ParallelConfig(Settings):
    """`ranks` processes, each with micro-batches of `micro_batch` sequences; ZeRO stage 0-3 shards what they hold."""

    ranks: int = Field(default=2, ge=1)
    zero_stage: int = Field(default=1, ge=0, le=3)
    micro_batch: int = Field(default=8, ge=1)
    precision: Literal["fp32", "bf16"] = "fp32"


class CheckpointConfig(Settings):
    """A checkpoint every `every` steps and at the end; the newest `keep` stay."""

    every: int = Field(default=100, ge=1)
    keep: int = Field(default=2, ge=1)


class PretrainConfig(Settings):
    """`global_batch` sequences of `sequence_length` tokens a step, whatever the number of ranks."""

    size: str
    sizes: dict[str, ModelConfig] = Field(min_length=1)
    sequence_length: int = Field(default=128, ge=8)
    global_batch: int = Field(default=16, ge=1)
    steps: int = Field(default=200, ge=1)
    seed: int = Field(default=0, ge=0, lt=2**31)
    optimizer: OptimizerConfig = OptimizerConfig()
    parallel: ParallelConfig = ParallelConfig()
    checkpoint: CheckpointConfig = CheckpointConfig()

    @model_validator(mode="after")
    def _consistent(self) -> PretrainConfig:
        if self.size not in self.sizes:
            raise ValueError(f"no model size '{self.size}'{nearest(self.size, list(self.sizes))}")
        together = self.parallel.ranks * self.parallel.micro_batch
        if self.global_batch % together:
            raise ValueError(f"global_batch {self.global_batch} must be a multiple of ranks x micro_batch = {together}")
        return self

    @property
    def model(self) -> ModelConfig:
        """The chosen size."""
        return self.sizes[self.size]

    @property
    def accumulation(self) -> int:
        """Micro-batches per rank and step."""
        return self.global_batch // (self.parallel.ranks * self.parallel.micro_batch)

    def identity(self) -> dict[str, Any]:
        """What of the config makes a run: all but the sizes that were not chosen."""
        return {**self.model_dump(mode="json"), "sizes": None, "model": self.model.model_dump(mode="json")}

    def run_id(self, mix: str, tokens: str, tokenizer: str) -> str:
        """The same request on the same tokens is the same run; another mix is another request, whose model is its."""
        request = [self.identity(), mix, tokens, tokenizer]
        return f"{self.size}-z{self.parallel.zero_stage}-{sha256_json(request)[:12]}"

    def deepspeed(self) -> dict[str, Any]:
        """DeepSpeed 0.19.8's config. torch's own Adam, so that nothing is compiled at first use."""
        optimizer, parallel = self.optimizer, self.parallel
        return {
            "train_batch_size": self.global_batch,
            "train_micro_batch_size_per_gpu": parallel.micro_batch,
            "gradient_accumulation_steps": self.accumulation,
            "gradient_clipping": optimizer.clip_norm,
            "steps_per_print": 1_000_000_000,
            "optimizer": {
                "type": "AdamW",
                "params": {"lr": optimizer.learning_rate, "betas": list(optimizer.betas), "eps": 1e-8,
                           "weight_decay": optimizer.weight_decay, "torch_adam": True},
            },
            "bf16": {"enabled": parallel.precision == "bf16"},
            "zero_optimization": {"stage": parallel.zero_stage, "overlap_comm": False},
            "checkpoint": {"tag_validation": "Fail"},
        }  # fmt: skip


def load_config(path: Path, changes: dict[str, Any]) -> PretrainConfig:
    """The config of a file with the request's changes: size, steps, seed, zero_stage. Raises SettingsError."""
    config = load_yaml(PretrainConfig, path)
    wanted = {key: value for key, value in changes.items() if value is not None}
    stage = wanted.pop("zero_stage", config.parallel.zero_stage)
    data = config.model_dump() | wanted
    data["parallel"] = data["parallel"] | {"zero_stage": stage}
    return parse(PretrainConfig, data, str(path))
