"""Engines of main-content extraction, by name. Each loads its libraries when it is first asked for."""

from __future__ import annotations

import difflib
from importlib import import_module

from gristmill.errors import UserError
from spark_jobs.web.engines.content import Content, Engine, ExtractionError

DEFAULT = "gristmill"
ENGINES = {
    "gristmill": ("spark_jobs.web.engines.learned", "LearnedEngine"),
    "resiliparse": ("spark_jobs.web.engines.resiliparse", "ResiliparseEngine"),
    "trafilatura": ("spark_jobs.web.engines.trafilatura", "TrafilaturaEngine"),
}

__all__ = ["DEFAULT", "ENGINES", "Content", "Engine", "EngineError", "ExtractionError", "engine"]


class EngineError(UserError):
    """An extraction engine that does not exist."""


def engine(name: str) -> Engine:
    """The engine of that name; raises EngineError that names the nearest one."""
    if name not in ENGINES:
        close = difflib.get_close_matches(name, ENGINES, n=1, cutoff=0.4)
        hint = f"did you mean '{close[0]}'?" if close else f"there are {', '.join(ENGINES)}"
        raise EngineError(f"there is no extraction engine '{name}'; {hint}")
    module, cls = ENGINES[name]
    made: Engine = getattr(import_module(module), cls)()
    return made
