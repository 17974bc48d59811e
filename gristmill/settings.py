"""Typed settings: YAML in, frozen pydantic models out, and errors that say what to change."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from gristmill.errors import UserError


class SettingsError(UserError):
    """A configuration that cannot be used; the message names the key and what to write instead."""


class Settings(BaseModel):
    """Base of every typed config: frozen, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


M = TypeVar("M", bound=Settings)


def parse(model: type[M], data: Mapping[str, Any], source: str) -> M:
    """Validate `data` as `model`.

    Raises:
        SettingsError: one line per problem, each naming `source`, the key and, for an unknown key,
            the nearest valid one.
    """
    try:
        return model.model_validate(dict(data))
    except ValidationError as error:
        problems = [_describe(model, dict(problem)) for problem in error.errors()]
        raise SettingsError("\n".join(f"{source}: {problem}" for problem in problems)) from None


def load_yaml(model: type[M], path: Path) -> M:
    """Read one YAML file as `model`; raises SettingsError when it is absent, not YAML, or not valid."""
    return parse(model, read_yaml(path), str(path))


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file; an empty file is an empty mapping."""
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), _UniqueKeys)  # noqa: S506 (a SafeLoader)
    except FileNotFoundError:
        near = sorted(p.name for p in path.parent.glob("*.yaml")) if path.parent.is_dir() else []
        raise SettingsError(f"{path}: no such file; this folder has {', '.join(near) or 'none'}") from None
    except yaml.YAMLError as error:
        raise SettingsError(f"{path}: not valid YAML: {error}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read: {error}") from None
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise SettingsError(f"{path}: expected a mapping of keys to values, found {type(data).__name__}")
    return data


class _UniqueKeys(yaml.SafeLoader):
    """Safe YAML in which a key that stands twice is an error, not the last one's win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"key '{key}' stands twice", node.start_mark)
        return super().construct_mapping(node, deep)


def nearest(name: str, valid: list[str]) -> str:
    """' (did you mean X?)' for the closest of `valid`, else the list of what is valid."""
    folded = {each.lower(): each for each in valid}
    if close := difflib.get_close_matches(name.lower(), folded, n=1, cutoff=0.5):
        return f" (did you mean '{folded[close[0]]}'?)"
    return f" (valid: {', '.join(sorted(valid)) or 'none'})"


def _describe(model: type[BaseModel], problem: dict[str, Any]) -> str:
    location = [str(part) for part in problem["loc"]]
    key = ".".join(location)
    if problem["type"] == "extra_forbidden":
        return f"unknown key '{key}'{nearest(location[-1], _fields_at(model, location[:-1]))}"
    return f"{key or 'value'}: {problem['msg']}"


def _fields_at(model: type[BaseModel], location: list[str]) -> list[str]:
    """Names of the fields of the (possibly nested) model that `location` points into."""
    choices = [model]
    for part in location:
        # Of a union that is told apart by a field, the value of that field stands in the location.
        if tagged := [c for c in choices if any(field.default == part for field in c.model_fields.values())]:
            choices = tagged
        elif (field := choices[0].model_fields.get(part)) is not None:
            choices = [t for t in _types_in(field.annotation) if issubclass(t, BaseModel)] or choices
    return list(choices[0].model_fields)


def _types_in(annotation: Any) -> list[type]:
    if isinstance(annotation, type):
        return [annotation]
    return [t for argument in getattr(annotation, "__args__", ()) for t in _types_in(argument)]
