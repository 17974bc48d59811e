"""The recipes and rules that docs/scores.md shows are ones that Gristmill takes."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from gristmill.profile import PROJECT
from spark_jobs.policies.model import Policy
from spark_jobs.policies.registry import installed
from spark_jobs.policies.validation import problems
from spark_jobs.scoring.recipe import Recipe, load_recipe


def blocks() -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", (PROJECT / "docs" / "scores.md").read_text(encoding="utf-8"), re.DOTALL)


def test_the_recipes_load(tmp_path: Path) -> None:
    recipes = [block for block in blocks() if "kind:" in block]
    assert {yaml.safe_load(block)["kind"] for block in recipes} == {"classifier", "outside"}
    for name in re.findall(r"(?:path|scores): ([a-z-]+\.[a-z]+)", "".join(recipes)):
        (tmp_path / name).touch()
    for block in recipes:
        (tmp_path / "recipe.yaml").write_text(block)
        assert isinstance(load_recipe(tmp_path / "recipe.yaml"), Recipe)


def test_the_rules_pass_a_policys_check() -> None:
    shown = next(yaml.safe_load(block) for block in blocks() if block.startswith(("# in a policy", "rules:")))
    assert problems(Policy(name="shown", rules=shown["rules"]), installed({"prose": "0" * 64})) == []
