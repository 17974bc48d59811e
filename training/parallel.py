"""How one run is spread over processes: the config, what is refused and why, and DeepSpeed's JSON. Torch-free.

A combination that DeepSpeed 0.19.8 or this machine cannot train is refused while the config is read, or before the
ranks start, never by a rank's traceback; each refusal says why and names the nearest choice that works.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Protocol

from pydantic import Field, model_validator

from gristmill.errors import UserError
from gristmill.settings import Settings

Place = Literal["none", "cpu", "nvme"]


class ParallelError(UserError):
    """This machine cannot train that way; the message names a way that it can."""


class OffloadConfig(Settings):
    """Where ZeRO keeps the optimizer's states and the parameters (ZeRO 3 only) while they are not used.

    `folder`: for `nvme`, a folder on a local disk.
    """

    optimizer: Place = "none"
    parameters: Place = "none"
    folder: Path | None = None

    @model_validator(mode="after")
    def _placed(self) -> OffloadConfig:
        if "nvme" in (self.optimizer, self.parameters) and self.folder is None:
            raise ValueError("offload to nvme needs a folder on a local disk; give offload.folder, or use cpu")
        return self


class ParallelConfig(Settings):
    """`ranks` processes in `data_ranks` copies of the model; a copy is cut over `tensor` or `pipeline` processes.

    Each copy takes micro-batches of `micro_batch` sequences; ZeRO stage 0-3 shards what the copies would all hold.
    `bucket`: gradient elements per reduction. `overlap`: reduce them while backward still runs.
    `compression`: gradients cross the link in 8 bits or 1 bit, the error of a step is added to the next one's gradient.
    """

    ranks: int = Field(default=2, ge=1)
    zero_stage: int = Field(default=1, ge=0, le=3)
    micro_batch: int = Field(default=8, ge=1)
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    tensor: int = Field(default=1, ge=1)
    pipeline: int = Field(default=1, ge=1)
    offload: OffloadConfig = OffloadConfig()
    activation_checkpointing: bool = False
    overlap: bool = False
    bucket: int = Field(default=50_000_000, ge=1024)
    compression: Literal["none", "int8", "sign"] = "none"

    @model_validator(mode="after")
    def _possible(self) -> ParallelConfig:
        for problem in (self._split(), self._of_pipeline(), self._of_offload(), self._of_reduction()):
            if problem:
                raise ValueError(problem)
        return self

    @property
    def data_ranks(self) -> int:
        """Copies of the model."""
        return self.ranks // (self.tensor * self.pipeline)

    def data_rank(self, rank: int) -> int:
        """Which copy a process belongs to: tensor shards are neighbours, pipeline stages are `data_ranks` apart."""
        return rank % self.data_ranks if self.pipeline > 1 else rank // self.tensor

    def refuse_model(self, model: Shape) -> None:
        """Raises ValueError when a model of this shape cannot be cut so."""
        if model.layers < self.pipeline:
            raise ValueError(
                f"{model.layers} layers do not fill {self.pipeline} pipeline stages; "
                f"set pipeline to {largest_divisor(self.ranks, model.layers)}"
            )
        counts = {"heads": model.heads, "kv_heads": model.kv_heads, "hidden": model.hidden}
        uneven = [f"{name} {count}" for name, count in counts.items() if count % self.tensor]
        if uneven:
            whole = [self.ranks, *counts.values()]
            fits = max(n for n in range(1, self.tensor) if not any(count % n for count in whole))
            raise ValueError(
                f"tensor parallel over {self.tensor} ranks cuts heads and hidden width evenly, but {', '.join(uneven)} "
                f"cannot be; set tensor to {fits}"
            )

    def _split(self) -> str:
        if self.tensor > 1 and self.pipeline > 1:
            return (
                "tensor and pipeline together: DeepSpeed's AutoTP does not cut the layers of a PipelineModule; "
                "set one of them to 1 and use data parallel (more ranks) beside the other"
            )
        together = self.tensor * self.pipeline
        if self.ranks % together:
            near = max(1, round(self.ranks / together)) * together
            return f"ranks {self.ranks} is no multiple of tensor x pipeline = {together}; set ranks to {near}"
        if together > 1 and self.zero_stage == 0 and self.precision != "fp32":
            return (
                f"ZeRO 0 in {self.precision} on a model that is cut: DeepSpeed would clip each part by a gradient norm "
                "of its own; set zero_stage to 1"
            )
        return ""

    def _of_pipeline(self) -> str:
        if self.pipeline == 1:
            return ""
        if self.zero_stage > 1:
            return (
                f"pipeline with ZeRO {self.zero_stage}: stages 2 and 3 cut gradients after every micro-batch, while "
                "a pipeline has several in flight, so that DeepSpeed refuses it; set zero_stage to 1"
            )
        return ""

    def _of_offload(self) -> str:
        places = (self.offload.optimizer, self.offload.parameters)
        if places == ("none", "none"):
            return ""
        if self.pipeline > 1:
            return "offload with pipeline is not supported; set pipeline to 1, or offload.optimizer to none"
        if self.offload.parameters != "none" and self.zero_stage != 3:
            return (
                f"offload.parameters needs parameters that are cut: ZeRO 3, not {self.zero_stage}; set zero_stage to 3"
            )
        if self.zero_stage == 0:
            return "offload.optimizer needs optimizer states that are cut; set zero_stage to 1"
        if "nvme" in places and self.zero_stage != 3:
            return f"offload to nvme works with ZeRO 3 alone, not {self.zero_stage}; set zero_stage to 3, or use cpu"
        return ""

    def _of_reduction(self) -> str:
        if self.overlap and self.zero_stage == 0:
            return "overlap with ZeRO 0: DeepSpeed reduces its gradients after backward; set zero_stage to 1"
        if self.overlap and self.pipeline > 1:
            return "overlap with pipeline: DeepSpeed reduces after the last micro-batch there; set overlap to false"
        if self.compression == "none":
            return ""
        if self.zero_stage > 0:
            return (
                f"compression with ZeRO {self.zero_stage}: its reductions run inside DeepSpeed, uncompressed; "
                "set zero_stage to 0, or compression to none"
            )
        if self.tensor * self.pipeline > 1:
            return "compression serves plain data parallel; set tensor and pipeline to 1, or compression to none"
        if self.precision == "fp16":
            return "compression with fp16: scaled gradients overflow its scales; set precision to bf16"
        return ""


class Shape(Protocol):
    """What of a model's config decides how it can be cut."""

    @property
    def layers(self) -> int: ...
    @property
    def heads(self) -> int: ...
    @property
    def kv_heads(self) -> int: ...
    @property
    def hidden(self) -> int: ...


