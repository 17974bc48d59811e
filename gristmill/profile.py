"""A profile: the one file that says where the lake, Spark and Airflow are, and which recipes apply."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, StringConstraints, field_validator, model_validator

from gristmill.notifiers import Notifier
from gristmill.references import resolved
from gristmill.settings import Settings, SettingsError, nearest, parse, read_yaml

DEFAULT_PROFILE = "demo"
STAGES = ("extract", "annotate", "deduplicate", "curate", "match", "tokenize")
"""Stages that a profile may configure; each owns the typed config of its section."""

_PATHS = ("work_dir", "lake", "policy", "gates", "mix", "pretrain")
S = TypeVar("S", bound=Settings)

OWN_USER = "admin"
UserName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Role = Literal["viewer", "user", "op", "admin"]
"""Roles of Airflow's simple auth manager: a viewer reads, a user also runs and answers, an op changes pools."""


class SparkSettings(Settings):
    """Where Spark runs. `local[N,F]` retries a failed task F-1 times; plain `local[N]` never does."""

    master: str = "local[2,4]"
    driver_memory: str = "1g"
    conf: dict[str, str] = Field(default_factory=dict)


class AirflowSettings(Settings):
    """`database`: SQLAlchemy URL of the metadata database, or `file:/PATH` of a file whose first line is the
    URL, so that no password stands in a profile; absent means SQLite in Airflow's own home.

    `schedule`: what an unpaused crawl_snapshot runs by itself: `none` (backfills and triggers only), `new` (the
    newest snapshot of the catalogue and those that are added later) or `all` (also every older one).

    `users`: who may log in, and as what; `admin` is Gristmill's own and must stay. `reviewers`: those who may
    approve or reject what a gate warns of; who answers none for `approval_hours` has rejected it. `late_hours`: when
    a queued snapshot or training has not ended after these, the profile's `alerts` say so.
    """

    database: str | None = None
    schedule: Literal["none", "new", "all"] = "new"
    parallelism: int = Field(default=4, ge=1, le=64)
    users: dict[UserName, Role] = Field(default={OWN_USER: "admin"})
    reviewers: list[UserName] = Field(default=[OWN_USER], min_length=1)
    approval_hours: float = Field(default=168, gt=0)
    late_hours: float = Field(default=24, gt=0)

    @model_validator(mode="after")
    def _can_answer(self) -> AirflowSettings:
        if self.users.get(OWN_USER) != "admin":
            raise ValueError(f"users must hold '{OWN_USER}: admin', as whom Gristmill drives Airflow")
        for name in self.reviewers:
            if name not in self.users:
                raise ValueError(f"reviewer '{name}' is no user{nearest(name, list(self.users))}")
            if self.users[name] == "viewer":
                raise ValueError(f"reviewer '{name}' is a viewer, who may not answer; make it a user")
        return self

    @property
    def database_url(self) -> str | None:
        """The URL itself; raises SettingsError when its file cannot be read."""
        return None if self.database is None else resolved(self.database, "airflow.database", "the database URL")


class Profile(Settings):
    """Everything that differs between one machine and a cluster. Paths are absolute once loaded.

    `objects`: path or URL, for any file system that fsspec knows, of a copy of the lake; training reads token shards
    there that `lake` does not hold.
    """

    name: str
    source: Path
    root: Path
    work_dir: Path
    lake: Path
    objects: str | None = None
    policy: Path
    gates: Path
    mix: Path
    pretrain: Path
    spark: SparkSettings = SparkSettings()
    airflow: AirflowSettings = AirflowSettings()
    alerts: list[Notifier] = Field(default_factory=list)
    stages: dict[str, dict[str, Any]] = Field(default_factory=dict)

    @field_validator("stages")
    @classmethod
    def _known(cls, sections: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        for name in sections:
            if name not in STAGES:
                raise ValueError(f"no stage '{name}'{nearest(name, list(STAGES))}")
        return sections

    def stage(self, name: str, model: type[S]) -> S:
        """The section `stages.<name>` as the typed config of the stage that owns it; its paths are absolute."""
        found = parse(model, self.stages.get(name, {}), f"{self.source}: stages.{name}")
        paths = {key: value for key, value in found if isinstance(value, Path)}
        return found.model_copy(update={key: self.root / path.expanduser() for key, path in paths.items()})


def project_root(start: Path) -> Path:
    """The nearest parent that holds a `configs` folder, else the folder of `start`."""
    for folder in start.resolve().parents:
        if (folder / "configs").is_dir():
            return folder
    return start.resolve().parent


PROJECT = project_root(Path(__file__))
"""Where Gristmill itself is: its profiles, DAG files and embedded crawl."""


def profile_path(name_or_path: str | None) -> Path:
    """Path of a profile given by name (`demo`), by path, or by $GRISTMILL_PROFILE when None."""
    wanted = name_or_path or os.environ.get("GRISTMILL_PROFILE") or DEFAULT_PROFILE
    if wanted.endswith((".yaml", ".yml")):
        return Path(wanted).resolve()
    folder = PROJECT / "configs" / "profiles"
    path = folder / f"{wanted}.yaml"
    if not path.is_file():
        raise SettingsError(f"no profile '{wanted}'{nearest(wanted, [p.stem for p in folder.glob('*.yaml')])}")
    return path


def load_profile(name_or_path: str | None = None) -> Profile:
    """Load a profile.

    Relative paths inside it are relative to the project folder: the nearest parent of the file that
    holds `configs/`. Raises SettingsError.
    """
    path = profile_path(name_or_path)
    data = read_yaml(path)
    if given := sorted({"source", "root"} & set(data)):
        raise SettingsError(f"{path}: '{given[0]}' is where the profile itself is, and cannot be set")
    root = project_root(path)
    for key in _PATHS:
        if isinstance(data.get(key), str):
            data[key] = root / Path(data[key]).expanduser()
    return parse(Profile, {"name": path.stem, **data, "source": path, "root": root}, str(path))


def profile_option(profile: Profile) -> str:
    """What a command line needs to mean this profile: nothing where it is the default here, else ` --profile X`."""
    if profile_path(None) == profile.source:
        return ""
    ours = profile.source.parent == PROJECT / "configs" / "profiles"
    return f" --profile {profile.source.stem if ours else shlex.quote(str(profile.source))}"
