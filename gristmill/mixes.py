"""A mix: which released snapshots a model is trained on."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, field_validator

from gristmill import release
from gristmill.errors import UserError
from gristmill.lake import Lake, sha256_json
from gristmill.release import Release
from gristmill.settings import Settings, load_yaml


class Mix(Settings):
    """`snapshots` in order; `auto_start`: start pretraining once, when all of them are released."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,40}$")
    snapshots: list[str] = Field(min_length=1)
    auto_start: bool = False
    validation_share: float = Field(default=0.08, gt=0, lt=0.5)
    seed: int = 0

    @field_validator("snapshots")
    @classmethod
    def _once(cls, snapshots: list[str]) -> list[str]:
        if repeated := sorted({name for name in snapshots if snapshots.count(name) > 1}):
            raise ValueError(f"each snapshot may stand once; repeated: {', '.join(repeated)}")
        return snapshots


class MixIncomplete(UserError):
    """Some snapshots of the mix are not released; the message names them."""


def load_mix(path: Path) -> Mix:
    """Read a mix file; raises SettingsError."""
    return load_yaml(Mix, path)


def missing(lake: Lake, mix: Mix) -> list[str]:
    """Snapshots of the mix that have no release yet."""
    return [snapshot for snapshot in mix.snapshots if release.current(lake, snapshot) is None]


def mix_releases(lake: Lake, mix: Mix) -> list[Release]:
    """The releases of the mix, in its order; raises MixIncomplete."""
    if absent := missing(lake, mix):
        raise MixIncomplete(f"mix '{mix.name}' waits for the release of {', '.join(absent)}; see `gristmill status`")
    found = [release.current(lake, snapshot) for snapshot in mix.snapshots]
    return [r for r in found if r is not None]


def request_id(lake: Lake, mix: Mix) -> str:
    """Id of the training request for exactly these releases of a mix: announced twice, it is the same request.

    Raises MixIncomplete.
    """
    mixed = [[r.snapshot, r.digest] for r in mix_releases(lake, mix)]
    return f"{mix.name}-{sha256_json([mix.model_dump(mode='json'), mixed])[:12]}"
