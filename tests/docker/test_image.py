"""What the image recipe promises, read as text."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

INSTRUCTION = re.compile(r"^(ARG|FROM|ENV|RUN|WORKDIR|COPY|ADD|EXPOSE|USER|HEALTHCHECK|CMD|ENTRYPOINT|VOLUME)\s+(.*)$")
Stage = list[tuple[str, str]]


@pytest.fixture(scope="module")
def instructions(root: Path) -> Stage:
    """(instruction, arguments) with comments left out and continued lines joined."""
    lines = (root / "docker" / "Dockerfile").read_text(encoding="utf-8").splitlines()
    text = "\n".join(line for line in lines if not line.lstrip().startswith("#")).replace("\\\n", " ")
    found = [INSTRUCTION.match(line) for line in text.splitlines() if line.strip()]
    assert None not in found
    return [(match[1], " ".join(match[2].split())) for match in found if match]


@pytest.fixture(scope="module")
def final(instructions: Stage) -> Stage:
    """The stage that becomes the image."""
    last = max(i for i, (name, _) in enumerate(instructions) if name == "FROM")
    return instructions[last:]


def values(stage: Stage, name: str) -> list[str]:
    return [arguments for instruction, arguments in stage if instruction == name]


def test_the_base_image_is_the_users_choice_in_both_stages(instructions: Stage) -> None:
    assert values(instructions, "ARG") == ["BASE_IMAGE"]
    assert values(instructions, "FROM") == ["${BASE_IMAGE} AS build", "${BASE_IMAGE}"]


def test_the_image_runs_as_a_user_without_rights_and_knows_its_health(final: Stage) -> None:
    user = values(final, "USER")[-1]
    assert all(int(part) > 0 for part in user.split(":"))
    assert final.index(("USER", user)) > max(i for i, (name, _) in enumerate(final) if name in ("RUN", "COPY"))
    assert len(values(final, "HEALTHCHECK")) == 1


def test_the_final_stage_gets_java_and_nothing_else_from_debian(final: Stage) -> None:
    (run,) = values(final, "RUN")
    (packages,) = re.findall(r"apt-get install --yes --no-install-recommends ([^&]+)", run)
    assert packages.split() == ["openjdk-17-jre-headless"]
    assert all(arguments.startswith("--from=build /opt/") for arguments in values(final, "COPY"))


def test_pip_installs_only_what_the_lock_has(instructions: Stage) -> None:
    commands = [
        command
        for run in values(instructions, "RUN")
        for command in run.split("&&")
        if re.search(r"\bpip install\b", command)
    ]
    assert len(commands) == 4
    for command in commands:
        assert "--constraint requirements.lock" in command or "--no-deps" in command or "grep ^pip==" in command


def test_no_secret_gets_into_a_layer(instructions: Stage, root: Path) -> None:
    for name in ("ARG", "ENV"):
        assert not re.search(r"(?i)password|secret|token|_key", " ".join(values(instructions, name)))
    ignored = (root / ".dockerignore").read_text(encoding="utf-8").split("\n")
    assert "docker/secrets" in ignored
    assert "docker/.env" in ignored
    assert values(instructions, "ADD") == []


def test_the_build_context_is_an_allow_list_that_has_what_the_image_runs(root: Path) -> None:
    lines = [line for line in (root / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[:1] != "#"]
    assert lines[0] == "*"
    allowed = {line[1:] for line in lines if line.startswith("!")}
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    packages = {name.rstrip("*") for name in project["tool"]["setuptools"]["packages"]["find"]["include"]}
    files = {"pyproject.toml", "requirements.lock", project["project"]["readme"], *project["project"]["license-files"]}
    assert allowed == packages | files | {"dags", "configs", "docker"}
