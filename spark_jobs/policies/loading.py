"""Policies by name or path, checked as they are read."""

from __future__ import annotations

from pathlib import Path

from gristmill.profile import PROJECT
from gristmill.settings import SettingsError, load_yaml, nearest
from spark_jobs.policies.model import Policy
from spark_jobs.policies.registry import Registry
from spark_jobs.policies.validation import problems

FOLDER = PROJECT / "configs" / "policies"


def policy_path(name_or_path: str) -> Path:
    """Path of a policy given by name (`fineweb2`) or by path; raises SettingsError."""
    if name_or_path.endswith((".yaml", ".yml")):
        return Path(name_or_path)
    path = FOLDER / f"{name_or_path}.yaml"
    if not path.is_file():
        raise SettingsError(f"no policy '{name_or_path}'{nearest(name_or_path, [p.stem for p in policy_files()])}")
    return path


def policy_files() -> list[Path]:
    """The policies that come with Gristmill."""
    return sorted(FOLDER.glob("*.yaml"))


def load_policy(path: Path, registry: Registry) -> Policy:
    """Read and check a policy.

    Raises:
        SettingsError: an unknown key, signal, language or mask; a threshold that is impossible; a rule that can
            never fire. One line per problem.
    """
    policy = load_yaml(Policy, path)
    if found := problems(policy, registry):
        raise SettingsError("\n".join(f"{path}: {problem}" for problem in found))
    return policy
