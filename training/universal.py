"""Resuming with another number of ranks or another ZeRO stage.

DeepSpeed's converter gathers the shards of stages 1 to 3 into one file per parameter and kind of state ("universal
checkpoint"), and its engines load those into any number of ranks. What it lacks for changing between stage 0, stages
1 and 2, and stage 3 is the same few files under other names; they are made here.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
import torch.distributed as dist

from training.shelf import CheckpointError
from training.snapshot import tied_file, tied_layers

MOMENTS = ("exp_avg", "exp_avg_sq")
GROUPS = "parameters.json"
"""Names of the parameters of each optimizer group, which a checkpoint of stage 0 does not tell."""


@dataclass(frozen=True)
class Layout:
    """How a run is spread and what its optimizer keeps. `ranks` counts all processes; `tensor` and `pipeline` are
    degrees; `offload` is where the optimizer lives ("none", "cpu" or "nvme")."""

    ranks: int
    zero_stage: int
    tensor: int = 1
    pipeline: int = 1
    precision: str = "fp32"
    optimizer: str = "adamw"
    offload: str = "none"

    @property
    def tells_no_names(self) -> bool:
        """Whether an optimizer's state is saved by number alone, though it can be converted."""
        return self.zero_stage == 0 and self.precision == "fp32" and self.pipeline == self.tensor == 1

    def __str__(self) -> str:
        return (
            f"{self.ranks} ranks, ZeRO stage {self.zero_stage}, tensor {self.tensor}, pipeline {self.pipeline}, "
            f"{self.precision}, offload {self.offload}"
        )


def check(saved: Layout, wanted: Layout) -> None:
    """Raises CheckpointError when a checkpoint of one layout cannot be loaded with the other, with the reason and
    the nearest that can."""
    if saved == wanted:
        return
    stages = {saved.zero_stage, wanted.zero_stage}
    reasons = [
        ("the pipeline's stages are saved by layer, and only the same stages can load them",
         saved.pipeline > 1 or wanted.pipeline > 1),
        ("shards of tensor-parallel layers are converted for the same degree alone",
         saved.tensor > 1 or wanted.tensor > 1),
        ("an optimizer that was offloaded to NVMe is saved as its ranks swapped it out",
         "nvme" in (saved.offload, wanted.offload)),
        (f"DeepSpeed converts Adam's two moments, not the state of {saved.optimizer}",
         saved.optimizer != "adamw" and stages != {0}),
        ("DeepSpeed's stage 0 keeps no fp32 copy of the weights that another stage could read",
         0 in stages and stages != {0} and wanted.precision != "fp32"),
    ]  # fmt: skip
    for reason, applies in reasons:
        if applies:
            raise CheckpointError(f"a checkpoint of {saved} cannot go on with {wanted}: {reason}; resume with {saved}")


def load(engine: Any, folder: Path, saved: Layout, wanted: Layout) -> bool:
    """Collective. Load a checkpoint of layout `saved` into an engine of layout `wanted`; whether it was converted."""
    # Stage 0 has everything on every rank; then any number of ranks reads the same file.
    if saved == wanted or saved.zero_stage == wanted.zero_stage == 0:
        _load(engine, folder)
        return False
    converted = folder.with_name(f".universal-{folder.name}")
    _on_first_rank(lambda: convert(folder, converted, saved.zero_stage, wanted))
    settings = [{key: value for key, value in group.items() if key != "params"} for group in _groups(engine)]
    if wanted.zero_stage == 0:
        _load(engine, converted, load_optimizer_states=False)
        fill(engine, converted)
    else:
        with _universal(engine):
            _load(engine, converted)
        if wanted.zero_stage == 3:
            _separate_steps(engine)
    # Stage 3 gives every group the first one's weight decay.
    for group, own in zip(_groups(engine), settings, strict=True):
        group.update(own)
    dist.barrier()  # the others may still read it
    _on_first_rank(lambda: shutil.rmtree(converted))
    return True


def convert(folder: Path, target: Path, stage: int, wanted: Layout) -> None:
    """Make a universal checkpoint for layout `wanted` from one of ZeRO stage `stage`, in one process."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    if stage == 0:
        _split(folder, target)
    else:
        _gather(folder, target)
    model = _read(next(iter(sorted(folder.glob("*model_states.pt")))))
    zero = target / "zero"
    if stage == 3:
        _shape(zero, model["param_shapes"])
    _complete_state(zero, model["ds_version"])
    for stale in target.glob("*model_states.pt"):
        stale.unlink()
    if wanted.zero_stage == 0:
        names = [path.name for path in zero.iterdir() if path.is_dir()]
        model["module"] |= {name: _read(zero / name / "fp32.pt")["param"] for name in names}
    first, *others = [f"zero_pp_rank_{rank}_" if wanted.zero_stage == 3 else "" for rank in range(wanted.ranks)]
    torch.save(model, target / f"{first}mp_rank_00_model_states.pt")
    for other in others if wanted.zero_stage == 3 else []:
        os.link(target / f"{first}mp_rank_00_model_states.pt", target / f"{other}mp_rank_00_model_states.pt")


def parameter_names(engine: Any) -> list[list[str]]:
    """Names of the parameters of each group of a stage 0 engine's optimizer in fp32, in its order."""
    names = {id(parameter): name for name, parameter in engine.module.named_parameters()}
    return [[names[id(parameter)] for parameter in group["params"]] for group in _groups(engine)]


