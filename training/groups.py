"""Which optimizer, and how parameters of different roles are treated by it. No torch here: the launcher reads this."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field, model_validator

from gristmill.settings import Settings

Role = Literal["embedding", "hidden", "head", "gain", "vector"]

MOVED = {
    "warmup_steps": "schedule.warmup_steps",
    "final_share": "schedule.final_share",
    "max_skipped_steps": "guard.tolerance",
}
"""Keys that profiles of earlier versions have here, and where each stands now."""


class OptimizerConfig(Settings):
    """`learning_rate` is the top of the schedule. Matrices decay by `weight_decay`, vectors do not.

    `muon` orthogonalises the momentum of the hidden matrices (Jordan et al. 2024) and leaves the rest to AdamW. Its
    updates are scaled to the size of AdamW's (Liu et al. 2025), so one learning rate serves both.

    `base_width`: the width at which `learning_rate` was tuned; it is then transferred to the model's width (muP,
    Yang et al. 2022). Without it the learning rate is used as it is.
    """

    kind: Literal["adamw", "muon"] = "adamw"
    learning_rate: float = Field(default=1e-3, gt=0)
    betas: tuple[float, float] = (0.9, 0.95)
    momentum: float = Field(default=0.95, ge=0, lt=1)
    weight_decay: float = Field(default=0.1, ge=0)
    clip_norm: float = Field(default=1.0, gt=0)
    base_width: int | None = Field(default=None, ge=8)

    @model_validator(mode="before")
    @classmethod
    def _moved(cls, data: Any) -> Any:
        if isinstance(data, dict) and (old := [key for key in MOVED if key in data]):
            raise ValueError("; ".join(f"{key} is now {MOVED[key]}" for key in old))
        return data


@dataclass(frozen=True)
class Treatment:
    """What one role's parameters get: factors of the initial deviation and of the learning rate, and their decay."""

    initial: float
    rate: float
    weight_decay: float


def role(name: str, dimensions: int) -> Role:
    """The role of a parameter of training.model or training.losses by its name, in a pipeline's stages as well."""
    parts = name.split(".")
    if dimensions < 2:
        return "gain" if parts[-2:] == ["norm", "weight"] else "vector"
    if parts[-2:] == ["embed", "weight"]:
        return "embedding"
    return "hidden" if "heads" not in parts and {"attention", "feed"} & set(parts) else "head"


def treatment(kind: Role, config: OptimizerConfig, width: int) -> Treatment:
    """How `config` treats a role in a model of `width`.

    With m = width / base_width, muP for Adam-like updates (Yang et al. 2022, table 3): hidden matrices start at
    1/sqrt(m) of their deviation and learn at 1/m of the rate; what reads the trunk out starts and learns at 1/m.
    Muon's updates have elements of one size, and so a spectral norm that grows with sqrt(m): there hidden matrices
    learn at 1/sqrt(m) (Yang, Simon and Bernstein 2023).
    The token head is tied to the embedding, which must not shrink: its 1/m goes into the gain of the last norm.
    Weight decay is divided by the rate's factor, so that their product does not depend on the width (Wang and
    Aitchison 2024).
    """
    m = width / (config.base_width or width)
    decay = 0.0 if kind in ("gain", "vector") else config.weight_decay
    match kind:
        case "hidden":
            rate = m**-0.5 if config.kind == "muon" else 1 / m
            return Treatment(m**-0.5, rate, decay / rate)
        case "head":
            return Treatment(1 / m, 1 / m, decay * m)
        case "gain":
            return Treatment(1 / m, 1 / m, decay)
        case _:
            return Treatment(1.0, 1.0, decay)


def conflict(config: OptimizerConfig, *, zero_stage: int, tensor: int, pipeline: int, offload: bool) -> str | None:
    """Why this optimizer cannot run on this layout, with the nearest one that can; None when it can."""
    if config.kind == "adamw":
        return None
    cure = "; set optimizer.kind to adamw"
    if tensor > 1:
        return f"muon needs whole matrices, and parallel.tensor {tensor} gives each rank a slice{cure} or tensor to 1"
    if pipeline > 1 and zero_stage > 0:
        return f"muon gathers its partitions over all ranks, but pipeline stages differ{cure} or zero_stage to 0"
    if offload:
        return f"muon's matrix products are too slow on the host of an offloaded optimizer{cure} or offload to none"
    return None
