"""Which data a step reads: the step's own, or later data when a rollback passed some over.

The route of a run is a file beside its checkpoints, written before a rollback takes effect. The data of a step is
a function of it alone, so whatever checkpoint a run resumes from, the same data are passed over.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

FILE = "route.json"


@dataclass(frozen=True)
class Detour:
    """From step `step` on (0-based) data step `last` + 1 and later are read: `first`..`last` are passed over."""

    step: int
    first: int
    last: int


@dataclass(frozen=True)
class Route:
    """A run's rollbacks, oldest first."""

    detours: tuple[Detour, ...] = ()

    def data_step(self, step: int) -> int:
        """The data step that optimizer step `step` (0-based) trains on."""
        # A later rollback to an earlier step goes past all that was read before: it overrules.
        for detour in reversed(self.detours):
            if step >= detour.step:
                return detour.last + 1 + step - detour.step
        return step

    def rolled_back(self, step: int, to: int) -> Route:
        """The route after a rollback from step `step`, whose data are at fault, to a checkpoint of step `to`."""
        last = max([self.data_step(step), *(detour.last for detour in self.detours)])
        return Route((*self.detours, Detour(to, self.data_step(to), last)))

    def write(self, folder: Path) -> None:
        """Replace the file in `folder`, durably and at once."""
        temporary = folder / f"{FILE}.tmp"
        with temporary.open("w", encoding="utf-8") as file:
            json.dump([asdict(detour) for detour in self.detours], file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(folder / FILE)


def read_route(folder: Path) -> Route:
    """The route of the run whose checkpoints are in `folder`; without a file nothing was passed over."""
    path = folder / FILE
    if not path.is_file():
        return Route()
    return Route(tuple(Detour(**each) for each in json.loads(path.read_bytes())))
