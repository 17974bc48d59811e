"""The policies of the manual work as they are printed."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

from gristmill.profile import PROJECT
from spark_jobs.policies.loading import load_policy, policy_files
from spark_jobs.policies.model import OUTCOMES, Edits, Final, Policy, Rule
from spark_jobs.policies.registry import installed

PAGE = (PROJECT / "docs" / "policies.md").read_text(encoding="utf-8")
PRINTED = [textwrap.dedent(block) for block in re.findall(r"^ *```yaml\n(.*?)^ *```", PAGE, re.M | re.S)]


@pytest.mark.parametrize("number", range(len(PRINTED)))
def test_a_printed_policy_is_sound(tmp_path: Path, number: int) -> None:
    path = tmp_path / "printed.yaml"
    path.write_text(PRINTED[number], encoding="utf-8")
    assert load_policy(path, installed()).rules


def test_the_manual_names_every_word_that_is_no_rule_name() -> None:
    assert [name for name in OUTCOMES if f"`{name}`" not in PAGE] == []


def test_the_manual_has_policies_and_names_every_key_and_policy() -> None:
    assert len(PRINTED) == 2
    for model in (Policy, Rule, Edits, Final):
        assert [key for key in model.model_fields if f"`{key}" not in PAGE and f".{key}`" not in PAGE] == []
    assert [path.stem for path in policy_files() if f"`{path.stem}`" not in PAGE] in ([], ["default"])
