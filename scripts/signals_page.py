"""Write docs/signals.md, the reference of all signals, from the registry.

Usage:

    python scripts/signals_page.py
"""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from gristmill.signals import FAMILIES
from gristmill.signals.signal import Signal

PAGE = Path(__file__).parent.parent / "docs" / "signals.md"

_HEAD = """# Signals

Every column that `annotate` measures, by family. Policies set bounds on them by name. This page is generated from
`gristmill/signals/` by `python scripts/signals_page.py`.

A share says what is counted over what. A suffix names the published rules whose variant a signal is: rules of the same
name differ between systems. *View* is the text that is measured. A null means that a signal has no meaning for a
document; no rule over it applies there. Ratios are rounded to 1e-6.
"""
_COLUMNS = ("signal", "type", "unit", "range", "view", "definition", "null when", "source")


def page() -> str:
    """The whole page."""
    parts = [_HEAD]
    for family, signals in FAMILIES.items():
        parts += [f"\n## {family}\n", _row(_COLUMNS), _row(["---"] * len(_COLUMNS))]
        parts += [_row(_cells(signal)) for signal in signals]
    return "\n".join(parts) + "\n"


def _cells(signal: Signal) -> list[str]:
    low = "" if signal.low is None else f"{signal.low:g}"
    high = "" if signal.high is None else f"{signal.high:g}"
    bounds = f"{low} to {high}" if low and high else f"from {low}" if low else ""
    return [
        f"`{signal.name}`", _type(signal.type), signal.unit, bounds, signal.view, signal.definition, signal.null,
        signal.source,
    ]  # fmt: skip


def _type(kind: pa.DataType) -> str:
    return str(kind).replace("<element: ", "<").replace("<item: ", "<")


def _row(cells: list[str] | tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
