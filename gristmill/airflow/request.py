"""The pretraining request: what the trigger form gives, validated again in code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from gristmill.settings import Settings, parse, read_yaml

SnapshotId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
SizeName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,30}$")]


class PretrainRequest(Settings):
    """None means: as the profile says. `snapshots` replaces those of the profile's mix."""

    snapshots: list[SnapshotId] | None = Field(default=None, max_length=200)
    model_size: SizeName | None = None
    zero_stage: int | None = Field(default=None, ge=0, le=3, strict=True)
    steps: int | None = Field(default=None, ge=1, le=10_000_000, strict=True)
    seed: int | None = Field(default=None, ge=0, lt=2**31, strict=True)

    def options(self) -> dict[str, str | int | None]:
        """Values by the names of the stages' options. A mix of one's own is never promoted as the profile's."""
        return {
            "snapshots": ",".join(self.snapshots) if self.snapshots else None,
            "mix": "selection" if self.snapshots else None,
            "model-size": self.model_size,
            "zero-stage": self.zero_stage,
            "steps": self.steps,
            "seed": self.seed,
        }


def validated(params: Mapping[str, Any]) -> dict[str, str | int | None]:
    """The request's options from the run's params; undeclared ones are not looked at.

    Raises SettingsError when a value is bad or the size unknown, MixIncomplete when a snapshot is not released.
    """
    from gristmill.lake import Lake
    from gristmill.mixes import load_mix, mix_releases
    from gristmill.profile import load_profile
    from gristmill.settings import SettingsError, nearest

    given = {name: params[name] for name in PretrainRequest.model_fields if name in params}
    request = parse(PretrainRequest, given, "request")
    profile = load_profile()
    sizes = list(read_yaml(profile.pretrain).get("sizes", {}))
    if request.model_size and request.model_size not in sizes:
        raise SettingsError(f"request: no model size '{request.model_size}'{nearest(request.model_size, sizes)}")
    mix = load_mix(profile.mix)
    if request.snapshots:
        mix = mix.model_copy(update={"snapshots": request.snapshots})
    mix_releases(Lake.open(profile), mix)
    return request.options()
