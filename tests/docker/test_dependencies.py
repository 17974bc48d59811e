"""pyproject.toml names what the code imports, and requirements.lock pins it."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

PRODUCT = ("gristmill", "spark_jobs", "quality", "training", "dags")
# airflow.sdk and airflow.providers.standard come with the packages that are named for them.
COVERED_BY = {
    "apache-airflow-core": "apache-airflow", "apache-airflow-task-sdk": "apache-airflow", "llvmlite": "numba",
    "starlette": "fastapi",
}  # fmt: skip


def normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[^\w.-]", name)[0]).lower()


@pytest.fixture(scope="module")
def project(root: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return loaded


@pytest.fixture(scope="module")
def pins(root: Path) -> dict[str, str]:
    """name -> version."""
    lines = (root / "requirements.lock").read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if not line.startswith("#"))


def imported(folder: Path) -> Iterator[str]:
    """First names of all absolute imports below a folder."""
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from (alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                yield node.module.partition(".")[0]


def test_every_import_of_the_product_is_a_direct_dependency(root: Path, project: dict[str, Any]) -> None:
    direct = {normalised(name) for name in project["dependencies"]}
    distributions = packages_distributions()
    names = {name for room in PRODUCT for name in imported(root / room)} - set(PRODUCT) - set(sys.stdlib_module_names)
    assert {"airflow", "deepspeed", "pyspark"} <= names
    for name in sorted(names):
        owners = {normalised(each) for each in distributions[name]}
        assert {COVERED_BY.get(owner, owner) for owner in owners} & direct, f"{name} comes with {sorted(owners)}"


def test_the_lock_pins_every_direct_dependency(project: dict[str, Any], pins: dict[str, str]) -> None:
    for text in [*project["dependencies"], *project["optional-dependencies"]["dev"]]:
        requirement = Requirement(text)
        assert requirement.specifier.contains(pins[normalised(requirement.name)]), text


def test_the_lock_suits_any_machine(pins: dict[str, str]) -> None:
    """No build's own version label, and none of the packages that only torch's GPU build needs."""
    assert not [f"{name}=={version}" for name, version in pins.items() if "+" in version or "@" in version]
    assert not [name for name in pins if re.match(r"nvidia|cuda|triton", name)]