def largest_divisor(number: int, most: int) -> int:
    """The largest divisor of `number` that is at most `most`."""
    return max(n for n in range(1, max(1, most) + 1) if number % n == 0)


def refuse_machine(config: ParallelConfig, gpus: int, cpu_flags: frozenset[str], has_libaio: bool) -> None:
    """Raises ParallelError when this machine lacks what the config asks for; call it before a process starts.

    oneDNN computes in fp16 on a CPU with AVX512-FP16 or AVX-NE-CONVERT only; DeepSpeed asks it.
    """
    if config.precision == "fp16" and not gpus and not cpu_flags & {"avx512_fp16", "avx_ne_convert"}:
        raise ParallelError("fp16 needs a GPU, or a CPU with AVX512-FP16; set precision to bf16, which every CPU takes")
    if gpus and config.ranks > gpus:
        raise ParallelError(f"{config.ranks} ranks on {gpus} GPUs: a rank needs its own; set ranks to {gpus}")
    if "nvme" in (config.offload.optimizer, config.offload.parameters) and not has_libaio:
        raise ParallelError("offload to nvme needs libaio's headers (Debian: libaio-dev); install them, or use cpu")


def this_machine() -> tuple[int, frozenset[str], bool]:
    """(GPUs, the CPU's features, whether libaio can be compiled against): what `refuse_machine` asks for."""
    cpu = Path("/proc/cpuinfo")
    lines = cpu.read_text(encoding="utf-8").splitlines() if cpu.is_file() else []
    flags = next((line.partition(":")[2].split() for line in lines if line.startswith("flags")), [])
    gpus = [path for path in Path("/dev").glob("nvidia*") if path.name.removeprefix("nvidia").isdigit()]
    return len(gpus), frozenset(flags), Path("/usr/include/libaio.h").is_file()


def deepspeed_json(config: ParallelConfig, global_batch: int, clip_norm: float) -> dict[str, Any]:
    """DeepSpeed 0.19.8's config. The optimizer is ours and given to it, so that nothing is compiled at first use.

    Under mixed precision gradients cross the link in fp32. The engine tells DeepSpeed which micro-batch is a step's
    last, so its own accumulation count only has to agree with the batch sizes.
    """
    batch = config.micro_batch * config.data_ranks
    found: dict[str, Any] = {
        "train_micro_batch_size_per_gpu": config.micro_batch,
        "gradient_accumulation_steps": global_batch // batch,
        "gradient_clipping": clip_norm,
        "steps_per_print": 1_000_000_000,
        "bf16": {"enabled": config.precision == "bf16"},
        "communication_data_type": "fp32",
        "zero_allow_untested_optimizer": True,
        "zero_force_ds_cpu_optimizer": False,
        "zero_optimization": _zero(config),
        "checkpoint": {"tag_validation": "Fail"},
    }
    if config.precision == "fp16":  # a dynamic loss scale: 2^16, doubled after 1000 good steps, halved at an overflow
        found["fp16"] = {"enabled": True, "loss_scale": 0, "initial_scale_power": 16, "loss_scale_window": 1000}
    if config.tensor > 1:
        found["tensor_parallel"] = {"autotp_size": config.tensor, "partition_config": TENSOR_PARTITION}
    return found


def _zero(config: ParallelConfig) -> dict[str, Any]:
    """Stage 3 keeps a parameter whole everywhere below a five-hundredth of a bucket, DeepSpeed's own proportion."""
    found: dict[str, Any] = {
        "stage": config.zero_stage,
        "overlap_comm": config.overlap,
        "reduce_bucket_size": config.bucket,
        "allgather_bucket_size": config.bucket,
        "stage3_prefetch_bucket_size": config.bucket,
        "stage3_param_persistence_threshold": config.bucket // 500,
    }
    places = {"offload_optimizer": config.offload.optimizer, "offload_param": config.offload.parameters}
    for key, place in places.items():
        if place != "none":
            found[key] = {"device": place, "nvme_path": str(config.offload.folder), "pin_memory": False}
    return found


TENSOR_PARTITION: dict[str, Any] = {
    "use_default_specs": False,
    "layer_specs": [
        {"patterns": [r".*\.attention\.query\.weight$"], "partition_type": "column"},
        # Keys and values, gates and ups are stored one after the other: each half is cut.
        {
            "patterns": [r".*\.attention\.key_value\.weight$", r".*\.feed\.gate_up\.weight$"],
            "partition_type": "column",
            "shape": [2, -1],
            "partition_dim": 0,
        },
        {"patterns": [r".*\.attention\.out\.weight$", r".*\.feed\.down\.weight$"], "partition_type": "row"},
    ],
}
"""How AutoTP cuts `training.model.Transformer`: whole heads and slices of the feed-forward; the rest is replicated."""
