"""Settings: an error names the file, the key and what to write instead."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import Field, ValidationError

from gristmill.settings import Settings, SettingsError, load_yaml, nearest, parse


class Bound(Settings):
    minimum: float = 0
    maximum: float = 1


class Rule(Settings):
    signal: str
    bounds: Bound = Bound()
    languages: dict[str, Bound] = Field(default_factory=dict)


class Policy(Settings):
    name: str
    rules: list[Rule] = Field(default_factory=list)
    fallback: Rule | None = None


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"nmae": "x"}, "file.yaml: unknown key 'nmae' (did you mean 'name'?)"),
        ({"rules": [{"signal": "s"}, {"singal": "s"}]}, "unknown key 'rules.1.singal' (did you mean 'signal'?)"),
        ({"rules": [{"bounds": {"minimun": 1}}]}, "'rules.0.bounds.minimun' (did you mean 'minimum'?)"),
        ({"rules": [{"languages": {"ko": {"maxmum": 1}}}]}, "'rules.0.languages.ko.maxmum' (did you mean 'maximum'?)"),
        ({"fallback": {"langs": {}}}, "'fallback.langs' (did you mean 'languages'?)"),
        ({"zzz": 1}, "unknown key 'zzz' (valid: fallback, name, rules)"),
    ],
)
def test_an_unknown_key_is_named_with_the_nearest_valid_one(data: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse(Policy, data, "file.yaml")
    assert message in str(caught.value)


def test_every_problem_has_a_line_that_names_file_and_key() -> None:
    with pytest.raises(SettingsError) as caught:
        parse(Policy, {"rules": [{"signal": 1}, {"bounds": {"minimum": "low"}}]}, "file.yaml")
    lines = str(caught.value).splitlines()
    assert [line.split(":")[:2] for line in lines] == [
        ["file.yaml", " name"],
        ["file.yaml", " rules.0.signal"],
        ["file.yaml", " rules.1.signal"],
        ["file.yaml", " rules.1.bounds.minimum"],
    ]


def test_settings_do_not_change_once_they_are_read() -> None:
    policy = parse(Policy, {"name": "a"}, "file.yaml")
    with pytest.raises(ValidationError):
        policy.name = "b"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"name: [", "not valid YAML"),
        (b"- name", "expected a mapping of keys to values, found list"),
        (b"name: \xff", "cannot be read"),
        (b"name: a\nname: b", "key 'name' stands twice"),
        (b"", "name: Field required"),
    ],
)
def test_a_file_that_is_no_mapping_is_an_error_that_names_it(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "policy.yaml"
    path.write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        load_yaml(Policy, path)
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)


def test_an_absent_file_is_an_error_that_names_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "there.yaml").touch()
    with pytest.raises(SettingsError, match=r"no such file; this folder has there\.yaml"):
        load_yaml(Policy, tmp_path / "their.yaml")
    with pytest.raises(SettingsError, match="cannot be read"):
        load_yaml(Policy, tmp_path)


def test_the_nearest_name_is_found_in_any_case() -> None:
    assert nearest("embedded-a", ["embedded-B", "embedded-A"]) == " (did you mean 'embedded-A'?)"
