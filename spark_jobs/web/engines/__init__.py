"""Engines of main-content extraction, by name. Each loads its libraries when it is first asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from gristmill.errors import UserError
from gristmill.settings import nearest
from spark_jobs.web.engines.content import Content, Engine, ExtractionError

DEFAULT = "gristmill"
ENGINES = {
    "gristmill": ("spark_jobs.web.engines.learned", "LearnedEngine"),
    "resiliparse": ("spark_jobs.web.engines.resiliparse", "ResiliparseEngine"),
    "trafilatura": ("spark_jobs.web.engines.trafilatura", "TrafilaturaEngine"),
}

__all__ = ["DEFAULT", "ENGINES", "Content", "Engine", "EngineError", "ExtractionError", "engine", "engine_version"]


class EngineError(UserError):
    """An extraction engine that does not exist."""


def engine(name: str) -> Engine:
    """The engine of that name; raises EngineError that names the nearest one."""
    made: Engine = _class(name)()
    return made


def engine_version(name: str) -> str:
    """`name-version`, for recipes and the column `extractor`, without loading the engine's models."""
    found = _class(name)
    return f"{found.name}-{found.version}"


def _class(name: str) -> Any:
    if name not in ENGINES:
        raise EngineError(f"there is no extraction engine '{name}'{nearest(name, list(ENGINES))}")
    module, attribute = ENGINES[name]
    return getattr(import_module(module), attribute)
