"""What a signal is: one measured column, with its unit, its denominator and where the definition comes from."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True)
class Signal:
    """One column of a family.

    `unit`: what a value counts, with the denominator of a share ("lines / lines"). `view`: the text that is
    measured. `low` and `high`: the smallest and greatest value it can have, None for no bound; a policy's
    threshold outside them is an error. `null`: when the value is null, "never" where it always has one.
    """

    name: str
    type: pa.DataType
    unit: str
    definition: str
    source: str
    view: str = "raw"
    low: float | None = None
    high: float | None = None
    null: str = "never"

    @property
    def numeric(self) -> bool:
        """Whether a policy may set `min` and `max` on it."""
        return bool(pa.types.is_integer(self.type) or pa.types.is_floating(self.type))

    @property
    def field(self) -> pa.Field:
        """The column as declared in its family's schema."""
        return pa.field(self.name, self.type, metadata={"view": self.view, "unit": self.unit})


def count(name: str, unit: str, definition: str, source: str, view: str = "raw", null: str = "never") -> Signal:
    """A whole number from 0 on."""
    return Signal(name, pa.int32(), unit, definition, source, view, low=0, null=null)


def share(name: str, unit: str, definition: str, source: str, view: str = "raw", null: str = "never") -> Signal:
    """A ratio from 0 to 1, rounded to 1e-6."""
    return Signal(name, pa.float32(), unit, definition, source, view, low=0, high=1, null=null)


def number(
    name: str, unit: str, definition: str, source: str, view: str = "raw", low: float | None = 0,
    high: float | None = None, null: str = "never",
) -> Signal:  # fmt: skip
    """A real number, rounded to 1e-6."""
    return Signal(name, pa.float32(), unit, definition, source, view, low, high, null)


def flag(name: str, definition: str, source: str, view: str = "raw", null: str = "never") -> Signal:
    """True or false."""
    return Signal(name, pa.bool_(), "yes or no", definition, source, view, null=null)