def fill(engine: Any, converted: Path) -> None:
    """Put Adam's state of a universal checkpoint into a stage 0 engine."""
    names = {id(parameter): name for name, parameter in engine.module.named_parameters()}
    optimizer = engine.optimizer
    for parameter in (parameter for group in optimizer.param_groups for parameter in group["params"]):
        source = converted / "zero" / names[id(parameter)]
        moments = {key: _read(source / f"{key}.pt")["param"].view_as(parameter).to(parameter) for key in MOMENTS}
        optimizer.state[parameter] = {"step": torch.as_tensor(_read(source / "step.pt")), **moments}


def _gather(folder: Path, target: Path) -> None:
    """DeepSpeed's converter; it prints its progress."""
    from deepspeed.checkpoint import ds_to_universal

    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        ds_to_universal.main(
            SimpleNamespace(
                input_folder=str(folder), output_folder=str(target), num_extract_workers=1, num_merge_workers=1,
                keep_temp_folder=False, strict=True, inject_missing_state=True,
            )
        )  # fmt: skip


def _split(folder: Path, target: Path) -> None:
    """A universal checkpoint from the whole state that stage 0 saves."""
    whole = _read(folder / "mp_rank_00_model_states.pt")
    names = [name for group in json.loads((folder / GROUPS).read_bytes()) for name in group]
    optimizer = whole["optimizer"]
    for number, name in enumerate(names):
        (target / "zero" / name).mkdir(parents=True)
        state = optimizer["state"][number]
        for key, value in {"fp32": whole["module"][name].float(), **{key: state[key] for key in MOMENTS}}.items():
            torch.save({"param": value, "cat_dim": 0}, target / "zero" / name / f"{key}.pt")
        torch.save(state["step"], target / "zero" / name / "step.pt")
    groups = [{key: value for key, value in group.items() if key != "params"} for group in optimizer["param_groups"]]
    torch.save({"param_groups": groups}, target / "zero" / "optimizer_state.pt")


def _shape(zero: Path, groups: list[dict[str, torch.Size]]) -> None:
    """Stage 3's converter writes flat tensors; the other stages expect shaped ones with their name."""
    for name, shape in ((name, shape) for group in groups for name, shape in group.items()):
        for key in ("fp32", *MOMENTS):
            path = zero / name / f"{key}.pt"
            torch.save({"param": _read(path).view(shape), "cat_dim": 0}, path)


def _complete_state(zero: Path, version: str) -> None:
    """Give stages 1 and 2, and stage 3, what each expects of the other: the number of updates, the groups."""
    path = zero / "optimizer_state.pt"
    common: dict[str, Any] = _read(path)
    parameters = [folder for folder in zero.iterdir() if folder.is_dir()]
    if "optimizer_state_dict" in common:
        step = next(iter(common["optimizer_state_dict"]["state"].values()))["step"]
    else:
        step = _read(parameters[0] / "step.pt")
    own = {"state": {0: {"step": step}}, "param_groups": common["param_groups"]}
    torch.save({**common, "ds_version": version, "optimizer_state_dict": own}, path)
    for folder in parameters:
        torch.save(step, folder / "step.pt")


def _load(engine: Any, folder: Path, **options: Any) -> None:
    path, _ = engine.load_checkpoint(str(folder.parent), tag=folder.name, **options)
    if path is None:
        raise CheckpointError(f"DeepSpeed did not load {folder}; see its log above")
    if tied := tied_layers(engine):
        tied.load_state_dict(_read(tied_file(folder)))


def _groups(engine: Any) -> list[dict[str, Any]]:
    groups: list[dict[str, Any]] = engine.optimizer.param_groups
    return groups


def _read(path: Path) -> Any:
    """What was saved here or by DeepSpeed, whose digests have been compared."""
    return torch.load(path, map_location="cpu", weights_only=False)


def _separate_steps(engine: Any) -> None:
    """Stage 3 loads one tensor as the number of updates of all groups, and Adam would count it up once for each."""
    for state in engine.optimizer.optimizer.state.values():
        state["step"] = state["step"].clone()


@contextlib.contextmanager
def _universal(engine: Any) -> Iterator[None]:
    """DeepSpeed reads this setting only when it loads; a config would need it before a checkpoint is chosen."""
    engine._config.load_universal_checkpoint = True
    try:
        yield
    finally:
        engine._config.load_universal_checkpoint = False


def _on_first_rank(work: Any) -> None:
    """Do something on rank 0, and fail everywhere if it fails there."""
    error: list[str | None] = [None]
    if dist.get_rank() == 0:
        try:
            work()
        except Exception as failure:
            error = [f"{type(failure).__name__}: {failure}"]
    dist.broadcast_object_list(error)
    if error[0]:
        raise CheckpointError(
            f"the checkpoint could not be converted to this number of ranks and ZeRO stage: {error[0]}"
        )
