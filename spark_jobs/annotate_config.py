"""What annotate is configured with, and so which signals there are; apart from it, for those who decide."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, StringConstraints

from gristmill.profile import Profile
from gristmill.settings import Settings
from spark_jobs.policies.registry import Registry, installed

STAGE = "annotate"
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,30}$")]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class AnnotateConfig(Settings):
    """`url_lists`: a folder of domain lists (CATEGORY/domains, CATEGORY/urls) beside the word lists that come
    with Gristmill. Their content, not their place, is in the recipe. `scores`: the models that score documents, name
    -> digest, as `gristmill score train` prints them."""

    url_lists: Path | None = None
    scores: dict[Name, Digest] = Field(default_factory=dict)


def score_models(profile: Profile) -> dict[str, str]:
    """The models (name -> digest) that a profile's documents are scored with; raises SettingsError."""
    return dict(profile.stage(STAGE, AnnotateConfig).scores)


def registry_of(profile: Profile) -> Registry:
    """The signals that a policy of this profile can name: those that are always measured, and the profile's scores."""
    return installed(score_models(profile))
