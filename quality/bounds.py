"""The gates file: suites of bounds by group, and reviewed exceptions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from gristmill.lake import sha256_json
from gristmill.settings import Settings, SettingsError, load_yaml, nearest
from gristmill.verdicts import Severity

Group = Literal["contract", "completeness", "plausibility", "drift", "removals", "safety", "tokens", "model"]
Kind = Literal["snapshot", "tokens", "model"]
EXCEPTIONS = "exceptions.yaml"
"""Beside the gates file."""


class Spread(Settings):
    """A bound around the median of the earlier releases.

    Its half-width is the greatest of: `widths` times the median absolute deviation (times 1.4826, which makes it the
    standard deviation of a normal distribution); `floor`; `relative` times the median; `noise` standard errors of a
    share that rests on so many documents, now and then, or those that the row `<metric>_error` gives. With fewer than
    `enough` releases `wide` takes the place of `floor` and the MAD does not count; without `wide`, and without any
    release, it is not judged. `absent` is the value of a key that is not listed, such as 0 of a share.
    `keep`: no key of at least `material` may fall below this part of its median, whatever `floor`, `wide` and
    `relative` leave, unless the deviation or chance explains it (quality.limits); without it a share below `floor`
    could vanish unseen.
    """

    widths: float = Field(default=5, gt=0)
    floor: float = Field(default=0, ge=0)
    relative: float = Field(default=0, ge=0)
    noise: float = Field(default=0, ge=0)
    enough: int = Field(default=3, ge=2)
    wide: float | None = Field(default=None, gt=0)
    side: Literal["both", "max", "min"] = "both"
    absent: float | None = None
    keep: float = Field(default=0, ge=0, lt=1)
    material: float = Field(default=0, ge=0, lt=1)

    @model_validator(mode="after")
    def _some_width(self) -> Spread:
        if not self.floor and not self.relative:
            raise ValueError("give floor or relative: the spread of releases that are all alike is 0")
        return self


class Bound(Settings):
    """`metric` is `stage.metric`; it must lie from `min` to `max`, both inclusive unless `strict`, or near `history`.

    `scope` judges each key of that scope instead of the total. What rests on fewer than `least` documents (the row's
    count) is not judged.
    """

    name: str
    metric: str
    scope: str = "total"
    min: float | None = None
    max: float | None = None
    strict: bool = False
    history: Spread | None = None
    least: int = Field(default=0, ge=0)
    severity: Severity = "block"
    why: str

    @model_validator(mode="after")
    def _bounded(self) -> Bound:
        fixed = self.min is not None or self.max is not None
        if fixed == (self.history is not None):
            raise ValueError(f"check '{self.name}' needs min, max or both, or else history")
        return self


class Allowed(Settings):
    """A reviewed exception: one check is given wider limits, for named snapshots, for all dated `until` a day,
    or for the named ones among these.

    The day is compared with the snapshot's partition date, so that a verdict depends on no clock.
    """

    check: str
    snapshots: list[str] = Field(default_factory=list)
    until: date | None = None
    min: float | None = None
    max: float | None = None
    reason: str = Field(min_length=10)
    reviewer: str = Field(min_length=1)

    @model_validator(mode="after")
    def _complete(self) -> Allowed:
        if self.min is None and self.max is None:
            raise ValueError(f"the exception to '{self.check}' needs min, max or both")
        if not self.snapshots and self.until is None:
            raise ValueError(f"the exception to '{self.check}' must end: give snapshots or until")
        return self

    def applies(self, snapshot: str, day: date) -> bool:
        """With both `snapshots` and `until`, only to these snapshots and only until that day."""
        named = not self.snapshots or snapshot in self.snapshots
        return named and (self.until is None or day <= self.until)


class Allowances(Settings):
    """The file of exceptions."""

    exceptions: list[Allowed] = Field(default_factory=list)


class Gates(Settings):
    """The three suites by group; `version` names this set of bounds and is part of every verdict.

    `history`: how many earlier releases a snapshot is compared with. `evaluation`: files of evaluation sets that are
    sought in the corpus, relative to the gates file.
    """

    version: str
    history: int = Field(default=8, ge=0, le=100)
    evaluation: list[Path] = Field(default_factory=list)
    snapshot: dict[Group, list[Bound]] = Field(min_length=1)
    tokens: dict[Group, list[Bound]] = Field(min_length=1)
    model: dict[Group, list[Bound]] = Field(min_length=1)

    @model_validator(mode="after")
    def _names(self) -> Gates:
        for kind in ("snapshot", "tokens", "model"):
            names = [bound.name for _, bound in self.bounds(kind)]
            if repeated := sorted({name for name in names if names.count(name) > 1}):
                raise ValueError(f"{kind}: two checks are named {', '.join(repeated)}")
        return self

    def suite(self, kind: Kind) -> Mapping[Group, Sequence[Bound]]:
        """The bounds of one kind of gate by group."""
        found: Mapping[Group, Sequence[Bound]] = getattr(self, kind)
        return found

    def bounds(self, kind: Kind) -> Iterator[tuple[Group, Bound]]:
        """The bounds of one kind of gate, each with its group."""
        return ((group, bound) for group, bounds in self.suite(kind).items() for bound in bounds)


def load_gates(path: Path) -> tuple[Gates, list[Allowed]]:
    """The gates file and the exceptions in `exceptions.yaml` beside it, if there is one.

    Raises SettingsError, also for an exception to a check that the snapshot suite does not have.
    """
    gates = load_yaml(Gates, path)
    gates = gates.model_copy(update={"evaluation": [path.parent / name for name in gates.evaluation]})
    beside = path.parent / EXCEPTIONS
    allowed = load_yaml(Allowances, beside).exceptions if beside.is_file() else []
    names = [bound.name for _, bound in gates.bounds("snapshot")]
    for each in allowed:
        if each.check not in names:
            raise SettingsError(f"{beside}: no check '{each.check}' of a snapshot{nearest(each.check, names)}")
    return gates, allowed


def suite_name(gates: Gates, kind: Kind, allowed: Sequence[Allowed], beside: Sequence[str | int] = ()) -> str:
    """Version, kind and digest of the bounds, the exceptions that apply and the length of the history.

    `beside`: what else the figures follow from (quality.subjects.beside).
    """
    content = [
        [[group, bound.model_dump(mode="json")] for group, bound in gates.bounds(kind)],
        [each.model_dump(mode="json") for each in allowed], gates.history if kind == "snapshot" else 0,
        *beside,
    ]  # fmt: skip
    return f"{gates.version}/{kind}/{sha256_json(content)[:12]}"
